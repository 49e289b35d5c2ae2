import type { Site } from "../../common/config/site.ts";
import { type FileProblem, readTextFile } from "../../common/file-problem.ts";
import { nameKey, parseName } from "../wire/name.ts";
import { buildZoneTable, type Zone } from "../zone/zone.ts";
import { parseZoneFile } from "../zone/zone-file.ts";
import { brokenAliasesOf, buildZones, type CdnIdentity } from "./snapshot.ts";

/** What a router would serve beside the zone files. */
export interface ServedBeside {
  readonly identity: CdnIdentity;
  readonly sites: readonly Site[];
  /** Names of the zones that come from primaries. */
  readonly fetched: readonly string[];
}

/** A zone file, and the name of its zone if it does not say that itself. */
export interface NamedZoneFile {
  readonly file: string;
  readonly origin?: string;
}

/** What zone files turned out to be, all of them together. */
export interface ZoneFilesCheck {
  readonly problems: readonly FileProblem[];
  readonly warnings: readonly FileProblem[];
  /** Those that can be used, in the order of their files. */
  readonly zones: readonly Zone[];
}

/**
 * Reads zone files and finds everything that is wrong in them, as a router would at its start.
 * Where `beside` is left out, nothing is known of names outside the files: what an alias has there
 * is a warning. While a file cannot be read, nothing is said about aliases.
 */
export function checkZoneFiles(
  files: readonly NamedZoneFile[],
  beside?: ServedBeside,
): ZoneFilesCheck {
  const problems: FileProblem[] = [];
  const zones: Zone[] = [];
  for (const { file, ...options } of files) {
    const text = readTextFile(file);
    const zone = text.ok ? parseZoneFile(text.value, file, options) : text;
    if (zone.ok) zones.push(zone.value);
    else problems.push(...zone.error);
  }
  const warnings = zones.flatMap(({ warnings }) => warnings);
  if (problems.length > 0) return { problems, warnings, zones };
  const aliases = beside === undefined ? aliasesAlone(zones) : aliasesBeside(zones, beside);
  return { problems: aliases.problems, warnings: [...warnings, ...aliases.warnings], zones };
}

type Findings = Pick<ZoneFilesCheck, "problems" | "warnings">;

/** With the configuration, an alias that leads nowhere is an error, or at least odd. */
function aliasesBeside(zones: readonly Zone[], beside: ServedBeside): Findings {
  const sites = new Map(beside.sites.map((site) => [site.name, site]));
  const table = buildZones(beside.identity, zones, { sites }, 1);
  // Two zones of one name, or a name that is too long: the router says so at its start.
  if (!table.ok) {
    const file = zones[0]?.file ?? "";
    return { problems: [{ file, line: 1, column: 1, message: table.error }], warnings: [] };
  }
  const missing = new Set(beside.fetched.map(keyOf));
  const broken = brokenAliasesOf({ ...table.value, missing }, zones);
  return {
    problems: broken.filter(({ isFinal }) => isFinal).map(({ place }) => place),
    warnings: broken.filter(({ isFinal }) => !isFinal).map(({ place }) => place),
  };
}

/** Without it, what leaves the files may be right: only who serves the rest can tell. */
function aliasesAlone(zones: readonly Zone[]): Findings {
  const table = buildZoneTable(zones);
  if (!table.ok) return { problems: [], warnings: [] };
  const broken = brokenAliasesOf(table.value, zones);
  const isElsewhere = ({ problem }: (typeof broken)[number]) => problem === "not-served";
  return {
    problems: broken.filter((alias) => !isElsewhere(alias)).map(({ place }) => place),
    warnings: broken.filter(isElsewhere).map(({ place }) => {
      const [what = ""] = place.message.split(",");
      return { ...place, message: `${what}, which another zone has: check it with --config` };
    }),
  };
}

function keyOf(text: string): string {
  const name = parseName(`${text}.`);
  return name.ok ? nameKey(name.value) : "";
}
