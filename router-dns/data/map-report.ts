import type { Config } from "../../common/config/schema.ts";
import { formatProblem } from "../../common/file-problem.ts";
import { formatPrefix, type IpPrefix } from "../../common/ip.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import { locateClient } from "../geo/choose.ts";
import type { MapPop } from "../geo/compile.ts";
import type { DatabaseSource } from "../geo/database.ts";
import { type LocatedIn, locateIn } from "../geo/locate.ts";
import {
  type ClientPlaces,
  compareMaps,
  type MapChange,
  type MapStats,
  measureMap,
} from "../geo/map-stats.ts";
import { distanceKm } from "../geo/place.ts";
import { prefixAt } from "../geo/prefix-table.ts";
import { buildMapAside } from "./map.ts";
import { type BuiltMap, readLocations } from "./map-build.ts";
import { toMapPop } from "./snapshot.ts";

export type { MapChange, MapStats } from "../geo/map-stats.ts";

/** A map that was compiled to be looked at. */
export interface CompiledMap extends BuiltMap {
  readonly pops: readonly MapPop[];
  /** The location database that is configured. */
  readonly city: string | undefined;
}

/** How large a map is, and what it was made of. */
export interface MapSize {
  readonly pops: number;
  readonly prefixes: { readonly v4: number; readonly v6: number };
  readonly rankings: number;
  /** PoPs of a ranking that are in the order of the distance from the client itself. */
  readonly rankedByDistance: number;
  readonly sources: readonly DatabaseSource[];
  readonly broken: readonly string[];
}

/** Where a client is led. */
export interface ClientInMap {
  /** The client's prefix in the map: all of it is led alike. */
  readonly prefix: string;
  readonly location: LocatedIn | null;
  readonly reason: string;
  readonly ranking: readonly { readonly pop: string; readonly km: number | null }[];
}

/** One report for each family that a database has. */
export type ByFamily<T> = Readonly<Partial<Record<"IPv4" | "IPv6", T>>>;

/** Compiles the map of a configuration; the failure is what is wrong with its files, in lines. */
export async function compileForReport(
  config: Pick<Config, "pops" | "geoip" | "coverage" | "latency">,
): Promise<Result<CompiledMap, string>> {
  const pops = config.pops.map(toMapPop);
  const { city, asn } = config.geoip;
  const { file, margin: marginMs } = config.latency;
  const latency = { file, marginMs };
  const order = { pops, city, asn, coverageFile: config.coverage, latency, replaceBroken: true };
  const built = await buildMapAside(order);
  if (built.ok) return ok({ ...built.value, pops, city });
  const { broken, problems } = built.error;
  return fail([...broken, ...problems.map(formatProblem)].join("\n"));
}

/** Says how large a map is (P). */
export function reportSize({ map, pops, sources, broken }: CompiledMap): MapSize {
  return {
    pops: pops.length,
    prefixes: { v4: map.v4.count, v6: map.v6.count },
    rankings: map.leaves.count,
    rankedByDistance: Math.min(map.leaves.columns.stride - 1, pops.length),
    sources,
    broken,
  };
}

/** Says where a client is led. Reads the databases again for where it is. */
export function reportClient({ map, pops, sources }: CompiledMap, client: IpPrefix): ClientInMap {
  const { bytes, length } = client;
  const place = locateClient(map, { bytes, prefixLength: length, source: "ecs" });
  const location = locateIn(sources, bytes);
  return {
    prefix: formatPrefix(prefixAt(place.table, place.position)),
    location: location ?? null,
    reason: place.leaf.reason,
    ranking: place.leaf.ranking.map((index) => {
      const to = pops[index];
      const isFar = location !== undefined && to !== undefined;
      return {
        pop: to?.name ?? "",
        km: isFar ? Math.round(distanceKm(location.place, to.place)) : null,
      };
    }),
  };
}

/** Measures a map for the clients that its databases know. Reads them again. */
export function reportStats(compiled: CompiledMap): Result<ByFamily<MapStats>, string> {
  return eachFamily(compiled, (clients) => measureMap(compiled, clients));
}

/** Compares two maps for the clients that the databases of the second know. Reads them again. */
export function reportChange(
  before: CompiledMap,
  after: CompiledMap,
): Result<ByFamily<MapChange>, string> {
  return eachFamily(after, (clients) => compareMaps(before, after, clients));
}

function eachFamily<T>(
  { city }: CompiledMap,
  measure: (clients: ClientPlaces) => T,
): Result<ByFamily<T>, string> {
  const broken: string[] = [];
  const locations = readLocations({ city, asn: undefined }, broken);
  if (locations === undefined) return fail(broken.join("\n"));
  const { v4, v6, places } = locations;
  const families = Object.entries({ IPv4: v4, IPv6: v6 }).flatMap(([family, flatten]) =>
    flatten === undefined
      ? []
      : [[family, measure({ located: flatten((place) => place), places })] as const],
  );
  return ok(Object.fromEntries(families));
}
