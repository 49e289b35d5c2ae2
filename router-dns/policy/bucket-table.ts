import type { MonotonicMs } from "../../common/clock.ts";

/** Places that one key can be at. More of them make it rarer that somebody is pushed out. */
const WAYS = 8;

/**
 * Token buckets in a table of a fixed size (P: its state is the table). Each is one number, the
 * moment at which it is full again (the "theoretical arrival time" of ATM's cell rate algorithm,
 * ITU-T I.371): one that lies in the past is a full bucket, and its place is free.
 *
 * Taking costs milliseconds: a bucket that gives `n` a second takes 1000 / n for each, and as much
 * as fits into `burstMs` at once.
 */
export class BucketTable {
  readonly #burstMs: number;
  readonly #setMask: number;
  readonly #tags: Uint32Array;
  readonly #fullAt: Float64Array;
  readonly #refusals: Uint8Array;
  #displaced = 0;

  /** `entries` is a power of two, 8 or more. One entry takes 13 octets. */
  constructor(entries: number, burstMs: number) {
    this.#burstMs = burstMs;
    this.#setMask = entries / WAYS - 1;
    this.#tags = new Uint32Array(entries);
    this.#fullAt = new Float64Array(entries);
    this.#refusals = new Uint8Array(entries);
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
