import { type RecentTraffic, SITES_MAX, type SiteTraffic } from "../../state/recent-traffic.ts";

/** Seconds that figures are about: long enough for a ratio, short enough to see a change. */
const WINDOW_TURNS = 10;

/** Times to first byte are told apart by a fifth: four bounds for each doubling. */
const BOUNDS_PER_DOUBLING = 4;
/** The shortest and the longest bound, in powers of two of a microsecond: 8 us and 134 s. */
const POWER_MIN = 3;
const POWER_MAX = 27;
const BOUNDS = (POWER_MAX - POWER_MIN) * BOUNDS_PER_DOUBLING;

/** What is counted of one answer. */
export interface CountedAnswer {
  readonly site: string;
  readonly isHit: boolean;
  readonly isError: boolean;
  readonly bytes: number;
  readonly firstByteSeconds: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Tally = Mutable<Omit<SiteTraffic, "site">>;

/** What was answered between two turns. */
interface Slice {
  readonly ms: number;
  readonly sites: ReadonlyMap<string, Tally>;
  readonly firstByte: Uint32Array;
  readonly errors: number;
}

/**
 * Counts what has been answered during the last seconds. Sites are those of the configuration, so
 * their number is bounded; counting is a look-up and a few additions.
 */
export class RecentCounts {
  #sites = new Map<string, Tally>();
  #firstByte = new Uint32Array(BOUNDS + 1);
  #errors = 0;
  #past: Slice[] = [];

  /** Counts one answer. */
  note({ site, isHit, isError, bytes, firstByteSeconds }: CountedAnswer): void {
    let tally = this.#sites.get(site);
    if (tally === undefined) {
      tally = { requests: 0, hits: 0, bytes: 0, hitBytes: 0 };
      this.#sites.set(site, tally);
    }
    tally.requests += 1;
    tally.bytes += bytes;
    if (isHit) {
      tally.hits += 1;
      tally.hitBytes += bytes;
    }
    if (isError) this.#errors += 1;
    const bound = boundOf(firstByteSeconds);
    this.#firstByte[bound] = (this.#firstByte[bound] ?? 0) + 1;
  }

  /** Ends a slice of so many milliseconds, forgets the oldest, and tells of all that are left. */
  turn(ms: number): RecentTraffic {
    const slice = { ms, sites: this.#sites, firstByte: this.#firstByte, errors: this.#errors };
    this.#past = [...this.#past.slice(-(WINDOW_TURNS - 1)), slice];
    this.#sites = new Map();
    this.#firstByte = new Uint32Array(BOUNDS + 1);
    this.#errors = 0;
    return told(this.#past);
  }
}

/** Puts slices together (P). */
function told(slices: readonly Slice[]): RecentTraffic {
  const sites = new Map<string, Tally>();
  const firstByte = new Float64Array(BOUNDS + 1);
  const total: Tally = { requests: 0, hits: 0, bytes: 0, hitBytes: 0 };
  for (const slice of slices) {
    for (const [index, count] of slice.firstByte.entries()) {
      firstByte[index] = (firstByte[index] ?? 0) + count;
    }
    for (const [site, tally] of slice.sites) {
      const sum = sites.get(site) ?? { requests: 0, hits: 0, bytes: 0, hitBytes: 0 };
      sites.set(site, sum);
      for (const key of ["requests", "hits", "bytes", "hitBytes"] as const) {
        sum[key] += tally[key];
        total[key] += tally[key];
      }
    }
  }
  const ms = slices.reduce((sum, slice) => sum + slice.ms, 0);
  return {
    seconds: Math.max(1, ms) / 1_000,
    ...total,
    errors: slices.reduce((sum, slice) => sum + slice.errors, 0),
    firstByte: [...firstByte]
      .map((count, index) => [secondsAt(index), count] as const)
      .filter(([, count]) => count > 0),
    sites: [...sites]
      .map(([site, tally]) => ({ site, ...tally }))
      .sort((a, b) => b.requests - a.requests || a.site.localeCompare(b.site))
      .slice(0, SITES_MAX),
  };
}

/** The first bound that a time does not exceed. */
function boundOf(seconds: number): number {
  const powers = Math.log2(seconds * 1e6) - POWER_MIN;
  // Nothing took no time at all: its logarithm is below every bound.
  return Math.min(BOUNDS, Math.max(0, Math.ceil(powers * BOUNDS_PER_DOUBLING)));
}

function secondsAt(bound: number): number {
  return 2 ** (POWER_MIN + bound / BOUNDS_PER_DOUBLING) / 1e6;
}
