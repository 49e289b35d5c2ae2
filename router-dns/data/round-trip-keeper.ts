import { background } from "../../common/background.ts";
import type { Clock, MonotonicMs } from "../../common/clock.ts";
import type { Logger } from "../../common/log.ts";
import type { RoundTripTable } from "../../state/records.ts";
import { type StateStore, StateUnavailableError } from "../../state/store.ts";
import { measuredWays } from "../geo/measured-ways.ts";

/** How often the store is asked for round trips that are new; the answer is short if none are. */
const LOOK_EVERY_MS = 2_000;

/** How often a map is built of what edges have measured: ways change slowly. */
const MEASURED_EVERY_MS = 600_000;

/** How often edges' reports are looked at until they make a table. */
const MEASURED_FIRST_MS = 60_000;

/** What a keeper needs. */
export interface RoundTripKeeperOptions {
  readonly store: Pick<StateStore, "roundTrips" | "measurements">;
  /** False: what edges measure is not asked for. */
  readonly fromEdges: boolean;
  readonly clock: Clock;
  readonly log: Logger;
  /** Has the map built with what `now` gives; true if that is in use. Never rejects. */
  readonly rebuild: () => Promise<boolean>;
}

/** Starts the keeper of a router's options. */
export function startRoundTrips(
  store: StateStore,
  { latencyFromEdges = false, log }: { readonly latencyFromEdges?: boolean; readonly log: Logger },
  clock: Clock,
  map: { readonly rebuild: () => Promise<boolean> },
): RoundTripKeeper {
  const rebuild = () => map.rebuild();
  const keeper = new RoundTripKeeper({ store, fromEdges: latencyFromEdges, clock, log, rebuild });
  keeper.start();
  return keeper;
}

/**
 * Follows the round trips that operators have told to the store, and those that edges have
 * measured: when there are others, the map is built with them. While the store is away, or has lost
 * them, those known stay.
 */
export class RoundTripKeeper {
  readonly #options: RoundTripKeeperOptions;
  #table: RoundTripTable | undefined;
  #inForce: number | undefined;
  #measured = "";
  /** When measurements are asked for again. */
  #measureAt: MonotonicMs = Number.NEGATIVE_INFINITY;
  #cancel: () => void = () => undefined;
  #isStopped = false;

  constructor(options: RoundTripKeeperOptions) {
    this.#options = options;
  }

  /** What is known now, for the next build. */
  get now(): { readonly measured: string; readonly told: string } {
    return { measured: this.#measured, told: this.#table?.text ?? "" };
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
    const { clock, log, rebuild } = this.#options;
    try {
      const isTold = await this.#askTold();
      const isMeasured = await this.#askMeasured();
      const version = this.#table?.version;
      if ((isTold || isMeasured) && !this.#isStopped && (await rebuild())) this.#inForce = version;
    } catch (error) {
      // The store being away is known from `state_up`.
      if (!(error instanceof StateUnavailableError)) {
        log.warn({ event: "round-trips-failed", err: error });
      }
    }
    if (!this.#isStopped) this.#cancel = clock.after(LOOK_EVERY_MS, () => this.start());
  }

  /** True if what is told has changed. */
  async #askTold(): Promise<boolean> {
    const { store, log } = this.#options;
    const table = await store.roundTrips(this.#table);
    if (table === undefined) return false;
    this.#table = table;
    const { version, by, ways } = table;
    log.info({ event: "round-trips-told", version, by, ways });
    return true;
  }

  /** True if it was time to ask what edges have measured, and it makes another table. */
  async #askMeasured(): Promise<boolean> {
    const { store, clock, log, fromEdges } = this.#options;
    const now = clock.monotonic();
    if (!fromEdges || now < this.#measureAt) return false;
    const measured = measuredWays(await store.measurements());
    this.#measureAt = now + (measured === "" ? MEASURED_FIRST_MS : MEASURED_EVERY_MS);
    if (measured === this.#measured) return false;
    this.#measured = measured;
    log.info({ event: "round-trips-measured", ways: measured.split("\n").length - 1 });
    return true;
  }
}
