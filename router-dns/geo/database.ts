import { parseIp } from "../../common/ip.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import { COUNTRY_PLACES } from "./countries.ts";
import { type Mmdb, readMmdb, walkMmdb } from "./mmdb.ts";
import { isPlace, type Place } from "./place.ts";
import { findPrefix, type PrefixTable } from "./prefix-table.ts";

/** Where addresses are: the whole of one or two databases, flattened. */
export interface Locations {
  /** What the values of the tables stand for, less 1; value 0 is "nobody knows". */
  readonly places: readonly Place[];
  /** Left out: no database has that family. */
  readonly v4: PrefixTable | undefined;
  readonly v6: PrefixTable | undefined;
  readonly sources: readonly DatabaseSource[];
}

/** Which AS announces an address; the values of the tables are AS numbers, 0 for none. */
export interface Networks {
  readonly v4: PrefixTable | undefined;
  readonly v6: PrefixTable | undefined;
  readonly sources: readonly DatabaseSource[];
}

/** One file that was used. */
export interface DatabaseSource {
  readonly file: string;
  /** What the file says that it is, such as `GeoLite2-City`. */
  readonly type: string;
  /** When it was built, ISO 8601. */
  readonly built: string;
}

/**
 * Addresses that every database of the world knows. One that knows none of a family is not what it
 * seems to be (of another kind, or damaged), whatever its sizes say.
 */
const SENTINELS = {
  v4: ["8.8.8.8", "1.1.1.1", "193.0.6.139"],
  v6: ["2001:4860:4860::8888", "2606:4700:4700::1111", "2001:67c:2e8::1"],
} as const;

/**
 * Opens location databases and flattens them: country files (`country_code` or GeoIP2 `country`)
 * and city files (ip-location-db `latitude`/`longitude`, or GeoIP2 `location`).
 *
 * `files`: each family is taken from the first of them that has it. Reads them whole; anything
 * wrong with any of them is a reason and nothing else.
 */
export function openLocations(files: readonly string[]): Result<Locations, string> {
  const places: Place[] = [];
  const byCountry = new Map<string, number>();
  const numberPlace = (record: unknown): number => {
    const location = locationOf(record);
    if (location === undefined) return 0;
    if (typeof location !== "string") return places.push(location);
    const known = byCountry.get(location);
    if (known !== undefined) return known;
    const place = COUNTRY_PLACES[location];
    const value =
      place === undefined ? 0 : places.push({ latitude: place[0], longitude: place[1] });
    byCountry.set(location, value);
    return value;
  };
  const opened = openBoth(files, numberPlace);
  if (!opened.ok) return opened;
  return ok({ places, ...opened.value });
}

/** Opens AS databases (`autonomous_system_number`, as ip-location-db and GeoLite2-ASN have it). */
export function openNetworks(files: readonly string[]): Result<Networks, string> {
  return openBoth(files, (record) => {
    const asn = (record as { autonomous_system_number?: unknown }).autonomous_system_number;
    return typeof asn === "number" && asn > 0 && asn < 2 ** 32 ? asn : 0;
  });
}

/** What a record says: a point, else the country (ISO 3166-1 alpha-2), else nothing (P). */
export function locationOf(record: unknown): Place | string | undefined {
  const fields = record as {
    latitude?: unknown;
    longitude?: unknown;
    location?: { latitude?: unknown; longitude?: unknown };
    country_code?: unknown;
    country?: { iso_code?: unknown };
  };
  const point = fields.location ?? fields;
  if (isPlace(point.latitude, point.longitude)) {
    return { latitude: point.latitude as number, longitude: point.longitude as number };
  }
  const country = fields.country_code ?? fields.country?.iso_code;
  return typeof country === "string" ? country.toUpperCase() : undefined;
}

/**
 * Whether a file can be asked about a family (P). A file of one family answers nonsense for the
 * other.
 */
export function hasFamily(database: Mmdb, family: 4 | 6): boolean {
  return family === 4 ? database.ipv4Root !== undefined : database.metadata.ipVersion === 6;
}

function openBoth(
  files: readonly string[],
  valueOf: (record: unknown) => number,
): Result<Networks, string> {
  const tables: { v4: PrefixTable | undefined; v6: PrefixTable | undefined } = {
    v4: undefined,
    v6: undefined,
  };
  const sources: DatabaseSource[] = [];
  for (const file of files) {
    if (tables.v4 !== undefined && tables.v6 !== undefined) break;
    const database = readMmdb(file);
    if (!database.ok) return database;
    let isUsed = false;
    for (const family of [4, 6] as const) {
      const name = family === 4 ? "v4" : "v6";
      if (tables[name] !== undefined || !hasFamily(database.value, family)) continue;
      const table = walkMmdb(database.value, family, valueOf);
      if (!table.ok) return table;
      if (!knowsSentinel(table.value)) {
        return fail(`${file}: knows none of ${SENTINELS[name].join(", ")}: wrong kind or damaged`);
      }
      tables[name] = table.value;
      isUsed = true;
    }
    const { databaseType: type, buildEpoch } = database.value.metadata;
    if (isUsed) sources.push({ file, type, built: buildEpoch.toISOString() });
  }
  return ok({ ...tables, sources });
}

function knowsSentinel(table: PrefixTable): boolean {
  const texts = table.family === 4 ? SENTINELS.v4 : SENTINELS.v6;
  return texts.some((text) => {
    const bytes = parseIp(text);
    return bytes.ok && (table.values[findPrefix(table, bytes.value)] ?? 0) > 0;
  });
}
