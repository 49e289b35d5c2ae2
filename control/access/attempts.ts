/** Calls that one token may make at once, and how many come back per second. */
const CALLS_BURST = 1_000;
const CALLS_PER_SECOND = 200;
/** Wrong tokens that one address may show at once, and how many come back per second. */
const FAILURES_BURST = 10;
const FAILURES_PER_SECOND = 0.5;
/** Addresses and tokens that are remembered; beyond, the one not seen for longest is forgotten. */
const KEYS_MAX = 10_000;

/** A budget that is spent by calls and comes back with time. */
interface Bucket {
  readonly left: number;
  readonly at: number;
}

/** How much may be spent at once, and how fast it comes back. */
interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** Bounds what callers do by key: an address that guesses, a token that loops. */
export class Attempts {
  readonly #rate: Rate;
  /** Oldest use first. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(rate: Rate) {
    this.#rate = rate;
  }

  /** Seconds until `key` may try again; 0: now. `nowMs` is monotonic. */
  waitSeconds(key: string, nowMs: number): number {
    const left = this.#left(key, nowMs);
    return left >= 1 ? 0 : Math.ceil((1 - left) / this.#rate.perSecond);
  }

  /** Notes one try of `key`. */
  spend(key: string, nowMs: number): void {
    const left = Math.max(0, this.#left(key, nowMs) - 1);
    this.#buckets.delete(key);
    this.#buckets.set(key, { left, at: nowMs });
    if (this.#buckets.size <= KEYS_MAX) return;
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }

  #left(key: string, nowMs: number): number {
    const { burst, perSecond } = this.#rate;
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return burst;
    return Math.min(burst, bucket.left + ((nowMs - bucket.at) / 1_000) * perSecond);
  }
}

/** The bound on wrong tokens by address. */
export function failedAttempts(): Attempts {
  return new Attempts({ burst: FAILURES_BURST, perSecond: FAILURES_PER_SECOND });
}

/** The bound on calls by token. */
export function callAttempts(): Attempts {
  return new Attempts({ burst: CALLS_BURST, perSecond: CALLS_PER_SECOND });
}
