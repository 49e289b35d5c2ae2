/**
 * Which of up to eight contestants hit, request by request, and what follows about who is better.
 * Requests that all hit, or none, say nothing. A lead counts in standard deviations of what chance
 * would do to two equals (the sign test, for bytes with each request weighed by its size).
 */
export class EvictionOutcomes {
  readonly #contestants: number;
  /** By the set of those that hit, as bits: requests, their bytes, and the squares of these. */
  readonly #requests: Float64Array;
  readonly #bytes: Float64Array;
  readonly #squares: Float64Array;
  /** Requests that count; those of long ago count in part. */
  total = 0;

  constructor(contestants: number) {
    this.#contestants = contestants;
    const sets = 2 ** contestants;
    this.#requests = new Float64Array(sets);
    this.#bytes = new Float64Array(sets);
    this.#squares = new Float64Array(sets);
  }

  /** Notes one request of so many bytes; bit i of `hits` says whether contestant i hit. */
  add(hits: number, bytes: number): void {
    this.total += 1;
    this.#requests[hits] = (this.#requests[hits] ?? 0) + 1;
    this.#bytes[hits] = (this.#bytes[hits] ?? 0) + bytes;
    this.#squares[hits] = (this.#squares[hits] ?? 0) + bytes * bytes;
  }

  /** By how many standard deviations `one` leads `other` in requests; negative if it is behind. */
  leadByRequests(one: number, other: number): number {
    return this.#lead(one, other, { amounts: this.#requests, squares: this.#requests });
  }

  /** The same in bytes. */
  leadByBytes(one: number, other: number): number {
    return this.#lead(one, other, { amounts: this.#bytes, squares: this.#squares });
  }

  /** Lets everything so far count half. */
  fade(): void {
    this.total /= 2;
    for (const sums of [this.#requests, this.#bytes, this.#squares]) {
      for (let set = 0; set < sums.length; set += 1) sums[set] = (sums[set] ?? 0) / 2;
    }
  }

  #lead(
    one: number,
    other: number,
    { amounts, squares }: { readonly amounts: Float64Array; readonly squares: Float64Array },
  ): number {
    let [lead, square] = [0, 0];
    for (let set = 0; set < 2 ** this.#contestants; set += 1) {
      const difference = ((set >> one) & 1) - ((set >> other) & 1);
      if (difference === 0) continue;
      lead += difference * (amounts[set] ?? 0);
      square += squares[set] ?? 0;
    }
    return square === 0 ? 0 : lead / Math.sqrt(square);
  }
}
