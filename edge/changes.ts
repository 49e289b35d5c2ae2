import { unreachable } from "../common/assert.ts";
import type { Change, ChangeBody } from "../state/change.ts";
import type { FollowedView } from "../state/follower.ts";
import type { PurgeForce } from "../state/purge.ts";
import type { EdgeContext } from "./context.ts";
import { purgeScope, purgeUrl } from "./purges.ts";
import type { SitesInForce } from "./sites-in-force.ts";

/** Carries one change of the log out, before the view that contains it becomes visible. */
export function applyChange(
  change: Change,
  view: FollowedView,
  edge: EdgeContext,
  sites: SitesInForce,
): void {
  const { body } = change;
  switch (body.kind) {
    case "site-put":
      sites.take(view.sites);
      return;
    case "site-remove":
      sites.take(view.sites);
      // One that is put again later under this name may be something else.
      sites.purgeRemoved(body.site);
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
