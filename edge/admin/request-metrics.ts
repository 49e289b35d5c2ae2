import type { HistogramSeries } from "../../common/histogram.ts";
import type { CounterSeries, Metrics } from "../../common/metrics.ts";
import type { SiteLabels } from "../../common/site-labels.ts";
import { RecentCounts } from "./recent-counts.ts";

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

/** The series of one site and one way in which the cache took part. */
interface Series {
  /** By status class. */
  readonly requests: Map<number, CounterSeries>;
  readonly bytes: CounterSeries;
  readonly duration: HistogramSeries;
  readonly firstByte: HistogramSeries;
}

/** Counts requests. Series are looked up once; labels come from closed sets. */
export class RequestMetrics {
  readonly #requests;
  readonly #bytes;
  readonly #duration;
  readonly #firstByte;
  readonly #labels: SiteLabels;
  readonly #series = new Map<string, Map<CacheLabel, Series>>();
  /** Since the start, for heartbeats. */
  requests = 0;
  bodyBytes = 0;
  /** The last seconds, for heartbeats. */
  readonly recent = new RecentCounts();

  constructor(metrics: Metrics, labels: SiteLabels) {
    this.#labels = labels;
    this.#requests = metrics.counter("edge_requests_total");
    this.#bytes = metrics.counter("edge_response_bytes_total");
    this.#duration = metrics.histogram("edge_request_duration_seconds");
    this.#firstByte = metrics.histogram("edge_first_byte_seconds");
  }

  /** Counts one request when its answer has been handed to the socket. */
  note(answered: AnsweredRequest): void {
    const { cache, bodyBytes } = answered;
    const site = answered.site === NO_SITE ? NO_SITE : this.#labels.count(answered.site);
    this.requests += 1;
    this.bodyBytes += bodyBytes;
    this.recent.note({
      site: answered.site,
      isHit: cache !== "miss" && cache !== "bypass",
      isError: answered.status >= 500,
      bytes: bodyBytes,
      firstByteSeconds: answered.firstByteSeconds,
    });
    const series = this.#series.get(site)?.get(cache) ?? this.#makeSeries(site, cache);
    const statusClass = Math.floor(answered.status / 100);
    let requests = series.requests.get(statusClass);
    if (requests === undefined) {
      requests = this.#requests.series({ site, cache, code: `${statusClass}xx` });
      series.requests.set(statusClass, requests);
    }
    requests.add(1);
    series.bytes.add(bodyBytes);
    series.duration.observe(answered.durationSeconds);
    series.firstByte.observe(answered.firstByteSeconds);
  }

  /** A site has no series of its own any more. */
  forget(site: string): void {
    this.#series.delete(site);
  }

  #makeSeries(site: string, cache: CacheLabel): Series {
    const ofSite = this.#series.get(site) ?? new Map<CacheLabel, Series>();
    this.#series.set(site, ofSite);
    const series = {
      requests: new Map<number, CounterSeries>(),
      bytes: this.#bytes.series({ site, cache }),
      duration: this.#duration.series({ site, cache }),
      firstByte: this.#firstByte.series({ site, cache }),
    };
    ofSite.set(cache, series);
    return series;
  }
}
