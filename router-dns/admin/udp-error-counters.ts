import type { CountingMetrics } from "../../common/metrics.ts";
import type { UdpListener } from "../transport/udp-listener.ts";

/** Hands the errors that UDP listeners have met to the metrics, each time that somebody scrapes. */
export class UdpErrorCounters {
  readonly #errorsTotal;
  readonly #handedOver = new WeakMap<UdpListener, Map<string, number>>();

  constructor(metrics: CountingMetrics) {
    this.#errorsTotal = metrics.counter("dns_udp_errors_total");
  }

  /** Hands over what has been added since the last time. */
  flush(listener: UdpListener): void {
    const known = this.#handedOver.get(listener) ?? new Map<string, number>();
    this.#handedOver.set(listener, known);
    const errors = listener.errors();
    for (const direction of ["receive", "send"] as const) {
      for (const [error, count] of Object.entries(errors[direction])) {
        const key = `${direction} ${error}`;
        this.#errorsTotal.add({ direction, error }, count - (known.get(key) ?? 0));
        known.set(key, count);
      }
    }
  }
}
