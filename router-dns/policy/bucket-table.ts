import type { MonotonicMs } from "../../common/clock.ts";

/** Locks of a shared table; a set has the one of its last bits. */
const LOCKS = 1_024;

/**
 * How often a thread looks at a lock before it goes on without: some ten microseconds, when what is
 * done under one takes a tenth of one. Who holds it was interrupted, or ended: what a stolen lock
 * costs is an answer more than the limit.
 */
const LOOKS_MAX = 1_000;

/** Octets of one bucket: tag, time and refusals. */
const BUCKET_BYTES = 13;

/** Places that one key can be at. More of them make it rarer that somebody is pushed out. */
const WAYS = 8;

/**
 * Token buckets in a table of a fixed size (P: its state is the table). Each is one number, the
 * moment at which it is full again (the "theoretical arrival time" of ATM's cell rate algorithm,
 * ITU-T I.371): one that lies in the past is a full bucket, and its place is free.
 *
 * Taking costs milliseconds: a bucket that gives `n` a second takes 1000 / n for each, and as much
 * as fits into `burstMs` at once.
 *
 * Threads may share one, each with a table of its own over the same memory; they agree on what a
 * key has left as long as they hold the lock of its set from `placeOf` to the last `take`.
 */
export class BucketTable {
  readonly #burstMs: number;
  readonly #setMask: number;
  readonly #tags: Uint32Array;
  readonly #fullAt: Float64Array;
  readonly #refusals: Uint8Array;
  /** Left out: the memory is not shared. */
  readonly #locks: Int32Array | undefined;
  #displaced = 0;

  /** Octets that so many entries take where threads share them. */
  static sharedBytes(entries: number): number {
    return entries * BUCKET_BYTES + LOCKS * Int32Array.BYTES_PER_ELEMENT;
  }

  /**
   * `entries` is a power of two, 8 or more. One entry takes 13 octets. `shared` is memory that
   * began as zeros, `sharedBytes` from `at` on, which is a multiple of 8.
   */
  constructor(entries: number, burstMs: number, shared?: SharedArrayBuffer, at = 0) {
    this.#burstMs = burstMs;
    this.#setMask = entries / WAYS - 1;
    const memory = shared ?? new ArrayBuffer(entries * BUCKET_BYTES);
    this.#fullAt = new Float64Array(memory, at, entries);
    this.#tags = new Uint32Array(memory, at + entries * 8, entries);
    this.#refusals = new Uint8Array(memory, at + entries * 12, entries);
    if (shared !== undefined) {
      this.#locks = new Int32Array(shared, at + entries * BUCKET_BYTES, LOCKS);
    }
  }

  /** Keeps other threads from the set of a key, if there are any. */
  lock(set: number): void {
    const locks = this.#locks;
    if (locks === undefined) return;
    const index = set & this.#setMask & (LOCKS - 1);
    for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
      if (Atomics.compareExchange(locks, index, 0, 1) === 0) return;
    }
  }

  unlock(set: number): void {
    const locks = this.#locks;
    if (locks !== undefined) Atomics.store(locks, set & this.#setMask & (LOCKS - 1), 0);
  }

  /** Buckets that were not full and had to make room, since the start. */
  get displaced(): number {
    return this.#displaced;
  }

  /**
   * The place of a key. One that is not there takes the place of the fullest of its neighbours:
   * those who are limited are the last to go, so that a flood of new keys frees nobody.
   */
  placeOf(set: number, tag: number, now: MonotonicMs): number {
    const first = (set & this.#setMask) * WAYS;
    let fullest = first;
    for (let place = first; place < first + WAYS; place += 1) {
      if (this.#tags[place] === tag) return place;
      if (this.#at(place) < this.#at(fullest)) fullest = place;
    }
    if (this.#at(fullest) > now) this.#displaced += 1;
    this.#tags[fullest] = tag;
    this.#fullAt[fullest] = now;
    this.#refusals[fullest] = 0;
    return fullest;
  }

  /** True if a bucket has that much left. */
  has(place: number, costMs: number, now: MonotonicMs): boolean {
    return Math.max(this.#at(place), now) + costMs - now <= this.#burstMs;
  }

  /** Takes that much out of a bucket that has it. */
  take(place: number, costMs: number, now: MonotonicMs): void {
    this.#fullAt[place] = Math.max(this.#at(place), now) + costMs;
  }

  /** Counts refusals of a bucket, from 1 to 240 and around: 240 has many divisors. */
  refuse(place: number): number {
    const count = ((this.#refusals[place] as number) % 240) + 1;
    this.#refusals[place] = count;
    return count;
  }

  #at(place: number): MonotonicMs {
    return this.#fullAt[place] as number;
  }
}
