import type { MonotonicMs } from "../common/clock.ts";

/**
 * Values that are forgotten after a while (P: time is an argument). Bounded: when full, what was
 * set longest ago leaves.
 */
export class ExpiringMap<V> {
  readonly #entries = new Map<string, { readonly value: V; readonly until: MonotonicMs }>();
  readonly #entriesMax: number;

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  /** Replaces the value of a key, to be forgotten `ttlMs` after `now`. */
  set(key: string, value: V, now: MonotonicMs, ttlMs: number): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value, until: now + ttlMs });
    if (this.#entries.size <= this.#entriesMax) return;
    const oldest = this.#entries.keys().next();
    if (!oldest.done) this.#entries.delete(oldest.value);
  }

  /** What has not been forgotten by `now`, in order of keys. */
  live(now: MonotonicMs): (readonly [string, V])[] {
    const result: (readonly [string, V])[] = [];
    for (const [key, { value, until }] of this.#entries) {
      if (until > now) result.push([key, value]);
      else this.#entries.delete(key);
    }
    return result.sort(([a], [b]) => (a < b ? -1 : 1));
  }
}
