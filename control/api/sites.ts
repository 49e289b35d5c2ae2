import { z } from "zod";
import { invariant } from "../../common/assert.ts";
import { label } from "../../common/config/fields.ts";
import { type Site, siteSchema } from "../../common/config/site.ts";
import type { Change, ChangeBody } from "../../state/change.ts";
import { REMOVED_MARGIN_MS } from "../../state/limits.ts";
import type { Snapshot } from "../../state/records.ts";
import { type Caller, lacksSite } from "../access/token.ts";
import { cdnHost, siteBody, siteInput, siteTag } from "../site-text.ts";
import {
  type ApiContext,
  type ApiServer,
  decideChange,
  knownSite,
  maySee,
  waitMs,
} from "./context.ts";
import { differences } from "./differences.ts";
import { ApiError } from "./errors.ts";
import { checkOrigins } from "./origin-check.ts";
import { rolledOut } from "./rollout.ts";
import type {
  DryRunBody,
  SiteBody,
  SiteHistoryBody,
  SiteListBody,
  SitePutBody,
  SiteRemovedBody,
} from "./shapes.ts";
import { certificateConflict, siteConflict } from "./site-rules.ts";
import { type Conditions, checkConditions, siteAt, siteHistory } from "./site-versions.ts";

const SITES_PAGE_MAX = 1_000;

const params = z.strictObject({ site: label });
const change = z.strictObject({ dryRun: z.stringbool().default(false), wait: waitMs });
const listQuery = z.strictObject({
  after: label.optional(),
  limit: z.coerce.number().int().min(1).max(SITES_PAGE_MAX).default(SITES_PAGE_MAX),
});
const rollback = z.strictObject({ version: z.int().min(1) });

/** `/v1/sites`: one hosted customer property each. */
export function addSiteRoutes(app: ApiServer, context: ApiContext): void {
  addReads(app, context);
  const config = { need: { scope: "site", about: "site" } } as const;

  app.post(
    "/v1/sites",
    {
      schema: { body: siteSchema, querystring: change },
      config: { need: { scope: "site", about: "callers" } },
    },
    async (call, reply) => {
      const reason = lacksSite(call.caller, call.body.name);
      if (reason !== undefined) throw new ApiError("forbidden", { field: "name", message: reason });
      const answer = await putSite(context, call.body, { call, mode: "must-be-new" });
      if ("dryRun" in answer) return reply.send(answer);
      return reply.code(201).header("etag", siteTag(call.body)).send(answer);
    },
  );

  app.put(
    "/v1/sites/:site",
    { schema: { params, body: siteSchema, querystring: change }, config },
    async (call, reply) => {
      if (call.body.name !== call.params.site) {
        throw new ApiError("invalid", {
          field: "name",
          message: `is "${call.body.name}", but the path says "${call.params.site}"`,
          remedy: "A site cannot be renamed: add it under the new name, then remove the old one.",
        });
      }
      const answer = await putSite(context, call.body, { call, mode: "may-exist" });
      return reply.header("etag", siteTag(call.body)).send(answer);
    },
  );

  app.post(
    "/v1/sites/:site/rollback",
    { schema: { params, body: rollback, querystring: change }, config },
    async (call, reply) => {
      const site = await siteAt(context, call.params.site, call.body.version);
      const answer = await putSite(context, site, { call, mode: "may-exist" });
      return reply.header("etag", siteTag(site)).send(answer);
    },
  );

  app.delete(
    "/v1/sites/:site",
    { schema: { params, querystring: change }, config },
    async (call): Promise<SiteRemovedBody | DryRunBody> => {
      const name = call.params.site;
      const startedAt = context.clock.monotonic();
      const done = await changeSite(context, { call, name }, ({ sites }) => {
        knownSite(sites, name, call.caller);
        return { kind: "site-remove", site: name };
      });
      if ("dryRun" in done) return done;
      const warnings = fileWarnings(context, name);
      const progress = await rolledOut(context, { call, startedAt, version: done.version });
      const servedForSeconds = context.config.ttlSeconds + REMOVED_MARGIN_MS / 1_000;
      return { version: done.version, removed: name, servedForSeconds, warnings, ...progress };
    },
  );
}

function addReads(app: ApiServer, context: ApiContext): void {
  const { domain } = context.config;
  app.get(
    "/v1/sites",
    {
      schema: { querystring: listQuery },
      config: { need: { scope: "read", about: "callers" } },
    },
    async (call): Promise<SiteListBody> => {
      const { version, sites } = await context.store.snapshot();
      const { after = "", limit } = call.query;
      const visible = sites
        .filter((site) => site.name > after && maySee(call.caller, site.name))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
      const page = visible.slice(0, limit);
      const last = page.at(-1)?.name;
      return {
        version,
        sites: page.map((site) => siteBody(site, domain)),
        ...(visible.length > page.length && last !== undefined ? { next: last } : {}),
      };
    },
  );

  const config = { need: { scope: "read", about: "site" } } as const;
  app.get("/v1/sites/:site", { schema: { params }, config }, async (call, reply) => {
    const { sites } = await context.store.snapshot();
    const site = knownSite(sites, call.params.site, call.caller);
    const body: SiteBody = siteBody(site, domain);
    return reply.header("etag", siteTag(site)).send(body);
  });

  app.get(
    "/v1/sites/:site/history",
    { schema: { params }, config },
    async (call): Promise<SiteHistoryBody> => {
      const { site } = call.params;
      return { site, versions: await siteHistory(context, site) };
    },
  );
}

/** What a call that changes a site says beside the site. */
interface SiteCall {
  readonly caller: Caller;
  readonly headers: Conditions;
  readonly query: { readonly dryRun: boolean; readonly wait: number };
}

/** Puts a site in force, or says what that would make different. */
async function putSite(
  context: ApiContext,
  site: Site,
  { call, mode }: { readonly call: SiteCall; readonly mode: "must-be-new" | "may-exist" },
): Promise<SitePutBody | DryRunBody> {
  const { domain } = context.config;
  const startedAt = context.clock.monotonic();
  const done = await changeSite(context, { call, name: site.name }, ({ sites, certificates }) => {
    if (mode === "must-be-new" && sites.some((other) => other.name === site.name)) {
      throw new ApiError("exists", {
        field: "name",
        message: `there is a site "${site.name}" already`,
        remedy: `Choose another name, replace it with PUT /v1/sites/${site.name}, or remove it.`,
      });
    }
    const conflict = siteConflict(site, sites, context.config);
    if (conflict !== undefined) throw conflict;
    const missing = certificateConflict(site, certificates, context.config);
    if (missing !== undefined) throw missing;
    return { kind: "site-put", site };
  });
  if ("dryRun" in done) return done;
  const [origins, progress] = await Promise.all([
    checkOrigins(site, cdnHost(site.name, domain), context.clock),
    rolledOut(context, { call, startedAt, version: done.version }),
  ]);
  return {
    ...siteBody(site, domain),
    version: done.version,
    origins,
    warnings: fileWarnings(context, site.name),
    ...progress,
  };
}

/**
 * Appends what `decide` makes of what is in force, if the conditions of the call hold; a dry run
 * only says what would be different.
 */
async function changeSite(
  context: ApiContext,
  { call, name }: { readonly call: SiteCall; readonly name: string },
  decide: (snapshot: Snapshot) => Extract<ChangeBody, { kind: "site-put" | "site-remove" }>,
): Promise<Change | DryRunBody> {
  let dryRun: DryRunBody | undefined;
  const done = await decideChange(context, call.caller.name, (snapshot) => {
    const present = snapshot.sites.find((site) => site.name === name);
    const tag = present === undefined ? undefined : siteTag(present);
    checkConditions(call.headers, { tag, what: "site" });
    const body = decide(snapshot);
    if (!call.query.dryRun) return body;
    const before = present === undefined ? undefined : siteInput(present);
    const after = body.kind === "site-put" ? siteInput(body.site) : undefined;
    dryRun = {
      dryRun: true,
      version: snapshot.version,
      differences: differences(before, after),
    };
    return undefined;
  });
  const answer = done ?? dryRun;
  invariant(answer !== undefined, "a call that is no dry run appends a change");
  return answer;
}

/** The configuration file wins at the next start: whoever changes one of its sites should know. */
function fileWarnings(context: ApiContext, name: string): string[] {
  if (!context.config.sites.some((site) => site.name === name)) return [];
  return [
    `"${name}" is in the configuration file, which will be put in force again at the next start: ` +
      "change it there too.",
  ];
}
