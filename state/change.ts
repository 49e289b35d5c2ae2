import type { EpochMs } from "../common/clock.ts";
import type { Site } from "../common/config/site.ts";
import type { RecordChange } from "./certificates.ts";
import type { TokenRecord } from "./records.ts";

/**
 * What somebody wants to be different. The set is closed: everything that reads the log switches
 * over `kind`, and the compiler finds the places that a new kind concerns.
 */
export type ChangeBody =
  /** Adds a site or replaces it whole. */
  | { readonly kind: "site-put"; readonly site: Site }
  | { readonly kind: "site-remove"; readonly site: string }
  /** Objects of these URLs, stored before this change, must not be served any more. */
  | (Purge & { readonly kind: "purge-urls"; readonly urls: readonly string[] })
  /** The same for objects whose URL begins with one of these, host included. */
  | (Purge & { readonly kind: "purge-prefixes"; readonly prefixes: readonly string[] })
  /** The same for objects that carry one of these tags. */
  | (Purge & { readonly kind: "purge-tags"; readonly tags: readonly string[] })
  /** The same for everything that a site has stored. */
  | (Purge & { readonly kind: "purge-all" })
  /** Routers stop answering with this edge; it finishes what it has. */
  | { readonly kind: "drain"; readonly edge: string }
  | { readonly kind: "undrain"; readonly edge: string }
  /** Whoever shows this token may call the control API; replaces the one of the same id. */
  | { readonly kind: "token-put"; readonly token: TokenRecord }
  /** Nobody may show this token any more. */
  | { readonly kind: "token-remove"; readonly token: string }
  /** Certificates, and how they are got. */
  | RecordChange;

/** What all purges say. */
interface Purge {
  readonly site: string;
  /**
   * The objects become stale instead: served while they are refreshed or while the origin fails, as
   * far as they allow it. A reader that does not know this field purges hard.
   */
  readonly soft?: true;
}

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
