import type { MapPop } from "../../router-dns/geo/compile.ts";
import type { Place } from "../../router-dns/geo/place.ts";

/** Cities that people put PoPs in: name, latitude, longitude. */
export const CITIES: readonly (readonly [string, number, number])[] = [
  ["ams", 52.37, 4.9],
  ["fra", 50.11, 8.68],
  ["lon", 51.5, -0.12],
  ["par", 48.86, 2.35],
  ["mad", 40.42, -3.7],
  ["sto", 59.33, 18.07],
  ["waw", 52.23, 21.01],
  ["iad", 39.04, -77.49],
  ["chi", 41.88, -87.63],
  ["dfw", 32.78, -96.8],
  ["lax", 34.05, -118.24],
  ["sea", 47.61, -122.33],
  ["gru", -23.55, -46.63],
  ["scl", -33.45, -70.67],
  ["jnb", -26.2, 28.05],
  ["dxb", 25.2, 55.27],
  ["bom", 19.08, 72.88],
  ["sin", 1.35, 103.82],
  ["nrt", 35.68, 139.69],
  ["syd", -33.87, 151.21],
  ["akl", -36.85, 174.76],
];

/** Twenty of them. */
export function cityPops(): readonly MapPop[] {
  return CITIES.slice(0, 20).map(([name, latitude, longitude]) => ({
    name,
    place: { latitude, longitude },
  }));
}

/** Numbers from 0 to before 1, the same for a seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    const mixed = Math.imul(state ^ (state >>> 13), 0x297a2d39) >>> 0;
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  };
}

/** So many PoPs, at places that clients are at. */
export function popsAmong(
  places: { at(number: number): Place | undefined; readonly count: number },
  count: number,
): readonly MapPop[] {
  const random = seeded(7);
  return Array.from({ length: count }, (_, index) => ({
    name: `p${index}`,
    place: places.at(1 + Math.floor(random() * places.count)) ?? { latitude: 0, longitude: 0 },
  }));
}
