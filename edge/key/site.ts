import { edgeLabel, mainHost } from "../../common/config/edge-name.ts";
import type { Site } from "../../common/config/site.ts";
import { normalHost, type Scheme } from "./primary.ts";

/** Which site answers for which host. */
export interface SiteTable {
  readonly byHost: ReadonlyMap<string, Site>;
  /** Names below the edge's own, where redirects lead, and the host that each stands for. */
  readonly byEdgeName: ReadonlyMap<string, HostOfSite>;
  readonly byName: ReadonlyMap<string, Site>;
  /** Quick mode: the site that answers for every host. */
  readonly anyHost: Site | undefined;
}

/** A host, and whose it is. */
export interface HostOfSite {
  readonly site: Site;
  readonly host: string;
}

/** For whom a table is. */
export interface TableOwner {
  /** The edge, which has the name `<edge>.edge.<cdn domain>`. */
  readonly name: string;
  /** Each site has the host `<site>.<cdn domain>` in it; left out: sites have only their hosts. */
  readonly cdnDomain?: string | undefined;
  /** The first site answers for every host. */
  readonly anyHost: boolean;
}

/**
 * Makes the table of hosts (P). Of two sites that claim the same host the first one has it, and a
 * site's own name below the CDN's domain is never another one's. `leaving`: hosts that no site has
 * any more and that are served as long as nobody else has them.
 */
export function buildSiteTable(
  sites: Iterable<Site>,
  { name, cdnDomain, anyHost }: TableOwner,
  leaving: readonly HostOfSite[] = [],
): SiteTable {
  const own = [...sites];
  const names = new Set(own.map((site) => site.name));
  const gone = new Set(leaving.map(({ site }) => site).filter((site) => !names.has(site.name)));
  const list = [...own, ...gone];
  const byHost = new Map<string, Site>();
  const claim = (host: string, site: Site) => {
    if (!byHost.has(host)) byHost.set(host, site);
  };
  if (cdnDomain !== undefined) {
    for (const site of own) claim(hostName(`${site.name}.${cdnDomain}`), site);
  }
  for (const site of own) for (const host of site.hosts) claim(hostName(host), site);
  for (const { host, site } of leaving) claim(host, site);
  const byName = new Map(list.map((site) => [site.name, site]));
  const byEdgeName = cdnDomain === undefined ? new Map() : edgeNames(list, name, cdnDomain);
  return { byHost, byEdgeName, byName, anyHost: anyHost ? list[0] : undefined };
}

/** Names below the edge's own: those of sites first, which nobody else's host can have. */
function edgeNames(
  sites: readonly Site[],
  edge: string,
  cdnDomain: string,
): ReadonlyMap<string, HostOfSite> {
  const names = new Map<string, HostOfSite>();
  const nameOf = (label: string) => hostName(`${label}.${edge}.edge.${cdnDomain}`);
  for (const site of sites) {
    names.set(nameOf(site.name), { site, host: hostName(mainHost(site, cdnDomain)) });
  }
  for (const site of sites) {
    for (const host of site.hosts.slice(1)) {
      const name = nameOf(edgeLabel(site, host, cdnDomain));
      if (!names.has(name)) names.set(name, { site, host: hostName(host) });
    }
  }
  return names;
}

/** The site for a Host field: any case, with or without port and final dot; else undefined (P). */
export function siteForHost(table: SiteTable, host: string): Site | undefined {
  return askedOfHost(table, host).site;
}

/**
 * The site for a Host field, and the host that is asked for in the form that keys have (P). A name
 * that redirects lead to stands for the host that was asked for before: the same object answers
 * both, and the origin never sees the edge's name. The port stays: it is the edge's either way.
 */
export function askedOfHost(
  table: SiteTable,
  host: string,
  scheme: Scheme = "http",
): { readonly site: Site | undefined; readonly host: string } {
  const name = hostName(host);
  const normal = normalHost(host, scheme);
  const site = table.byHost.get(name);
  if (site !== undefined) return { site, host: normal };
  const named = table.byEdgeName.get(name);
  if (named === undefined) return { site: table.anyHost, host: normal };
  return { site: named.site, host: `${named.host}${normal.slice(name.length)}` };
}

/** A Host without its port and final dot, in lower case (P). IPv6 literals keep their brackets. */
export function hostName(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, "").replace(/\.$/, "");
}
