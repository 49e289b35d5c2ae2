import { type FileProblem, formatProblem } from "../../common/file-problem.ts";
import type { Logger } from "../../common/log.ts";
import type { Result } from "../../common/result.ts";
import type { Zone } from "../zone/zone.ts";
import type { LiveSnapshot } from "./live.ts";
import { buildMapAside } from "./map.ts";
import type { BuiltMap, MapOrder } from "./map-build.ts";
import type { MapKeeper } from "./map-keeper.ts";
import type { ZoneFiles } from "./zone-files.ts";

/** Files that a router reads at the start and again on SIGHUP. */
export interface RouterFiles {
  readonly zones: ZoneFiles;
  readonly map: Omit<MapOrder, "replaceBroken">;
}

/** The router cannot start with its files: all that is wrong with them, one line each. */
export class RouterFilesError extends Error {
  override readonly name = "RouterFilesError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

/**
 * Reads everything for the first time. A broken database is replaced by the bundled one, and said
 * loudly; what an operator writes (zones, coverage) must be right: rejects with RouterFilesError.
 */
export async function loadFiles(
  files: RouterFiles,
  log: Logger,
): Promise<{ readonly fileZones: readonly Zone[]; readonly built: BuiltMap }> {
  const building = buildMapAside({ ...files.map, replaceBroken: true });
  const zones = files.zones.load();
  const built = await building;
  const problems = [
    ...(zones.ok ? [] : zones.error.map(formatProblem)),
    ...(built.ok ? [] : [...built.error.broken, ...built.error.problems.map(formatProblem)]),
  ];
  if (!zones.ok || !built.ok) throw new RouterFilesError(problems);
  logWarnings(zones.value, log);
  for (const reason of built.value.broken) {
    log.error({ event: "database-broken", reason }, `${reason}; going on without this database`);
  }
  return { fileZones: zones.value, built: built.value };
}

/**
 * Reads everything again; zones and map are each replaced only if nothing is wrong with them.
 * `dress` makes of the zones of the files those that are served.
 */
export async function reloadFiles(
  files: RouterFiles,
  live: LiveSnapshot,
  log: Logger,
  dress: (zones: readonly Zone[]) => Promise<Result<readonly Zone[], string>>,
  map: MapKeeper,
): Promise<void> {
  const zones = await files.zones.reload();
  if (zones.ok) {
    logWarnings(zones.value, log);
    const dressed = await dress(zones.value);
    if (dressed.ok) live.setFileZones(dressed.value);
    else log.error({ event: "zones-kept", reason: dressed.error });
  } else {
    logProblems("zones-kept", zones.error, log);
  }
  const isMapNew = await map.rebuild();
  log.info({ event: "reloaded", zones: zones.ok, map: isMapNew });
}

function logProblems(event: string, problems: readonly FileProblem[], log: Logger): void {
  for (const problem of problems) log.error({ event, reason: formatProblem(problem) });
}

function logWarnings(zones: readonly Zone[], log: Logger): void {
  for (const warning of zones.flatMap((zone) => zone.warnings)) {
    log.warn({ event: "zone-warning", reason: formatProblem(warning) });
  }
}
