import { unreachable } from "../common/assert.ts";
import type { Change } from "../state/change.ts";
import type { FollowedView } from "../state/follower.ts";
import type { EdgeContext } from "./context.ts";
import { cacheKey } from "./key/primary.ts";
import { buildSiteTable } from "./key/site.ts";
import { purgeKey } from "./steps/purge.ts";

/** How the table of sites is made. */
export interface SiteTableOptions {
  readonly cdnDomain: string | undefined;
  readonly anyHost: boolean;
}

/** Carries one change of the log out, before the view that contains it becomes visible. */
export function applyChange(
  change: Change,
  view: FollowedView,
  edge: EdgeContext,
  options: SiteTableOptions,
): void {
  const { body } = change;
  switch (body.kind) {
    case "site-put":
    case "site-remove":
      applySites(view, edge, options);
      return;
    case "purge-urls":
      for (const url of body.urls) purgeUrl(body.site, url, edge);
      return;
    case "purge-all":
      edge.fills.doomAll(body.site);
      edge.store.purgeSite(body.site);
      return;
    case "drain":
    case "undrain":
      return;
    default:
      unreachable(body);
  }
}

/** Puts the sites of a view in force. */
export function applySites(view: FollowedView, edge: EdgeContext, options: SiteTableOptions): void {
  edge.sites = buildSiteTable(view.sites.values(), options.cdnDomain, options.anyHost);
  edge.origins.keepOnly(view.sites.values());
}

function purgeUrl(site: string, url: string, edge: EdgeContext): void {
  const parsed = /^https?:\/\/([^/?#]+)([^#]*)/i.exec(url);
  if (parsed === null) {
    edge.log.warn({ event: "purge-url-ignored", site, url });
    return;
  }
  const [, host = "", target = ""] = parsed;
  purgeKey(cacheKey(site, host, target), edge);
}
