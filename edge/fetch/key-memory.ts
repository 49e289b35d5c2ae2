import type { Clock } from "../../common/clock.ts";
import { hashKey } from "../store/ghost.ts";

/** Keys remembered at the same time; a newer one may take an older one's slot. */
const SLOTS = 16_384;

/**
 * Remembers something about keys for a while. Its size is fixed: 12 bytes a slot, whatever the
 * traffic. Two keys with the same hash share their fate.
 */
export class KeyMemory {
  readonly #hashes = new Uint32Array(SLOTS);
  readonly #until = new Float64Array(SLOTS);
  readonly #clock: Clock;
  readonly #rememberMs: number;

  constructor(clock: Clock, rememberMs: number) {
    this.#clock = clock;
    this.#rememberMs = rememberMs;
  }

  note(key: string): void {
    const hash = hashKey(key);
    const slot = hash % SLOTS;
    this.#hashes[slot] = hash;
    this.#until[slot] = this.#clock.monotonic() + this.#rememberMs;
  }

  forget(key: string): void {
    const hash = hashKey(key);
    if (this.#hashes[hash % SLOTS] === hash) this.#hashes[hash % SLOTS] = 0;
  }

  has(key: string): boolean {
    const hash = hashKey(key);
    const slot = hash % SLOTS;
    return this.#hashes[slot] === hash && (this.#until[slot] ?? 0) > this.#clock.monotonic();
  }
}
