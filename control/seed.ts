import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../common/clock.ts";
import type { Config } from "../common/config/schema.ts";
import type { Site } from "../common/config/site.ts";
import type { Logger } from "../common/log.ts";
import { type StateStore, StateUnavailableError } from "../state/store.ts";
import { decideChange } from "./api/context.ts";
import { siteConflict } from "./api/site-rules.ts";

/** Pause before the store is tried again when it could not be reached. */
const SEED_RETRY_MS = 500;

/** What seeding works with. */
export interface SeedOptions {
  readonly store: StateStore;
  readonly sites: readonly Site[];
  readonly cdn: Pick<Config["cdn"], "domain" | "nameservers">;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Brings the sites of the configuration file into the store: what differs is appended as a change
 * by `config`. Sites that only the store has stay as they are; somebody added them.
 *
 * A site of the file whose host another site has taken in the meantime is left out, loudly.
 * Rejects with StateUnavailableError while the store cannot be reached.
 */
export async function seedSites(options: SeedOptions): Promise<void> {
  const { log } = options;
  for (const site of options.sites) {
    const change = await decideChange(options, "config", ({ sites }) => {
      const present = sites.find((other) => other.name === site.name);
      if (isDeepStrictEqual(present, site)) return undefined;
      const conflict = siteConflict(site, sites, options.cdn);
      if (conflict === undefined) return { kind: "site-put", site };
      log.error({ event: "seed-conflict", site: site.name, reason: conflict.message });
      return undefined;
    });
    if (change === undefined) continue;
    log.info({ event: "site-seeded", site: site.name, version: change.version });
  }
}

/** Seeds as soon as the store can be reached, and again when it has lost its data. */
export class Seeder {
  readonly #options: SeedOptions;
  #cancelRetry: () => void = () => {};
  #stopped = false;
  #seeded = false;

  constructor(options: SeedOptions) {
    this.#options = options;
  }

  /** True once the store holds what the configuration file says. */
  get seeded(): boolean {
    return this.#seeded;
  }

  /** Tries at once; if the store is away, resolves all the same and goes on trying behind. */
  async run(): Promise<void> {
    this.#cancelRetry();
    try {
      await seedSites(this.#options);
      this.#seeded = true;
    } catch (error) {
      if (!(error instanceof StateUnavailableError)) throw error;
      this.#seeded = false;
      if (this.#stopped) return;
      this.#options.log.warn({ event: "seed-waits-for-state", reason: error.message });
      this.#cancelRetry = this.#options.clock.after(SEED_RETRY_MS, () => {
        this.run().catch((failure: unknown) => {
          this.#options.log.error({ event: "seed-failed", err: failure });
        });
      });
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelRetry();
  }
}
