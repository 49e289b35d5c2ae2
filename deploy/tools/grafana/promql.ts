import { METRICS, type MetricName, type MetricSpec } from "../../../common/metric-table.ts";

/** Which series, and how they are put together. */
export interface Selection {
  /** Label matchers without braces: `site=~"$site"`. Left out: all series. */
  readonly where?: string;
  /** Labels to sum by, with commas between. Left out: one sum of all. */
  readonly by?: string;
}

/** The window of rates: Grafana makes it four scrapes long at least. */
const WINDOW = "$__rate_interval";

/** The series of a counter or gauge as they are (P). */
export function series(name: MetricName, where?: string): string {
  return `meridian_${name}${braces(where)}`;
}

/** A sum over a gauge (P): `sum by (edge) (meridian_edge_connections)`. */
export function sum(name: MetricName, { where, by }: Selection = {}): string {
  return `sum${by === undefined ? "" : ` by (${by}) `}(${series(name, where)})`;
}

/** How fast a counter grows, or observations of a histogram come, per second (P). */
export function rate(name: MetricName, { where, by }: Selection = {}): string {
  const spec: MetricSpec = METRICS[name];
  const counted = `meridian_${name}${spec.kind === "histogram" ? "_count" : ""}`;
  return `sum${by === undefined ? "" : ` by (${by}) `}(rate(${counted}${braces(where)}[${WINDOW}]))`;
}

/** A quantile of a histogram, `q` from 0 to 1 (P). Without observations in the window it is NaN. */
export function quantile(q: number, name: MetricName, { where, by }: Selection = {}): string {
  const buckets = `rate(meridian_${name}_bucket${braces(where)}[${WINDOW}])`;
  return `histogram_quantile(${q}, sum by (${by === undefined ? "le" : `le, ${by}`}) (${buckets}))`;
}

/**
 * The share of answers that came from a store, of those that could have (P): bypass is left out.
 * By number of requests or by bytes.
 */
export function hitRatio(
  counter: "edge_requests_total" | "edge_response_bytes_total",
  { where, by }: Selection = {},
): string {
  const also = where === undefined ? "" : `${where},`;
  const grouped = by === undefined ? {} : { by };
  const hits = rate(counter, { where: `${also}cache=~"hit|stale|revalidated"`, ...grouped });
  return `${hits} / ${rate(counter, { where: `${also}cache!="bypass"`, ...grouped })}`;
}

function braces(where: string | undefined): string {
  return where === undefined ? "" : `{${where}}`;
}
