import { readFileSync } from "node:fs";
import type { FileProblem } from "../../common/config/load.ts";
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
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const message = missing ? "no such file" : String(error);
    return { problems: [{ file, line: 1, column: 1, message }], warnings: [] };
  }
  const zone = parseZoneFile(text, file, origin === undefined ? {} : { origin });
  if (!zone.ok) return { problems: zone.error, warnings: [] };
  const { nodes, warnings } = zone.value;
  return { problems: [], warnings, summary: `${nodes.size} names` };
}
