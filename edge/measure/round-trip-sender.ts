import type { SocketAddress } from "../../common/address.ts";
import { background } from "../../common/background.ts";
import type { Clock } from "../../common/clock.ts";
import type { Logger } from "../../common/log.ts";
import { type StateStore, StateUnavailableError } from "../../state/store.ts";
import { PrefixRoundTrips } from "./prefix-round-trips.ts";
import type { listSockets } from "./socket-list.ts";

/** How often connections are looked at. Shorter ones than this may be missed. */
export const LOOK_EVERY_MS = 10_000;

/** Looks from one report to the next. */
const LOOKS_PER_REPORT = 6;

/** How long a report counts: an edge that is gone measures nothing. */
const REPORT_TTL_MS = 600_000;

/** What a sender needs. */
export interface RoundTripSenderOptions {
  readonly edge: string;
  readonly pop: string;
  readonly store: Pick<StateStore, "measured">;
  readonly clock: Clock;
  readonly log: Logger;
  readonly list: typeof listSockets;
}

/**
 * Measures the clients of an edge and tells the store: each connection counts once, when it is
 * first seen. Where the kernel cannot be asked, it says so once and measures nothing.
 */
export class RoundTripSender {
  readonly #options: RoundTripSenderOptions;
  readonly #roundTrips = new PrefixRoundTrips();
  #seen: ReadonlySet<string> = new Set();
  #looks = 0;
  #cancel: () => void = () => undefined;
  #isStopped = false;

  constructor(options: RoundTripSenderOptions) {
    this.#options = options;
  }

  /** Looks at the connections of a listening address from now on. */
  start(address: SocketAddress): void {
    this.#cancel = this.#options.clock.after(LOOK_EVERY_MS, () => {
      background(this.#options.log, "round trips", this.#look(address));
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  async #look(address: SocketAddress): Promise<void> {
    const { list, clock, log } = this.#options;
    const sockets = await list(address);
    if (this.#isStopped) return;
    if (!sockets.ok) {
      log.warn({ event: "round-trips-unmeasured", reason: sockets.error });
      return;
    }
    const now = clock.monotonic();
    for (const { id, client, ms } of sockets.value) {
      if (!this.#seen.has(id)) this.#roundTrips.add(client, ms, now);
    }
    this.#seen = new Set(sockets.value.map(({ id }) => id));
    this.#looks += 1;
    if (this.#looks % LOOKS_PER_REPORT === 1) await this.#report();
    if (!this.#isStopped) this.start(address);
  }

  async #report(): Promise<void> {
    const { edge, pop, store, clock, log } = this.#options;
    const prefixes = this.#roundTrips.report(clock.monotonic());
    try {
      await store.measured({ edge, pop, at: clock.now(), prefixes }, REPORT_TTL_MS);
    } catch (error) {
      // The store being away is known from `state_up`, and the next report has all of it.
      if (!(error instanceof StateUnavailableError)) {
        log.warn({ event: "round-trips-failed", err: error });
      }
    }
  }
}
