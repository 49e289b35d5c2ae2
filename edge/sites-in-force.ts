import type { MonotonicMs } from "../common/clock.ts";
import type { Site } from "../common/config/site.ts";
import type { EdgeContext } from "./context.ts";
import { buildSiteTable, type HostOfSite, type SiteTable, type TableOwner } from "./key/site.ts";
import { keyFingerprint } from "./key/url-keys.ts";
import { purgeScope } from "./purges.ts";

/** Hosts that are still served after they were removed; of more, the oldest are let go at once. */
export const LEAVING_HOSTS_MAX = 10_000;

/** A host that no site has any more, and until when its clients may still come. */
export interface LeavingHost extends HostOfSite {
  readonly until: MonotonicMs;
}

/** How a table is made, and how long what is removed stays in it. */
export interface SitesOptions {
  readonly owner: TableOwner;
  /**
   * Resolvers know an answer for a TTL: so long, and some more, requests for a site come that DNS
   * does not answer any more. 0: it is let go at once.
   */
  readonly keepRemovedMs: number;
}

/**
 * The hosts that leave after a change (P): those that the table before it has and `table` has not,
 * each until its own time. A host that somebody has now does not leave.
 */
export function leavingHosts(
  before: { readonly table: SiteTable; readonly leaving: readonly LeavingHost[] },
  table: SiteTable,
  { at, keepMs }: { readonly at: MonotonicMs; readonly keepMs: number },
): readonly LeavingHost[] {
  const known = new Map(before.leaving.map((each) => [each.host, each]));
  const still = before.leaving.filter(({ host, until }) => until > at && !table.byHost.has(host));
  const gone = [...before.table.byHost]
    .filter(([host]) => keepMs > 0 && !table.byHost.has(host) && !known.has(host))
    .map(([host, site]) => ({ host, site, until: at + keepMs }));
  return [...still, ...gone].slice(-LEAVING_HOSTS_MAX);
}

/**
 * Puts the sites of the log in force at one edge. A host or site that is removed is served on until
 * no resolver remembers it; what a removed site had stored goes with it, or when another site takes
 * its name.
 */
export class SitesInForce {
  readonly #edge: EdgeContext;
  readonly #options: SitesOptions;
  #sites: ReadonlyMap<string, Site> = new Map();
  #leaving: readonly LeavingHost[] = [];
  #cancel: () => void = () => undefined;

  constructor(edge: EdgeContext, options: SitesOptions) {
    this.#edge = edge;
    this.#options = options;
  }

  /** Takes the sites that the log says now. */
  take(sites: ReadonlyMap<string, Site>): void {
    const { byName } = this.#edge.sites;
    const removed = this.#removed();
    for (const [name, site] of sites) {
      const before = byName.get(name);
      if (removed.has(name)) this.#purge(name);
      else if (before !== undefined && keyFingerprint(before) !== keyFingerprint(site)) {
        // A purge of a URL finds the keys of the rules in force, not those of earlier ones.
        this.#edge.store.purges.doubtSite(name);
      }
    }
    this.#sites = sites;
    this.#update();
  }

  /** Lets go of everything that was only still there. What is stored of it must not be found. */
  stop(): void {
    this.#cancel();
    for (const name of this.#removed().keys()) this.#purge(name);
    this.#leaving = [];
  }

  /** Removes what a site has stored, if it is not served any more; else when it is let go. */
  purgeRemoved(name: string): void {
    if (!this.#removed().has(name)) this.#purge(name);
  }

  #update(): void {
    const { owner, keepRemovedMs: keepMs } = this.#options;
    const { clock, origins } = this.#edge;
    const before = this.#removed();
    const at = clock.monotonic();
    const known = { table: this.#edge.sites, leaving: this.#leaving };
    const table = buildSiteTable(this.#sites.values(), owner);
    this.#leaving = leavingHosts(known, table, { at, keepMs });
    const removed = this.#removed();
    for (const name of before.keys()) {
      if (!removed.has(name) && !this.#sites.has(name)) this.#purge(name);
    }
    const hosts = this.#leaving.map(({ host, site }) => ({
      host,
      site: this.#sites.get(site.name) ?? site,
    }));
    this.#edge.sites =
      hosts.length === 0 ? table : buildSiteTable(this.#sites.values(), owner, hosts);
    origins.keepOnly(this.#edge.sites.byName.values());
    this.#wait(at);
  }

  #wait(at: MonotonicMs): void {
    this.#cancel();
    if (this.#leaving.length === 0) return;
    const next = Math.min(...this.#leaving.map(({ until }) => until));
    this.#cancel = this.#edge.clock.after(Math.max(1, next - at), () => this.#update());
  }

  /** Sites that are served only because resolvers may remember them. */
  #removed(): ReadonlyMap<string, Site> {
    const all = this.#leaving.map(({ site }) => [site.name, site] as const);
    return new Map(all.filter(([name]) => !this.#sites.has(name)));
  }

  #purge(name: string): void {
    purgeScope(name, { kind: "all" }, { soft: false }, this.#edge);
  }
}
