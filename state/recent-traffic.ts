/** What an edge has answered during its last seconds. */
export interface RecentTraffic {
  /** How long a time this is about: a few seconds. */
  readonly seconds: number;
  readonly requests: number;
  /** Of the requests, those answered with what was stored: hit, stale or revalidated. */
  readonly hits: number;
  /** Bytes of bodies, and those of them that hits had. */
  readonly bytes: number;
  readonly hitBytes: number;
  /** Of the requests, those answered with a status from 500. */
  readonly errors: number;
  /** Times to first byte: how many were at most so many seconds, and above the bound before. */
  readonly firstByte: readonly (readonly [seconds: number, count: number])[];
  /** The busiest sites, `SITES_MAX` at most, busiest first. */
  readonly sites: readonly SiteTraffic[];
}

/** The part of one site in it. */
export interface SiteTraffic {
  readonly site: string;
  readonly requests: number;
  readonly hits: number;
  readonly bytes: number;
  readonly hitBytes: number;
}

/** Sites that an edge tells of, and that are shown. The others are in the sums. */
export const SITES_MAX = 20;

/** What people look at. Ratios are 0 to 1; undefined where there was nothing to divide. */
export interface TrafficFigures {
  readonly hitRatio?: number;
  readonly byteHitRatio?: number;
  readonly errorRatio?: number;
  readonly firstByteP50Seconds?: number;
  readonly firstByteP99Seconds?: number;
  readonly sites: readonly SiteFigures[];
}

/** The same for one site. */
export interface SiteFigures {
  readonly site: string;
  readonly requestsPerSecond: number;
  readonly bitsPerSecond: number;
  readonly hitRatio: number;
  readonly byteHitRatio?: number;
}

/** Puts together what edges tell (P): their own figures, or those of a PoP or of all. */
export function trafficFigures(told: readonly RecentTraffic[]): TrafficFigures {
  const total = { requests: 0, hits: 0, bytes: 0, hitBytes: 0, errors: 0 };
  const firstByte = new Map<number, number>();
  for (const one of told) {
    for (const key of ["requests", "hits", "bytes", "hitBytes", "errors"] as const) {
      total[key] += one[key];
    }
    for (const [seconds, count] of one.firstByte) {
      firstByte.set(seconds, (firstByte.get(seconds) ?? 0) + count);
    }
  }
  return {
    ...ratio("hitRatio", total.hits, total.requests),
    ...ratio("byteHitRatio", total.hitBytes, total.bytes),
    ...ratio("errorRatio", total.errors, total.requests),
    ...quantile("firstByteP50Seconds", firstByte, 0.5),
    ...quantile("firstByteP99Seconds", firstByte, 0.99),
    sites: siteFigures(told),
  };
}

function siteFigures(told: readonly RecentTraffic[]): SiteFigures[] {
  const sites = new Map<string, { perSecond: number; bytesPerSecond: number; of: SiteTraffic }>();
  for (const { seconds, sites: ofEdge } of told) {
    for (const one of ofEdge) {
      const before = sites.get(one.site);
      sites.set(one.site, {
        perSecond: (before?.perSecond ?? 0) + one.requests / seconds,
        bytesPerSecond: (before?.bytesPerSecond ?? 0) + one.bytes / seconds,
        of: {
          site: one.site,
          requests: (before?.of.requests ?? 0) + one.requests,
          hits: (before?.of.hits ?? 0) + one.hits,
          bytes: (before?.of.bytes ?? 0) + one.bytes,
          hitBytes: (before?.of.hitBytes ?? 0) + one.hitBytes,
        },
      });
    }
  }
  return [...sites.values()]
    .sort((a, b) => b.perSecond - a.perSecond || a.of.site.localeCompare(b.of.site))
    .slice(0, SITES_MAX)
    .map(({ perSecond, bytesPerSecond, of }) => ({
      site: of.site,
      requestsPerSecond: perSecond,
      bitsPerSecond: bytesPerSecond * 8,
      hitRatio: of.hits / Math.max(1, of.requests),
      ...ratio("byteHitRatio", of.hitBytes, of.bytes),
    }));
}

function ratio<K extends string>(key: K, part: number, whole: number): { [P in K]?: number } {
  return whole === 0 ? {} : ({ [key]: part / whole } as { [P in K]?: number });
}

/** The bound that this part of all values does not exceed. */
function quantile<K extends string>(
  key: K,
  counts: ReadonlyMap<number, number>,
  part: number,
): { [P in K]?: number } {
  const rising = [...counts].sort(([a], [b]) => a - b);
  const all = rising.reduce((sum, [, count]) => sum + count, 0);
  let seen = 0;
  for (const [seconds, count] of rising) {
    seen += count;
    if (seen >= all * part) return { [key]: seconds } as { [P in K]?: number };
  }
  return {};
}
