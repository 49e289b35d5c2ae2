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
 * Addresses that every database of the world places somewhere. A file that places none of them is
 * not what it seems to be (wrong kind, damaged records), whatever its sizes say.
 */
const SENTINELS = ["8.8.8.8", "1.1.1.1", "193.0.6.139", "2001:4860:4860::8888", "2001:67c:2e8::"];

/**
 * Opens location databases and flattens them: country files (`country_code` or GeoIP2 `country`)
 * and city files (ip-location-db `latitude`/`longitude`, or GeoIP2 `location`).
 *
 * `files`: one file for both families, or one per family. Reads them whole; anything wrong with any
 * of them is a reason and nothing else.
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

/** Whether a file can be asked about a family (P). A file of one family answers nonsense for the other. */
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
    const database = readMmdb(file);
    if (!database.ok) return database;
    const { metadata } = database.value;
    sources.push({
      file,
      type: metadata.databaseType,
      built: metadata.buildEpoch.toISOString(),
    });
    for (const family of [4, 6] as const) {
      const name = family === 4 ? "v4" : "v6";
      if (tables[name] !== undefined || !hasFamily(database.value, family)) continue;
      const table = walkMmdb(database.value, family, valueOf);
      if (!table.ok) return table;
      tables[name] = table.value;
    }
  }
  const found = SENTINELS.some((text) => {
    const bytes = parseIp(text);
    if (!bytes.ok) return false;
    const table = bytes.value.length === 4 ? tables.v4 : tables.v6;
    return table !== undefined && (table.values[findPrefix(table, bytes.value)] ?? 0) > 0;
  });
  return found ? ok({ ...tables, sources }) : fail(`${files.join(", ")}: says nothing useful`);
}
