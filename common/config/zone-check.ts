import type { CheckProblem, Path } from "./check.ts";
import type { Config } from "./schema.ts";

/** What is wrong between zones, their keys and each other (P). */
export function zoneProblems(config: Config): CheckProblem[] {
  const known = new Set(config.tsig.map(({ name }) => name));
  const problems: CheckProblem[] = [];
  const need = (key: string | undefined, path: Path): void => {
    if (key === undefined || known.has(key)) return;
    problems.push({ path, message: `there is no key "${key}" under tsig` });
  };
  const transfers = [
    [config.cdn.transfer, ["cdn", "transfer"]] as const,
    ...config.zones.map(({ transfer }, z) => [transfer, ["zones", z, "transfer"]] as const),
  ];
  for (const [transfer, path] of transfers) {
    for (const [k, key] of (transfer?.keys ?? []).entries()) need(key, [...path, "keys", k]);
    for (const [n, { key }] of (transfer?.notify ?? []).entries()) {
      need(key, [...path, "notify", n, "key"]);
    }
    if (transfer !== undefined && transfer.to.length === 0 && transfer.keys.length === 0) {
      problems.push({ path: [...path], message: "lets nobody have the zone: give to or keys" });
    }
  }
  for (const [z, { name, primaries, key }] of config.zones.entries()) {
    if (primaries !== undefined && name === undefined) {
      problems.push({ path: ["zones", z], message: "a zone with primaries needs its name" });
    }
    if (primaries === undefined && name !== undefined) {
      const message = "is for zones with primaries; a zone file says its name itself";
      problems.push({ path: ["zones", z, "name"], message });
    }
    if (primaries === undefined && key !== undefined) {
      problems.push({ path: ["zones", z, "key"], message: "is for zones with primaries" });
    }
    need(key, ["zones", z, "key"]);
  }
  return problems;
}
