import { parseIp } from "../../common/ip.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import { COUNTRY_PLACES } from "./countries.ts";
import {
  DamagedDatabaseError,
  findRecord,
  type Mmdb,
  type RecordNumbers,
  readMmdb,
  recordsStart,
  walkMmdb,
} from "./mmdb.ts";
import { isPlace, type Place } from "./place.ts";
import { PlaceSet } from "./place-set.ts";
import { PointReader } from "./point-reader.ts";
import type { PrefixTable } from "./prefix-table.ts";

/**
 * Flattens one family of a database: each prefix with what `labelOf` makes of its number. A table
 * of ten million prefixes is not made twice for that: memory that is touched for the first time
 * costs more than the walk. Throws a DamagedDatabaseError.
 */
export type Flatten = (labelOf: (number: number) => number) => PrefixTable;

/** Where addresses are: the whole of one or two databases. */
export interface Locations {
  /** What the numbers of prefixes stand for; 0 is "nobody knows". Filled as they are flattened. */
  readonly places: PlaceSet;
  /** Left out: no database has that family. */
  readonly v4: Flatten | undefined;
  readonly v6: Flatten | undefined;
  readonly sources: readonly DatabaseSource[];
}

/** Which AS announces an address; the numbers of prefixes are AS numbers, 0 for none. */
export interface Networks {
  readonly v4: Flatten | undefined;
  readonly v6: Flatten | undefined;
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
 * Opens location databases: country files (`country_code` or GeoIP2 `country`)
 * and city files (ip-location-db `latitude`/`longitude`, or GeoIP2 `location`).
 *
 * `files`: each family is taken from the first of them that has it. Reads them whole; anything
 * wrong with any of them is a reason and nothing else.
 */
export function openLocations(files: readonly string[]): Result<Locations, string> {
  const places = new PlaceSet(65_536);
  const numberPlace = (record: unknown): number => {
    const location = locationOf(record);
    if (location === undefined) return 0;
    if (typeof location !== "string") return places.add(location.latitude, location.longitude);
    const place = COUNTRY_PLACES[location];
    return place === undefined ? 0 : places.add(place[0], place[1]);
  };
  const opened = openBoth(files, (database) => {
    const points = new PointReader(database.bytes, recordsStart(database));
    return {
      none: 0,
      ofRecord: numberPlace,
      quick: (offset) => (points.read(offset) ? places.add(points.latitude, points.longitude) : -1),
    };
  });
  if (!opened.ok) return opened;
  return ok({ places, ...opened.value });
}

/** Opens AS databases (`autonomous_system_number`, as ip-location-db and GeoLite2-ASN have it). */
export function openNetworks(files: readonly string[]): Result<Networks, string> {
  const ofRecord = (record: unknown): number => {
    const asn = (record as { autonomous_system_number?: unknown }).autonomous_system_number;
    return typeof asn === "number" && asn > 0 && asn < 2 ** 32 ? asn : 0;
  };
  return openBoth(files, () => ({ none: 0, ofRecord }));
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
  numbering: (database: Mmdb) => RecordNumbers,
): Result<Networks, string> {
  const families: { v4: Flatten | undefined; v6: Flatten | undefined } = {
    v4: undefined,
    v6: undefined,
  };
  const sources: DatabaseSource[] = [];
  for (const file of files) {
    if (families.v4 !== undefined && families.v6 !== undefined) break;
    const opened = readMmdb(file);
    if (!opened.ok) return opened;
    const database = opened.value;
    const numbers = numbering(database);
    let isUsed = false;
    for (const family of [4, 6] as const) {
      const name = family === 4 ? "v4" : "v6";
      if (families[name] !== undefined || !hasFamily(database, family)) continue;
      const known = knowsSentinel(database, family, numbers);
      if (!known.ok) return known;
      families[name] = (labelOf) => walkMmdb(database, family, relabelled(numbers, labelOf));
      isUsed = true;
    }
    const { databaseType: type, buildEpoch } = database.metadata;
    if (isUsed) sources.push({ file, type, built: buildEpoch.toISOString() });
  }
  return ok({ ...families, sources });
}

/** A record is numbered once and its number labelled once, however many prefixes lead to it. */
function relabelled(
  { ofRecord, quick }: RecordNumbers,
  labelOf: (number: number) => number,
): RecordNumbers {
  const none = labelOf(0);
  return {
    none,
    ofRecord: (record) => labelOf(ofRecord(record)),
    ...(quick && {
      quick: (offset: number) => {
        const number = quick(offset);
        return number < 0 ? number : labelOf(number);
      },
    }),
  };
}

function knowsSentinel(
  database: Mmdb,
  family: 4 | 6,
  { ofRecord }: RecordNumbers,
): Result<true, string> {
  const texts = family === 4 ? SENTINELS.v4 : SENTINELS.v6;
  try {
    for (const text of texts) {
      const bytes = parseIp(text);
      const record = bytes.ok ? findRecord(database, bytes.value) : undefined;
      if (record !== undefined && ofRecord(record) > 0) return ok(true);
    }
  } catch (error) {
    if (error instanceof DamagedDatabaseError) return fail(error.message);
    throw error;
  }
  return fail(`${database.file}: knows none of ${texts.join(", ")}: wrong kind or damaged`);
}
