import { z } from "zod";
import { label } from "../../common/config/fields.ts";
import { type Site, siteSchema } from "../../common/config/site.ts";
import { cdnHost, siteBody } from "../site-text.ts";
import { type ApiContext, type ApiServer, appendChange, knownSite } from "./context.ts";
import { ApiError } from "./errors.ts";
import { checkOrigins } from "./origin-check.ts";
import type { SiteBody, SiteListBody, SitePutBody, SiteRemovedBody } from "./shapes.ts";
import { siteConflict } from "./site-rules.ts";

const siteParams = z.strictObject({ site: label });

/** `/v1/sites`: one hosted customer property each. */
export function addSiteRoutes(app: ApiServer, context: ApiContext): void {
  const { domain } = context.config;

  app.get("/v1/sites", async (): Promise<SiteListBody> => {
    const { version, sites } = await context.store.snapshot();
    const sorted = [...sites].sort((a, b) => a.name.localeCompare(b.name));
    return { version, sites: sorted.map((site) => siteBody(site, domain)) };
  });

  app.get(
    "/v1/sites/:site",
    { schema: { params: siteParams } },
    async (call): Promise<SiteBody> => {
      const { sites } = await context.store.snapshot();
      return siteBody(knownSite(sites, call.params.site), domain);
    },
  );

  app.post("/v1/sites", { schema: { body: siteSchema } }, async (call, reply) => {
    const answer = await putSite(context, call.body, "must-be-new");
    return reply.code(201).send(answer);
  });

  const putSchema = { params: siteParams, body: siteSchema };
  app.put("/v1/sites/:site", { schema: putSchema }, (call): Promise<SitePutBody> => {
    if (call.body.name !== call.params.site) {
      throw new ApiError("invalid", {
        field: "name",
        message: `is "${call.body.name}", but the path says "${call.params.site}"`,
        remedy: "A site cannot be renamed: add it under the new name, then remove the old one.",
      });
    }
    return putSite(context, call.body, "may-exist");
  });

  app.delete(
    "/v1/sites/:site",
    { schema: { params: siteParams } },
    async (call): Promise<SiteRemovedBody> => {
      const name = call.params.site;
      const change = await context.exclusively(async () => {
        knownSite((await context.store.snapshot()).sites, name);
        return appendChange(context, { kind: "site-remove", site: name });
      });
      return { version: change.version, removed: name, warnings: fileWarnings(context, name) };
    },
  );
}

async function putSite(
  context: ApiContext,
  site: Site,
  mode: "must-be-new" | "may-exist",
): Promise<SitePutBody> {
  const { domain } = context.config;
  const change = await context.exclusively(async () => {
    const { sites } = await context.store.snapshot();
    if (mode === "must-be-new" && sites.some((other) => other.name === site.name)) {
      throw new ApiError("exists", {
        field: "name",
        message: `there is a site "${site.name}" already`,
        remedy: `Choose another name, replace it with PUT /v1/sites/${site.name}, or remove it.`,
      });
    }
    const conflict = siteConflict(site, sites, context.config);
    if (conflict !== undefined) throw conflict;
    return appendChange(context, { kind: "site-put", site });
  });
  const origins = await checkOrigins(site, cdnHost(site.name, domain), context.clock);
  return {
    ...siteBody(site, domain),
    version: change.version,
    origins,
    warnings: fileWarnings(context, site.name),
  };
}

/** The configuration file wins at the next start: whoever changes one of its sites should know. */
function fileWarnings(context: ApiContext, name: string): string[] {
  if (!context.config.sites.some((site) => site.name === name)) return [];
  return [
    `"${name}" is in the configuration file, which will be put in force again at the next start: ` +
      "change it there too.",
  ];
}
