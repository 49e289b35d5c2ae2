import { unreachable } from "../common/assert.ts";
import type { Change, ChangeBody } from "../state/change.ts";
import type { FollowedView } from "../state/follower.ts";
import type { PurgeForce } from "../state/purge.ts";
import type { EdgeContext } from "./context.ts";
import { buildSiteTable, type TableOwner } from "./key/site.ts";
import { keyFingerprint } from "./key/url-keys.ts";
import { purgeScope, purgeUrl } from "./purges.ts";

/** Carries one change of the log out, before the view that contains it becomes visible. */
export function applyChange(
  change: Change,
  view: FollowedView,
  edge: EdgeContext,
  options: TableOwner,
): void {
  const { body } = change;
  switch (body.kind) {
    case "site-put":
      applySites(view, edge, options);
      return;
    case "site-remove":
      applySites(view, edge, options);
      // One that is put again later under this name may be something else.
      purgeScope(body.site, { kind: "all" }, { soft: false }, edge);
      return;
    case "purge-urls":
    case "purge-prefixes":
    case "purge-tags":
    case "purge-all":
      applyPurge(body, edge);
      return;
    case "challenge-put":
    case "challenge-remove":
      edge.challenges = view.challenges;
      return;
    case "drain":
    case "undrain":
    case "token-put":
    case "token-remove":
    case "certificate-put":
    case "certificate-remove":
    case "order-put":
    case "order-remove":
    case "account-put":
      return;
    default:
      unreachable(body);
  }
}

/** Puts the sites and challenges of a view in force. */
export function applySites(view: FollowedView, edge: EdgeContext, options: TableOwner): void {
  edge.challenges = view.challenges;
  for (const [name, site] of view.sites) {
    const before = edge.sites.byName.get(name);
    if (before === undefined || keyFingerprint(before) === keyFingerprint(site)) continue;
    // A purge of a URL finds the keys of the rules that are in force, not those of earlier ones.
    edge.store.purges.doubtSite(name);
  }
  edge.sites = buildSiteTable(view.sites.values(), options);
  edge.origins.keepOnly(view.sites.values());
}

function applyPurge(
  body: Extract<ChangeBody, { kind: `purge-${string}` }>,
  edge: EdgeContext,
): void {
  const { site } = body;
  const force: PurgeForce =
    body.soft === true ? { soft: true, at: edge.clock.now() } : { soft: false };
  switch (body.kind) {
    case "purge-urls":
      for (const url of body.urls) {
        if (purgeUrl(site, url, force, edge) === undefined) ignore(site, url, edge);
      }
      return;
    case "purge-prefixes": {
      const { prefixes } = body;
      const ignored = purgeScope(site, { kind: "prefixes", prefixes }, force, edge);
      for (const prefix of ignored) ignore(site, prefix, edge);
      return;
    }
    case "purge-tags":
      purgeScope(site, { kind: "tags", tags: body.tags }, force, edge);
      return;
    case "purge-all":
      purgeScope(site, { kind: "all" }, force, edge);
      return;
    default:
      unreachable(body);
  }
}

function ignore(site: string, url: string, edge: EdgeContext): void {
  edge.log.warn({ event: "purge-url-ignored", site, url });
}
