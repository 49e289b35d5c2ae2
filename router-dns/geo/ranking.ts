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

/** Cells of the grid in one degree of latitude or longitude: 1 is about 111 km at the equator. */
const CELLS_WEST_TO_EAST = 361;

/** Rounding must never lose a candidate. */
const SLACK = 1e-9;

/**
 * Ranks PoPs for places (P): positions of PoPs, best first; equally far ones in the order of the
 * configuration. Deep PoPs are not in it.
 *
 * With more PoPs than FULLY_RANKED_MAX the first `rankedFirst` are by distance from the client and
 * the rest by distance from the first of them: that keeps the number of different rankings small,
 * and is close to right where it matters less.
 *
 * Of many PoPs only those are looked at that can be among the first anywhere in the client's cell
 * of a grid of one degree. The straight line through the earth is a metric: with R from the middle
 * of the cell to its corners and d to the n-th closest PoP of the middle, no PoP farther than
 * d + 2R from the middle is among the n closest of any place in the cell.
 */
export class Ranker {
  /** Positions of the PoPs that are not deep. */
  readonly open: readonly number[];
  /** How many `rank` gives. */
  readonly headLength: number;
  readonly #vectors: readonly UnitVector[];
  readonly #x: Float64Array;
  readonly #y: Float64Array;
  readonly #z: Float64Array;
  readonly #all: Uint16Array;
  readonly #cells = new Map<number, Uint16Array>();
  readonly #distances: Float64Array;
  readonly #scratch: Uint16Array;

  constructor(pops: readonly RankedPop[], rankedFirst: number) {
    this.#vectors = pops.map((pop) => toUnitVector(pop.place));
    this.open = pops.flatMap((pop, index) => (pop.deep ? [] : [index]));
    const first = this.open.length <= FULLY_RANKED_MAX ? FULLY_RANKED_MAX : rankedFirst;
    this.headLength = Math.min(first, this.open.length);
    this.#x = Float64Array.from(this.#vectors, (vector) => vector[0]);
    this.#y = Float64Array.from(this.#vectors, (vector) => vector[1]);
    this.#z = Float64Array.from(this.#vectors, (vector) => vector[2]);
    this.#all = Uint16Array.from(this.open);
    this.#distances = new Float64Array(this.headLength);
    this.#scratch = new Uint16Array(this.headLength);
  }

  /** Writes the closest open PoPs of a place to `head`; it needs room for `headLength`. */
  rank(place: Place, head: Uint16Array): void {
    this.#closest(toUnitVector(place), this.#candidates(place), head);
  }

  /** The open PoPs by distance from one of the PoPs. */
  from(pop: number): readonly number[] {
    const vector = this.#vectors[pop];
    if (vector === undefined) return this.open;
    const distances = this.#vectors.map((other) => chordSquared(vector, other));
    return [...this.open].sort((a, b) => (distances[a] ?? 0) - (distances[b] ?? 0) || a - b);
  }

  /** What may be among the first of a place. */
  #candidates({ latitude, longitude }: Place): Uint16Array {
    if (this.open.length <= FULLY_RANKED_MAX) return this.#all;
    const south = Math.floor(latitude);
    const west = Math.floor(longitude);
    const cell = (south + 90) * CELLS_WEST_TO_EAST + west + 180;
    const known = this.#cells.get(cell);
    if (known !== undefined) return known;
    const middle = toUnitVector({ latitude: south + 0.5, longitude: west + 0.5 });
    const radius = Math.max(
      ...[south, south + 1].map((edge) =>
        Math.sqrt(chordSquared(middle, toUnitVector({ latitude: edge, longitude: west }))),
      ),
    );
    this.#closest(middle, this.#all, this.#scratch);
    const last = this.#distances[this.headLength - 1] ?? 4;
    const reach = (Math.sqrt(last) + 2 * radius + SLACK) ** 2;
    const candidates = this.#all.filter((pop) => this.#away(middle, pop) <= reach);
    this.#cells.set(cell, candidates);
    return candidates;
  }

  /** The straight line to a PoP, squared; the same sum as `chordSquared`, without its arrays. */
  #away(from: UnitVector, pop: number): number {
    const x = from[0] - (this.#x[pop] ?? 0);
    const y = from[1] - (this.#y[pop] ?? 0);
    const z = from[2] - (this.#z[pop] ?? 0);
    return x * x + y * y + z * z;
  }

  /** Writes the closest of some PoPs to `head`, and how far they are to `#distances`. */
  #closest(from: UnitVector, pops: Uint16Array, head: Uint16Array): void {
    const distances = this.#distances;
    const room = this.headLength;
    let count = 0;
    for (const pop of pops) {
      const distance = this.#away(from, pop);
      let at = count;
      if (count === room) {
        at -= 1;
        if (distance > (distances[at] ?? 0)) continue;
        if (distance === distances[at] && pop > (head[at] ?? 0)) continue;
      } else {
        count += 1;
      }
      for (; at > 0; at -= 1) {
        const before = distances[at - 1] ?? 0;
        if (before < distance || (before === distance && (head[at - 1] ?? 0) < pop)) break;
        distances[at] = before;
        head[at] = head[at - 1] ?? 0;
      }
      distances[at] = distance;
      head[at] = pop;
    }
  }
}
