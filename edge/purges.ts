import type { PurgeForce, PurgeTarget } from "../state/purge.ts";
import type { EdgeContext } from "./context.ts";
import { cacheKey } from "./key/primary.ts";

/** What a purge reaches on its way: what is stored, and what is on its way there. */
type Reach = Pick<EdgeContext, "fills" | "store">;

/**
 * Purges one key, in all its variants. Hard: removes it from the store. Soft: makes it stale. Keeps
 * what is on its way there from being stored or joined. Returns how many objects were concerned.
 */
export function purgeKey(key: string, force: PurgeForce, edge: Reach): number {
  edge.fills.doomKey(key);
  return force.soft ? edge.store.softPurge(key, force.at) : edge.store.remove(key, "purged");
}

/** Purges what a URL of a site names. Undefined if it is not an absolute http: or https: URL. */
export function purgeUrl(
  site: string,
  url: string,
  force: PurgeForce,
  edge: Reach,
): number | undefined {
  const key = keyOfUrl(site, url);
  return key === undefined ? undefined : purgeKey(key, force, edge);
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
  const byKey = Map.groupBy(scope.prefixes, (prefix) => keyOfUrl(site, prefix));
  const ignored = byKey.get(undefined) ?? [];
  const prefixes = [...byKey.keys()].filter((key) => key !== undefined);
  purges.purge({ kind: "prefixes", prefixes }, force);
  return ignored;
}

/** The key of a URL, and of the keys of all URLs that it is a prefix of, their beginning. */
function keyOfUrl(site: string, url: string): string | undefined {
  const [, host, target = ""] = /^https?:\/\/([^/?#]+)([^#]*)/i.exec(url) ?? [];
  return host === undefined ? undefined : cacheKey(site, host, target);
}
