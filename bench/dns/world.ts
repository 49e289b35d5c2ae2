import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { chordSquared, toUnitVector } from "../../router-dns/geo/place.ts";
import { Seeded } from "../../test/fuzz/seeded.ts";
import { queryBytes } from "../../test/router-dns/dns-world.ts";
import { writeMmdb } from "../../test/router-dns/geo/mmdb-writer.ts";
import { CITIES } from "../map/pops.ts";

/** A PoP that every server of a comparison knows. */
export interface BenchPop {
  readonly name: string;
  /** What the database calls the country of all clients that are closest to it. */
  readonly country: string;
  readonly latitude: number;
  readonly longitude: number;
  readonly address: string;
}

export const DOMAIN = "bench.test";
export const NAME = `www.${DOMAIN}`;

/** Twenty of them, which are far enough from one another for countries of their own. */
const PLACES = CITIES.filter(([name]) => name !== "par");

/** Networks of the database are so long; each has one of so many places. */
const NETWORK_BITS = 18;
const DATABASE_PLACES = 4_000;

const FORM = {
  ipVersion: 4,
  recordSize: 32,
  type: "GeoLite2-City",
  isForLibraries: true,
} as const;

/** Different client subnets that questions come with. */
const CLIENTS = 200_000;

export const POPS: readonly BenchPop[] = PLACES.map(([name, latitude, longitude], index) => ({
  name,
  country: `A${String.fromCharCode(65 + index)}`,
  latitude,
  longitude,
  address: `192.0.2.${index + 1}`,
}));

/**
 * Writes a database of places (GeoIP2's form, 224,000 networks of which neighbours differ) that all
 * servers read. The country of a network is its closest PoP, so that servers that know countries
 * only give the same answers as those that know distances.
 */
export function writeDatabase(dir: string): string {
  const random = new Seeded(1);
  const records = Array.from({ length: DATABASE_PLACES }, () => {
    const latitude = random.below(14_000) / 100 - 60;
    const longitude = random.below(36_000) / 100 - 180;
    const country = { iso_code: closest(latitude, longitude).country };
    return { country, location: { latitude: latitude + 1e-4, longitude: longitude + 1e-4 } };
  });
  const step = 2 ** (32 - NETWORK_BITS);
  const entries = Array.from({ length: (223 * 2 ** 24) / step }, (_, index) => {
    const first = 2 ** 24 + index * step;
    const bytes = Uint8Array.of(first >>> 24, first >>> 16, first >>> 8, first);
    const record = records[random.below(DATABASE_PLACES)] ?? {};
    return { prefix: { bytes, length: NETWORK_BITS }, record };
  });
  const file = join(dir, "places.mmdb");
  writeFileSync(file, writeMmdb({ ...FORM, entries }));
  return file;
}

function closest(latitude: number, longitude: number): BenchPop {
  const from = toUnitVector({ latitude, longitude });
  const distance = (pop: BenchPop) => chordSquared(from, toUnitVector(pop));
  return POPS.reduce((best, pop) => (distance(pop) < distance(best) ? pop : best));
}

/** Writes questions for the name from random client subnets, as the sender reads them. */
export function writeQuestions(dir: string, isDnssecOk: boolean): string {
  const random = new Seeded(2);
  const parts = Array.from({ length: CLIENTS }, () => {
    const subnet = [1 + random.below(222), random.below(256), random.below(256)];
    const option = Buffer.from([0, 1, 24, 0, ...subnet]).toString("hex");
    const query = queryBytes({ name: NAME, udpBytes: 1_232, isDnssecOk, options: [[8, option]] });
    return [Buffer.from([query.length >> 8, query.length & 255]), query];
  });
  const file = join(dir, `questions-${isDnssecOk ? "do" : "plain"}.bin`);
  writeFileSync(file, Buffer.concat(parts.flat()));
  return file;
}
