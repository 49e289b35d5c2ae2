import type { MapPop, SteeringMap } from "../../router-dns/geo/compile.ts";
import { chordSquared, toUnitVector } from "../../router-dns/geo/place.ts";
import type { PlaceSet } from "../../router-dns/geo/place-set.ts";
import { findPrefix, type PrefixTable, prefixAt } from "../../router-dns/geo/prefix-table.ts";

/** What a comparison of a map with a search of everything counted. */
export interface BruteForce {
  /** Blocks that were looked at, and those whose answer is not the closest PoP that is up. */
  readonly blocks: number;
  readonly wrong: number;
  /** Ranges of the database, and those inside of a scope with another answer than theirs. */
  readonly ranges: number;
  readonly outsideScope: number;
}

/**
 * Compares a map with a search of everything, at the first address of each block of `blockBits`
 * that the database has a place for, and at both ends of every range of it. `located` has the
 * places of the database as numbers; `isUp` says which PoPs can be answered.
 */
export function compareWithBruteForce(
  map: SteeringMap,
  { located, places }: { readonly located: PrefixTable; readonly places: PlaceSet },
  { pops, isUp }: { readonly pops: readonly MapPop[]; readonly isUp: (pop: number) => boolean },
  blockBits: number,
): BruteForce {
  const table = located.family === 4 ? map.v4 : map.v6;
  const closest = closestOfPlaces(places, pops, isUp);
  const ofLeaf = new Int32Array(map.leaves.count).fill(-2);
  const answerAt = (position: number): number => {
    const number = table.values[position] ?? 0;
    if (ofLeaf[number] === -2) {
      ofLeaf[number] = map.leaves.at(number)?.ranking.find((pop) => isUp(pop)) ?? -1;
    }
    return ofLeaf[number] ?? -1;
  };
  const counts = { blocks: 0, wrong: 0, ranges: 0, outsideScope: 0 };
  for (let range = 0; range < located.count; range += 1) {
    const place = located.values[range] ?? 0;
    if (place === 0) continue;
    const expected = closest[place] ?? -1;
    const { bytes, length } = prefixAt(located, range);
    const first = findPrefix(table, bytes);
    const last = findPrefix(table, lastAddress(bytes, length));
    counts.ranges += 1;
    for (let position = first; position <= last; position += 1) {
      if (answerAt(position) === expected) continue;
      counts.outsideScope += 1;
      break;
    }
    // A block belongs to the range that its first address is in.
    const step = Math.max(1, 2 ** (blockBits - length));
    const isStart = length <= blockBits || hasOnlyZeros(bytes, blockBits);
    if (!isStart) continue;
    counts.blocks += step;
    if (first === last) counts.wrong += answerAt(first) === expected ? 0 : step;
    else
      counts.wrong += blocksWrong(
        table,
        { first, last },
        blockBits,
        (at) => answerAt(at) !== expected,
      );
  }
  return counts;
}

/** How many blocks begin in pieces of the map that are wrong. */
function blocksWrong(
  table: PrefixTable,
  { first, last }: { readonly first: number; readonly last: number },
  blockBits: number,
  isWrong: (position: number) => boolean,
): number {
  let wrong = 0;
  for (let position = first; position <= last; position += 1) {
    if (!isWrong(position)) continue;
    const { bytes, length } = prefixAt(table, position);
    if (length <= blockBits) wrong += 2 ** (blockBits - length);
    else if (hasOnlyZeros(bytes, blockBits)) wrong += 1;
  }
  return wrong;
}

/** For each place the closest PoP that is up, by looking at all of them; equally far: the first. */
function closestOfPlaces(
  places: PlaceSet,
  pops: readonly MapPop[],
  isUp: (pop: number) => boolean,
): Int32Array {
  const vectors = pops.map((pop) => toUnitVector(pop.place));
  const closest = new Int32Array(places.count + 1).fill(-1);
  for (let number = 1; number <= places.count; number += 1) {
    const place = places.at(number);
    if (place === undefined) continue;
    const from = toUnitVector(place);
    let best = Number.POSITIVE_INFINITY;
    for (const [pop, vector] of vectors.entries()) {
      const distance = chordSquared(from, vector);
      if (distance >= best || !isUp(pop)) continue;
      best = distance;
      closest[number] = pop;
    }
  }
  return closest;
}

function lastAddress(bytes: Uint8Array, length: number): Uint8Array {
  const last = bytes.slice();
  for (let bit = length; bit < bytes.length * 8; bit += 1) {
    last[bit >>> 3] = (last[bit >>> 3] ?? 0) | (0x80 >>> (bit & 7));
  }
  return last;
}

function hasOnlyZeros(bytes: Uint8Array, from: number): boolean {
  return bytes.subarray(from >>> 3).every((byte) => byte === 0);
}
