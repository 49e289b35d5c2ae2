import type { Metrics } from "../../common/metrics.ts";

/** How the cache took part in an answer: the label values of `edge_requests_total{cache}`. */
export type CacheLabel = "hit" | "stale" | "revalidated" | "miss" | "bypass";

/** One answered request, as it is counted. */
export interface AnsweredRequest {
  readonly site: string;
  readonly cache: CacheLabel;
  readonly status: number;
  readonly bodyBytes: number;
  readonly firstByteSeconds: number;
  readonly durationSeconds: number;
}

/** The site label of requests that belong to no site. */
export const NO_SITE = "none";

/** Counts requests. Instruments are looked up once; labels come from closed sets. */
export class RequestMetrics {
  readonly #requests;
  readonly #bytes;
  readonly #duration;
  readonly #firstByte;
  /** Since the start, for heartbeats. */
  requests = 0;
  bodyBytes = 0;

  constructor(metrics: Metrics) {
    this.#requests = metrics.counter("edge_requests_total");
    this.#bytes = metrics.counter("edge_response_bytes_total");
    this.#duration = metrics.histogram("edge_request_duration_seconds");
    this.#firstByte = metrics.histogram("edge_first_byte_seconds");
  }

  /** Counts one request when its answer has been handed to the socket. */
  note(answered: AnsweredRequest): void {
    const { site, cache } = answered;
    this.requests += 1;
    this.bodyBytes += answered.bodyBytes;
    this.#requests.add({ site, cache, code: `${Math.floor(answered.status / 100)}xx` });
    this.#bytes.add({ site, cache }, answered.bodyBytes);
    this.#duration.observe({ site, cache }, answered.durationSeconds);
    this.#firstByte.observe({ site, cache }, answered.firstByteSeconds);
  }
}
