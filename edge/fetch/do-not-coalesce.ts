import type { Clock } from "../../common/clock.ts";
import { hashKey } from "../store/ghost.ts";

/** Keys remembered at the same time; a newer one may take an older one's slot. */
const SLOTS = 16_384;

/** How long clients of a key do not wait for one another after its answer was uncacheable. */
const REMEMBER_MS = 30_000;

/**
 * Remembers which keys lately had answers that could not be shared, so that their clients do not
 * queue up behind one another again. Its size is fixed: 12 bytes a slot, whatever the traffic. Two
 * keys with the same hash share their fate, which costs one of them a few extra fetches.
 */
export class DoNotCoalesce {
  readonly #hashes = new Uint32Array(SLOTS);
  readonly #until = new Float64Array(SLOTS);
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes that an answer for this key could not be shared. */
  note(key: string): void {
    const hash = hashKey(key);
    const slot = hash % SLOTS;
    this.#hashes[slot] = hash;
    this.#until[slot] = this.#clock.monotonic() + REMEMBER_MS;
  }

  /** Notes that an answer for this key was stored after all. */
  forget(key: string): void {
    const hash = hashKey(key);
    if (this.#hashes[hash % SLOTS] === hash) this.#hashes[hash % SLOTS] = 0;
  }

  /** True if clients of this key should not wait for one another. */
  has(key: string): boolean {
    const hash = hashKey(key);
    const slot = hash % SLOTS;
    return this.#hashes[slot] === hash && (this.#until[slot] ?? 0) > this.#clock.monotonic();
  }
}
