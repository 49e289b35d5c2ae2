import { background } from "../../common/background.ts";
import type { Clock } from "../../common/clock.ts";
import type { Logger } from "../../common/log.ts";
import type { RoundTripTable } from "../../state/records.ts";
import { type StateStore, StateUnavailableError } from "../../state/store.ts";

/** How often the store is asked for round trips that are new; the answer is short if none are. */
const LOOK_EVERY_MS = 2_000;

/** What a keeper needs. */
export interface RoundTripKeeperOptions {
  readonly store: Pick<StateStore, "roundTrips">;
  readonly clock: Clock;
  readonly log: Logger;
  /** Has the map built with what `told` gives now; true if that is in use. Never rejects. */
  readonly rebuild: () => Promise<boolean>;
}

/**
 * Follows the round trips that operators have told to the store: when there are others, the map is
 * built with them. While the store is away, or has lost them, those known stay.
 */
export class RoundTripKeeper {
  readonly #options: RoundTripKeeperOptions;
  #table: RoundTripTable | undefined;
  #inForce: number | undefined;
  #cancel: () => void = () => undefined;
  #isStopped = false;

  constructor(options: RoundTripKeeperOptions) {
    this.#options = options;
  }

  /** What is told now, for the next build. */
  get told(): readonly string[] {
    return this.#table === undefined ? [] : [this.#table.text];
  }

  /** Version of the table that the map in use is made of; undefined: of none. */
  get inForce(): number | undefined {
    return this.#inForce;
  }

  /** Looks now, and every few seconds from then on. */
  start(): void {
    if (this.#isStopped) return;
    background(this.#options.log, "round trips", this.#look());
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  async #look(): Promise<void> {
    const { store, clock, log, rebuild } = this.#options;
    try {
      const table = await store.roundTrips(this.#table);
      if (table !== undefined && !this.#isStopped) {
        this.#table = table;
        const { version, by, text } = table;
        log.info({ event: "round-trips-told", version, by, bytes: text.length });
        if (await rebuild()) this.#inForce = version;
      }
    } catch (error) {
      // The store being away is known from `state_up`.
      if (!(error instanceof StateUnavailableError)) {
        log.warn({ event: "round-trips-failed", err: error });
      }
    }
    if (!this.#isStopped) this.#cancel = clock.after(LOOK_EVERY_MS, () => this.start());
  }
}
