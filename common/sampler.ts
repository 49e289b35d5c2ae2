/**
 * Takes a part of many things at random, for next to nothing each: xorshift (Marsaglia 2003), which
 * nobody should use where it matters that nobody can guess.
 */
export class Sampler {
  #state: number;

  /** `seed` is any whole number of 32 bits. */
  constructor(seed: number) {
    this.#state = seed | 0 || 1;
  }

  /** True for `fraction` of all calls. */
  takes(fraction: number): boolean {
    if (fraction >= 1) return true;
    if (fraction <= 0) return false;
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return (state >>> 0) / 2 ** 32 < fraction;
  }
}
