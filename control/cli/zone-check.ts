import { type FileProblem, readTextFile } from "../../common/file-problem.ts";
import { parseZoneFile } from "../../router-dns/zone/zone-file.ts";

/** What a zone file turned out to be. */
export interface ZoneFileCheck {
  readonly problems: readonly FileProblem[];
  readonly warnings: readonly FileProblem[];
  /** What is in it; left out when it cannot be used. */
  readonly summary?: string;
}

/** Reads a zone file and finds everything that is wrong in it, as the router would at its start. */
export function checkZoneFile(file: string, origin?: string): ZoneFileCheck {
  const text = readTextFile(file);
  if (!text.ok) return { problems: text.error, warnings: [] };
  const zone = parseZoneFile(text.value, file, origin === undefined ? {} : { origin });
  if (!zone.ok) return { problems: zone.error, warnings: [] };
  const { nodes, warnings } = zone.value;
  return { problems: [], warnings, summary: `${nodes.size} names` };
}
