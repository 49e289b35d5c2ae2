import { type FileProblem, readTextFile } from "../../common/file-problem.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import type { Zone } from "../zone/zone.ts";
import { parseZoneFile } from "../zone/zone-file.ts";

/**
 * Reads all zone files. One problem in one of them means that there are no zones, but all problems.
 */
export function loadZones(
  files: readonly string[],
): Result<readonly Zone[], readonly FileProblem[]> {
  const zones: Zone[] = [];
  const problems: FileProblem[] = [];
  for (const file of files) {
    const zone = loadZone(file);
    if (zone.ok) zones.push(zone.value);
    else problems.push(...zone.error);
  }
  return problems.length > 0 ? fail(problems) : ok(zones);
}

function loadZone(file: string): Result<Zone, readonly FileProblem[]> {
  const text = readTextFile(file);
  return text.ok ? parseZoneFile(text.value, file) : text;
}
