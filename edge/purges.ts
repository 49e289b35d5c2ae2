import type { PurgeForce, PurgeTarget } from "../state/purge.ts";
import type { EdgeContext } from "./context.ts";
import { keysOfPrefix, keysOfUrl, type NamedKeys } from "./key/url-keys.ts";

/** What a purge reaches on its way: what is stored, and what is on its way there. */
type Reach = Pick<EdgeContext, "fills" | "store" | "sites">;

/**
 * Purges one key, in all its variants. Hard: removes it from the store. Soft: makes it stale. Keeps
 * what is on its way there from being stored or joined. Returns how many objects were concerned.
 */
function purgeKey(key: string, force: PurgeForce, edge: Reach): number {
  edge.fills.doomKey(key);
  return force.soft ? edge.store.softPurge(key, force.at) : edge.store.remove(key, "purged");
}

/**
 * Purges whatever a request for a URL of a site could be answered with. Returns how many objects
 * were found at once; those whose keys hold more than the URL are found when they are next asked
 * for. Undefined if it is not an absolute http: or https: URL.
 */
export function purgeUrl(
  site: string,
  url: string,
  force: PurgeForce,
  edge: Reach,
): number | undefined {
  const named = namedKeys(site, url, edge, keysOfUrl);
  if (named === undefined) return undefined;
  if (named.prefixes.length > 0) {
    edge.store.purges.site(site).purge({ kind: "prefixes", prefixes: named.prefixes }, force);
  }
  return purgeKeys(named.keys, force, edge);
}

/**
 * Writes down a purge of many objects; nothing is looked for. Returns the prefixes that are not
 * absolute http: or https: URLs, which are left out.
 */
export function purgeScope(
  site: string,
  scope: PurgeTarget,
  force: PurgeForce,
  edge: Reach,
): readonly string[] {
  const purges = edge.store.purges.site(site);
  if (scope.kind !== "prefixes") {
    purges.purge(scope, force);
    return [];
  }
  const ignored: string[] = [];
  const prefixes: string[] = [];
  for (const text of scope.prefixes) {
    const named = namedKeys(site, text, edge, keysOfPrefix);
    if (named === undefined) ignored.push(text);
    purgeKeys(named?.keys ?? [], force, edge);
    prefixes.push(...(named?.prefixes ?? []));
  }
  purges.purge({ kind: "prefixes", prefixes }, force);
  return ignored;
}

function purgeKeys(keys: readonly string[], force: PurgeForce, edge: Reach): number {
  return keys.reduce((count, key) => count + purgeKey(key, force, edge), 0);
}

/** Undefined also for a site that is not known any more: with it went what it had stored. */
function namedKeys(
  name: string,
  url: string,
  { sites }: Reach,
  keysOf: typeof keysOfUrl,
): NamedKeys | undefined {
  const site = sites.byName.get(name);
  return site === undefined ? undefined : keysOf(site, url);
}
