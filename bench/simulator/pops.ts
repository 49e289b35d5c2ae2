import type { PopConfig } from "../../common/config/schema.ts";
import { chordSquared, distanceKm, type Place, toUnitVector } from "../../router-dns/geo/place.ts";
import type { PlaceSet } from "../../router-dns/geo/place-set.ts";
import type { Scenario } from "./scenario.ts";

/** Of the capacity of generated PoPs, this is shared alike; the rest goes by demand. */
const ALIKE = 0.5;

/** The PoPs of a scenario (P). `weights`: the part of all demand that each place has. */
export function popsOf(
  scenario: Scenario,
  places: PlaceSet,
  weights: Float64Array,
): readonly PopConfig[] {
  const { generate } = scenario;
  if (generate === undefined) {
    return scenario.pops.map(({ name, location, edges, capacity }) =>
      popOf(name, location, edges, capacity),
    );
  }
  const chosen = choosePlaces(places, weights, generate);
  const shares = nearestShares(chosen, places, weights);
  return chosen.map(({ latitude, longitude }, i) => {
    const share = ALIKE / chosen.length + (1 - ALIKE) * (shares[i] ?? 0);
    const capacity = (generate.capacity * share) / generate.edges;
    return popOf(`p${i}`, [latitude, longitude], generate.edges, capacity);
  });
}

function popOf(
  name: string,
  location: readonly [number, number],
  edges: number,
  capacity: number,
): PopConfig {
  return {
    name,
    location: [...location],
    edges: Array.from({ length: edges }, (_, i) => ({
      name: `${name}-${i + 1}`,
      // Nobody is sent there: answers are counted by the name of the edge.
      address: "192.0.2.1",
      port: 8080,
      capacity,
      memory: 2 ** 20,
    })),
  };
}

/** The places of most demand, none nearer than `apart` km to one that was taken before. */
function choosePlaces(
  places: PlaceSet,
  weights: Float64Array,
  { count, apart }: { readonly count: number; readonly apart: number },
): readonly Place[] {
  const order = Array.from({ length: places.count }, (_, i) => i + 1)
    .filter((place) => (weights[place] ?? 0) > 0)
    .sort((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0) || a - b);
  const chosen: Place[] = [];
  for (const number of order) {
    if (chosen.length === count) break;
    const place = places.at(number);
    if (place === undefined) continue;
    if (chosen.every((other) => distanceKm(other, place) >= apart)) chosen.push(place);
  }
  return chosen;
}

/** The part of all demand that each of the chosen places is nearest to. */
function nearestShares(
  chosen: readonly Place[],
  places: PlaceSet,
  weights: Float64Array,
): Float64Array {
  const shares = new Float64Array(chosen.length);
  const vectors = chosen.map(toUnitVector);
  for (let number = 1; number <= places.count; number += 1) {
    const weight = weights[number] ?? 0;
    const place = places.at(number);
    if (weight === 0 || place === undefined) continue;
    const from = toUnitVector(place);
    let nearest = 0;
    let least = Number.POSITIVE_INFINITY;
    for (const [i, other] of vectors.entries()) {
      const away = chordSquared(from, other);
      if (away >= least) continue;
      nearest = i;
      least = away;
    }
    shares[nearest] = (shares[nearest] ?? 0) + weight;
  }
  return shares;
}
