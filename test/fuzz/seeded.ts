/** A generator of numbers that a seed repeats: mulberry32, good enough to pick mutations. */
export class Seeded {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  /** One of the items. */
  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.below(items.length)] ?? items[0];
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}

/** The seed to use: `FUZZ_SEED`, or a new one. */
export function fuzzSeed(): number {
  return Number(process.env["FUZZ_SEED"] ?? Date.now() % 2 ** 32);
}

/** How many inputs to try: `FUZZ_PACKETS`, or `normally`. */
export function fuzzCount(normally: number): number {
  return Number(process.env["FUZZ_PACKETS"] ?? normally);
}
