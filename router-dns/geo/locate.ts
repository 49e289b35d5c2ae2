import { readFileSync } from "node:fs";
import { Reader, type Response } from "maxmind";
import { formatIp, type IpBytes } from "../../common/ip.ts";
import { COUNTRY_PLACES } from "./countries.ts";
import { type DatabaseSource, locationOf } from "./database.ts";
import type { Place } from "./place.ts";

/** What a database says about one address. */
export interface LocatedIn {
  readonly database: string;
  readonly place: Place;
  /** ISO 3166-1 alpha-2, if the place stands for a whole country. */
  readonly country: string | undefined;
}

/**
 * Looks one address up in the files that the map was made from. Reads them again, because the map
 * keeps no places: for explanations, not for queries. A file that has been replaced since is passed
 * over; so is one that is of the other family or says nothing about the address.
 */
export function locateIn(
  databases: readonly DatabaseSource[],
  bytes: IpBytes,
): LocatedIn | undefined {
  for (const database of databases) {
    const record = readRecord(database, bytes);
    const location = record === undefined ? undefined : locationOf(record);
    if (location === undefined) continue;
    if (typeof location !== "string") {
      return { database: database.file, place: location, country: undefined };
    }
    const place = COUNTRY_PLACES[location];
    if (place === undefined) continue;
    const [latitude, longitude] = place;
    return { database: database.file, place: { latitude, longitude }, country: location };
  }
  return undefined;
}

function readRecord(database: DatabaseSource, bytes: IpBytes): unknown {
  try {
    const reader = new Reader<Response>(readFileSync(database.file));
    const { ipVersion, buildEpoch } = reader.metadata;
    if (buildEpoch.toISOString() !== database.built) return undefined;
    if (bytes.length === 16 && ipVersion !== 6) return undefined;
    return reader.get(formatIp(bytes)) ?? undefined;
  } catch {
    return undefined;
  }
}
