import type { Clock, MonotonicMs } from "../../common/clock.ts";

/** An address that could not be connected to is tried last for so long. */
const AVOID_MS = 5_000;

/** Told of every exchange's outcome, for the gauge `edge_origin_up`. */
export type OriginUpListener = (site: string, url: string, up: boolean) => void;

/**
 * Remembers which origin addresses failed lately, so that failover costs a connect timeout once.
 */
export class OriginHealth {
  readonly #avoidUntil = new Map<string, MonotonicMs>();
  readonly #clock: Clock;
  readonly #onOutcome: OriginUpListener;

  constructor(clock: Clock, onOutcome: OriginUpListener) {
    this.#clock = clock;
    this.#onOutcome = onOutcome;
  }

  /** The addresses in the order to try: as configured, those that failed lately at the end. */
  order(urls: readonly string[]): readonly string[] {
    if (urls.length === 1 || this.#avoidUntil.size === 0) return urls;
    const now = this.#clock.monotonic();
    const avoided = (url: string) => (this.#avoidUntil.get(url) ?? 0) > now;
    return [...urls.filter((url) => !avoided(url)), ...urls.filter(avoided)];
  }

  /** Notes how an exchange ended. `reachable` false means that no connection came about. */
  note(site: string, url: string, outcome: { up: boolean; reachable: boolean }): void {
    if (outcome.reachable) this.#avoidUntil.delete(url);
    else this.#avoidUntil.set(url, this.#clock.monotonic() + AVOID_MS);
    this.#onOutcome(site, url, outcome.up);
  }

  /** Forgets addresses that no site has any more. */
  keepOnly(urls: ReadonlySet<string>): void {
    for (const url of this.#avoidUntil.keys()) if (!urls.has(url)) this.#avoidUntil.delete(url);
  }
}
