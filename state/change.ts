import type { EpochMs } from "../common/clock.ts";
import type { Site } from "../common/config/site.ts";

/**
 * What somebody wants to be different. The set is closed: everything that reads the log switches
 * over `kind`, and the compiler finds the places that a new kind concerns.
 */
export type ChangeBody =
  /** Adds a site or replaces it whole. */
  | { readonly kind: "site-put"; readonly site: Site }
  | { readonly kind: "site-remove"; readonly site: string }
  /** Objects of these URLs, stored before this change, must not be served any more. */
  | { readonly kind: "purge-urls"; readonly site: string; readonly urls: readonly string[] }
  /** The same for everything that a site has stored. */
  | { readonly kind: "purge-all"; readonly site: string }
  /** Routers stop answering with this edge; it finishes what it has. */
  | { readonly kind: "drain"; readonly edge: string }
  | { readonly kind: "undrain"; readonly edge: string };

/** One entry of the ordered log. */
export interface Change {
  /** 1, 2, 3 and so on, without gaps, per log. Order is decided by this, never by a clock. */
  readonly version: number;
  /** When the store accepted it: for people and for latency figures. */
  readonly at: EpochMs;
  /** Who asked for it: a token's name, or `config` for what the configuration file says. */
  readonly by: string;
  readonly body: ChangeBody;
}
