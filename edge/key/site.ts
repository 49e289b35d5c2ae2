import type { Site } from "../../common/config/site.ts";

/** Which site answers for which host. */
export interface SiteTable {
  readonly byHost: ReadonlyMap<string, Site>;
  readonly byName: ReadonlyMap<string, Site>;
  /** Quick mode: the site that answers for every host. */
  readonly anyHost: Site | undefined;
}

/**
 * Makes the table of hosts (P).
 *
 * Input: the sites; the CDN's domain, below which each site has the host `<name>.<cdn domain>`;
 * whether the first site answers for every host. Of two sites that claim the same host the first
 * one has it, and a site's own name below the CDN's domain is never another one's.
 */
export function buildSiteTable(
  sites: Iterable<Site>,
  cdnDomain: string | undefined,
  anyHost: boolean,
): SiteTable {
  const list = [...sites];
  const byHost = new Map<string, Site>();
  const claim = (host: string, site: Site) => {
    if (!byHost.has(host)) byHost.set(host, site);
  };
  if (cdnDomain !== undefined) {
    for (const site of list) claim(hostName(`${site.name}.${cdnDomain}`), site);
  }
  for (const site of list) for (const host of site.hosts) claim(hostName(host), site);
  const byName = new Map(list.map((site) => [site.name, site]));
  return { byHost, byName, anyHost: anyHost ? list[0] : undefined };
}

/** The site for a Host field: any case, with or without port and final dot; else undefined (P). */
export function siteForHost(table: SiteTable, host: string): Site | undefined {
  return table.byHost.get(hostName(host)) ?? table.anyHost;
}

/** A Host without its port and final dot, in lower case (P). IPv6 literals keep their brackets. */
export function hostName(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, "").replace(/\.$/, "");
}
