import type { CountingMetrics } from "../../common/metrics.ts";
import type { Guard } from "../guard.ts";

/** Hands what a guard has counted to the metrics, each time that somebody scrapes. */
export class GuardCounters {
  readonly #guard: Guard;
  readonly #actionsTotal;
  readonly #cookiesTotal;
  readonly #displacedTotal;
  readonly #handedOver = new Map<string, number>();

  constructor(metrics: CountingMetrics, guard: Guard) {
    this.#guard = guard;
    this.#actionsTotal = metrics.counter("dns_rrl_total");
    this.#cookiesTotal = metrics.counter("dns_cookies_total");
    this.#displacedTotal = metrics.counter("dns_rrl_displaced_total");
  }

  /** Hands over what has been added since the last time. */
  flush(): void {
    const { actions, cookies, displaced } = this.#guard;
    for (const [action, count] of Object.entries(actions)) {
      this.#actionsTotal.add({ action }, this.#added(`action ${action}`, count));
    }
    for (const [standing, count] of Object.entries(cookies)) {
      this.#cookiesTotal.add({ standing }, this.#added(`cookie ${standing}`, count));
    }
    this.#displacedTotal.add({}, this.#added("displaced", displaced));
  }

  #added(key: string, count: number): number {
    const before = this.#handedOver.get(key) ?? 0;
    this.#handedOver.set(key, count);
    return count - before;
  }
}
