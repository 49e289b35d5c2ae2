import { isLoopback, parseIp } from "../ip.ts";
import type { Config } from "./schema.ts";

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
    ...controlProblems(config),
  ];
}

function duplicatePops(config: Config): CheckProblem[] {
  const names = config.pops.map((pop, index) => [pop.name, ["pops", index, "name"]] as const);
  return duplicates(names, "PoP");
}

function edgeProblems(config: Config): CheckProblem[] {
  const names: (readonly [string, Path])[] = [];
  const problems: CheckProblem[] = [];
  for (const [p, pop] of config.pops.entries()) {
    for (const [e, edge] of pop.edges.entries()) {
      names.push([edge.name, ["pops", p, "edges", e, "name"]]);
      if (edge.address2 !== undefined && isIpv6(edge.address) === isIpv6(edge.address2)) {
        problems.push({
          path: ["pops", p, "edges", e, "address2"],
          message: "must be of the other address family than address",
        });
      }
    }
  }
  return [...duplicates(names, "edge"), ...problems];
}

function controlProblems(config: Config): CheckProblem[] {
  const { listen, insecure } = config.control;
  if (insecure || isLoopback(listen.host)) return [];
  const message =
    `${listen.host} can be reached from other machines, and the API asks nobody for a password; ` +
    "listen on 127.0.0.1, or say `insecure: true` under `control` if you trust that network whole";
  return [{ path: ["control", "listen"], message }];
}

function siteProblems(config: Config): CheckProblem[] {
  const names: (readonly [string, Path])[] = [];
  const hosts: (readonly [string, Path])[] = [];
  for (const [s, site] of config.sites.entries()) {
    names.push([site.name, ["sites", s, "name"]]);
    hosts.push([`${site.name}.${config.cdn.domain}`, ["sites", s, "name"]]);
    for (const [h, host] of site.hosts.entries()) hosts.push([host, ["sites", s, "hosts", h]]);
  }
  return [...duplicates(names, "site"), ...duplicates(hosts, "host")];
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
