import { formatPrefix, type IpPrefix, prefixContains } from "../ip.ts";
import type { CatalogConfig } from "./catalogs.ts";
import type { CheckProblem, Path } from "./check.ts";
import type { Config } from "./schema.ts";
import type { TransferConfig } from "./zones.ts";

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
    ...config.catalogs.flatMap((catalog, c) => catalogTransfers(catalog, ["catalogs", c])),
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
  for (const [c, catalog] of config.catalogs.entries()) {
    const path = ["catalogs", c] as const;
    problems.push(...catalogProblems(catalog, path));
    need(catalog.key, [...path, "key"]);
    need(catalog.members.key, [...path, "members", "key"]);
    for (const [group, { key }] of Object.entries(catalog.groups)) {
      need(key, [...path, "groups", group, "key"]);
    }
  }
  return [...problems, ...reverseProblems(config)];
}

/** Shorter prefixes are nobody's who reads this: more likely a slip of the pen. */
const REVERSE_BITS_MIN = { 4: 8, 16: 16 } as const;

function reverseProblems({ cdn: { reverse } }: Config): CheckProblem[] {
  return reverse.flatMap((prefix, r): CheckProblem[] => {
    const path: Path = ["cdn", "reverse", r];
    const least = prefix.bytes.length === 4 ? REVERSE_BITS_MIN[4] : REVERSE_BITS_MIN[16];
    if (prefix.length < least) return [{ path, message: `must be /${least} or longer` }];
    const other = reverse.slice(0, r).find((before) => overlap(before, prefix));
    if (other === undefined) return [];
    return [{ path, message: `shares addresses with ${formatPrefix(other)}` }];
  });
}

function overlap(left: IpPrefix, right: IpPrefix): boolean {
  return prefixContains(left, right.bytes) || prefixContains(right, left.bytes);
}

function catalogTransfers(
  { transfer, members, groups }: CatalogConfig,
  path: Path,
): readonly (readonly [TransferConfig | undefined, Path])[] {
  return [
    [transfer, [...path, "transfer"]],
    [members.transfer, [...path, "members", "transfer"]],
    ...Object.entries(groups).map(
      ([group, settings]) => [settings.transfer, [...path, "groups", group, "transfer"]] as const,
    ),
  ];
}

/** A catalog is given, with `transfer`, or taken, with `primaries` and `folder`. */
function catalogProblems(catalog: CatalogConfig, path: Path): CheckProblem[] {
  const { transfer, primaries, folder } = catalog;
  if ((transfer === undefined) === (primaries === undefined)) {
    const message = "needs transfer, for a catalog that is given, or primaries, for one to take";
    return [{ path: [...path], message }];
  }
  if (primaries !== undefined && folder === undefined) {
    return [{ path: [...path], message: "a catalog with primaries needs a folder" }];
  }
  return [];
}
