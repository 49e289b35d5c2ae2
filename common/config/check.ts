import { parseIp } from "../ip.ts";
import { signedZones, signingProblems } from "./dnssec.ts";
import { looksLikeFurtherHost } from "./edge-name.ts";
import { checkMistakes } from "./health.ts";
import { ruleHostProblems } from "./rule-check.ts";
import type { Config } from "./schema.ts";
import { zoneProblems } from "./zone-check.ts";

/** Keys and indexes from the root of the configuration to a value. */
export type Path = readonly (string | number)[];

/** Something wrong that no single field shows. */
export interface CheckProblem {
  readonly path: Path;
  readonly message: string;
}

/** Checks what holds between the fields of a configuration (P). Returns every problem. */
export function checkConfig(config: Config): readonly CheckProblem[] {
  return [
    ...duplicatePops(config),
    ...edgeProblems(config),
    ...siteProblems(config),
    ...deepProblems(config),
    ...routerProblems(config),
    ...checkMistakes(config.health.check).map(({ key, message }) => ({
      path: ["health", "check", key],
      message,
    })),
    ...zoneProblems(config),
    ...duplicates(
      config.tsig.map(({ name }, k) => [name, ["tsig", k, "name"]] as const),
      "key",
    ),
    ...dnssecProblems(config),
    ...certificateProblems(config),
  ];
}

function duplicatePops(config: Config): CheckProblem[] {
  const names = config.pops.map((pop, index) => [pop.name, ["pops", index, "name"]] as const);
  return duplicates(names, "PoP");
}

function edgeProblems(config: Config): CheckProblem[] {
  const names: (readonly [string, Path])[] = [];
  const disks: (readonly [string, Path])[] = [];
  const problems: CheckProblem[] = [];
  for (const [p, pop] of config.pops.entries()) {
    for (const [e, edge] of pop.edges.entries()) {
      names.push([edge.name, ["pops", p, "edges", e, "name"]]);
      if (edge.disk !== undefined) {
        disks.push([edge.disk.path, ["pops", p, "edges", e, "disk", "path"]]);
      }
      if (edge.address2 !== undefined && isIpv6(edge.address) === isIpv6(edge.address2)) {
        problems.push({
          path: ["pops", p, "edges", e, "address2"],
          message: "must be of the other address family than address",
        });
      }
    }
  }
  return [...duplicates(names, "edge"), ...duplicates(disks, "disk folder"), ...problems];
}

/** An AS is a list of networks only to somebody who has the database that says which. */
function deepProblems(config: Config): CheckProblem[] {
  if (config.geoip.asn !== undefined) return [];
  return config.pops.flatMap((pop, p): CheckProblem[] =>
    (pop.deep?.asn ?? []).length === 0
      ? []
      : [{ path: ["pops", p, "deep", "asn"], message: "needs an ASN database: set geoip.asn" }],
  );
}

/**
 * What is at a name below the CDN's domain that a site would get, if something else is (P): the
 * servers' own names come first, and a site there would never be answered.
 */
export function takenBy(
  site: string,
  cdn: Pick<Config["cdn"], "domain" | "nameservers">,
): string | undefined {
  if (site === "edge") return "the edges' own names";
  if (looksLikeFurtherHost(site)) return "hosts that clients are redirected to";
  const name = `${site}.${cdn.domain}`;
  const isTaken = cdn.nameservers.some((ns) => ns.name === name || ns.name.endsWith(`.${name}`));
  return isTaken ? "a name server" : undefined;
}

function dnssecProblems({ dnssec, cdn }: Config): CheckProblem[] {
  if (dnssec === undefined) return [];
  const names = dnssec.zones.map(({ name }, z) => [name, ["dnssec", "zones", z, "name"]] as const);
  const problems = signedZones(dnssec).flatMap((zone, z): CheckProblem[] => {
    const given = dnssec.zones[z] ?? {};
    // What a zone does not say itself is wrong where it is said for all.
    const pathOf = (key: string) =>
      key in given ? ["dnssec", "zones", z, key] : (["dnssec", key] as const);
    const found: CheckProblem[] = signingProblems(zone).map(({ key, message }) => ({
      path: pathOf(key),
      message,
    }));
    const path: Path = ["dnssec", "zones", z, "name"];
    // Secondaries cannot steer, and what they would answer would be signed as the truth.
    if (zone.name === cdn.domain && cdn.transfer !== undefined) {
      const message = "this zone has steered names, so it cannot be signed and transferred";
      found.push({ path, message });
    }
    if (zone.name === cdn.domain && zone.maxTtl < cdn.ttl) {
      found.push({ path: pathOf("maxTtl"), message: "is less than cdn.ttl" });
    }
    return found;
  });
  const once = new Map(problems.map((problem) => [JSON.stringify(problem), problem]));
  return [...duplicates(names, "signed zone"), ...once.values()];
}

/** RFC 1035 section 2.3.4: 253 characters, of which `<site>.<edge>.edge.` may take 133. */
const REDIRECTING_DOMAIN_LENGTH_MAX = 120;

function certificateProblems({ acme, sites }: Config): CheckProblem[] {
  if (acme !== undefined) return [];
  return sites.flatMap(({ https }, s): CheckProblem[] =>
    https?.certificate === "acme"
      ? [{ path: ["sites", s, "https", "certificate"], message: "needs an authority: set acme" }]
      : [],
  );
}

function routerProblems({ router, cdn }: Config): CheckProblem[] {
  const problems: CheckProblem[] = [];
  if (router.doh !== undefined && router.tls === undefined) {
    const message = "needs a certificate: set router.tls";
    problems.push({ path: ["router", "doh"], message });
  }
  if (router.http !== undefined && cdn.domain.length > REDIRECTING_DOMAIN_LENGTH_MAX) {
    const message = `cdn.domain is longer than ${REDIRECTING_DOMAIN_LENGTH_MAX} characters: names below edges would not fit`;
    problems.push({ path: ["router", "http"], message });
  }
  return problems;
}

function siteProblems(config: Config): CheckProblem[] {
  const names: (readonly [string, Path])[] = [];
  const hosts: (readonly [string, Path])[] = [];
  const reserved: CheckProblem[] = [];
  for (const [s, site] of config.sites.entries()) {
    names.push([site.name, ["sites", s, "name"]]);
    hosts.push([`${site.name}.${config.cdn.domain}`, ["sites", s, "name"]]);
    const owner = takenBy(site.name, config.cdn);
    if (owner !== undefined) {
      const message = `${site.name}.${config.cdn.domain} belongs to ${owner}`;
      reserved.push({ path: ["sites", s, "name"], message });
    }
    for (const [h, host] of site.hosts.entries()) hosts.push([host, ["sites", s, "hosts", h]]);
    for (const { path, message } of ruleHostProblems(site, `${site.name}.${config.cdn.domain}`)) {
      reserved.push({ path: ["sites", s, ...path], message });
    }
  }
  return [...duplicates(names, "site"), ...duplicates(hosts, "host"), ...reserved];
}

function duplicates(entries: readonly (readonly [string, Path])[], what: string): CheckProblem[] {
  const seen = new Set<string>();
  const problems: CheckProblem[] = [];
  for (const [name, path] of entries) {
    if (seen.has(name)) problems.push({ path, message: `the ${what} "${name}" is there already` });
    seen.add(name);
  }
  return problems;
}

function isIpv6(text: string): boolean {
  const bytes = parseIp(text);
  return bytes.ok && bytes.value.length === 16;
}
