/** Bytes of one slot: a fingerprint and the moment of its entry, 4 bytes each. */
const SLOT_BYTES = 8;

/**
 * Remembers which keys were evicted lately, in a table whose size is fixed when it is made. It may
 * forget early (another key took the slot) and, once in four billion, take one key for another;
 * neither does more than place an object in the other queue.
 */
export class Ghost {
  readonly #fingerprints: Uint32Array;
  readonly #entered: Uint32Array;
  readonly #mask: number;
  #clock = 0;

  /** `slots` must be a power of two. */
  constructor(slots: number) {
    this.#fingerprints = new Uint32Array(slots);
    this.#entered = new Uint32Array(slots);
    this.#mask = slots - 1;
  }

  /** What the table itself occupies. */
  get bytes(): number {
    return this.#fingerprints.length * SLOT_BYTES;
  }

  /** Notes an eviction. */
  add(hash: number): void {
    const slot = hash & this.#mask;
    this.#clock = (this.#clock + 1) >>> 0;
    this.#fingerprints[slot] = hash;
    this.#entered[slot] = this.#clock;
  }

  /** True if the key was evicted within the last `window` evictions; forgets it if so. */
  take(hash: number, window: number): boolean {
    const slot = hash & this.#mask;
    if (hash === 0 || this.#fingerprints[slot] !== hash) return false;
    this.#fingerprints[slot] = 0;
    return (this.#clock - (this.#entered[slot] ?? 0)) >>> 0 <= window;
  }
}

/** A 32-bit FNV-1a hash of a string's code units (P), not zero. */
export function hashKey(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0 || 1;
}
