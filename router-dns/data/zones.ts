import { type FileProblem, readTextFile } from "../../common/file-problem.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import { typeName } from "../wire/codes.ts";
import { formatName, type NameKey } from "../wire/name.ts";
import type { Zone } from "../zone/zone.ts";
import { parseZoneFile } from "../zone/zone-file.ts";

/** The longest TTL that signing lets the records of a zone have, by the zone's apex: seconds. */
export type MaxTtls = ReadonlyMap<NameKey, number>;

/**
 * Reads all zone files. One problem in one of them means that there are no zones, but all problems.
 */
export function loadZones(
  files: readonly string[],
  maxTtls: MaxTtls = new Map(),
): Result<readonly Zone[], readonly FileProblem[]> {
  const zones: Zone[] = [];
  const problems: FileProblem[] = [];
  for (const file of files) {
    const zone = loadZone(file);
    if (!zone.ok) {
      problems.push(...zone.error);
      continue;
    }
    zones.push(zone.value);
    const message = tooLongTtl(zone.value, maxTtls.get(zone.value.key));
    if (message !== undefined) problems.push({ file, line: 1, column: 1, message });
  }
  return problems.length > 0 ? fail(problems) : ok(zones);
}

function loadZone(file: string): Result<Zone, readonly FileProblem[]> {
  const text = readTextFile(file);
  return text.ok ? parseZoneFile(text.value, file) : text;
}

/** Signatures are replaced, and keys go, by what is longest remembered of them. */
function tooLongTtl({ nodes }: Zone, maxTtlSeconds: number | undefined): string | undefined {
  if (maxTtlSeconds === undefined) return undefined;
  for (const { owner, rrsets } of nodes.values()) {
    const rrset = rrsets.find(({ ttlSeconds }) => ttlSeconds > maxTtlSeconds);
    if (rrset === undefined) continue;
    const what = `${typeName(rrset.type)} of ${formatName(owner)}`;
    return `the TTL ${rrset.ttlSeconds} (${what}) is more than dnssec.maxTtl, ${maxTtlSeconds} s`;
  }
  return undefined;
}
