import { chordSquared, type Place, toUnitVector, type UnitVector } from "./place.ts";

/** A PoP as ranking sees it. */
export interface RankedPop {
  readonly place: Place;
  /** Inside one network: only clients of that network, or whom coverage sends, are given it. */
  readonly deep: boolean;
}

/** Up to so many PoPs, a ranking is by distance from the client from first to last. */
export const FULLY_RANKED_MAX = 16;

/** With more PoPs, so many are ranked by distance from the client. */
export const RANKED_FIRST = 8;

/**
 * Ranks PoPs for places (P). The result is the positions of PoPs, best first; equally far ones in
 * the order of the configuration.
 *
 * Deep PoPs are not in it. With more PoPs than FULLY_RANKED_MAX the first `rankedFirst` are by
 * distance from the client and the rest by distance from the first of them: that keeps the number
 * of different rankings small, and is close to right where it matters less.
 */
export class Ranker {
  readonly #open: readonly number[];
  readonly #vectors: readonly UnitVector[];
  readonly #rankedFirst: number;
  readonly #distances: Float64Array;
  readonly #tails = new Map<number, readonly number[]>();

  constructor(pops: readonly RankedPop[], rankedFirst: number) {
    this.#vectors = pops.map((pop) => toUnitVector(pop.place));
    this.#open = pops.flatMap((pop, index) => (pop.deep ? [] : [index]));
    this.#rankedFirst = this.#open.length <= FULLY_RANKED_MAX ? FULLY_RANKED_MAX : rankedFirst;
    this.#distances = new Float64Array(pops.length);
  }

  /**
   * The open PoPs for a client at `place`; nobody knows where: in the order of the configuration.
   */
  rank(place: Place | undefined): readonly number[] {
    if (place === undefined) return this.#open;
    const sorted = this.#byDistance(toUnitVector(place));
    const [first] = sorted;
    if (first === undefined || sorted.length <= this.#rankedFirst) return sorted;
    const head = sorted.slice(0, this.#rankedFirst);
    return [...head, ...this.#tail(first).filter((pop) => !head.includes(pop))];
  }

  /** The same, with one PoP first whatever its distance; the rest as close as it can be told. */
  rankAfter(pop: number, place: Place | undefined): readonly number[] {
    const rest = place === undefined ? this.#tail(pop) : this.rank(place);
    return [pop, ...rest.filter((other) => other !== pop)];
  }

  #tail(pop: number): readonly number[] {
    const known = this.#tails.get(pop);
    if (known !== undefined) return known;
    const vector = this.#vectors[pop];
    const sorted = vector === undefined ? this.#open : this.#byDistance(vector);
    this.#tails.set(pop, sorted);
    return sorted;
  }

  #byDistance(from: UnitVector): number[] {
    const distances = this.#distances;
    for (const pop of this.#open) {
      const vector = this.#vectors[pop];
      distances[pop] = vector === undefined ? 0 : chordSquared(from, vector);
    }
    return [...this.#open].sort((a, b) => (distances[a] ?? 0) - (distances[b] ?? 0) || a - b);
  }
}
