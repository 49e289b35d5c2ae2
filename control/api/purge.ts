import { z } from "zod";
import { label } from "../../common/config/fields.ts";
import type { Site } from "../../common/config/site.ts";
import type { ChangeBody } from "../../state/change.ts";
import { TAG_LENGTH_MAX } from "../../state/limits.ts";
import { type ApiContext, type ApiServer, appendChange, knownSite, waitMs } from "./context.ts";
import type { ApiError } from "./errors.ts";
import type { PurgeBody } from "./shapes.ts";
import { purgePrefixProblem, purgeUrlProblem } from "./site-rules.ts";

/** One change carries them all, and every edge reads it. */
const PURGE_URLS_MAX = 1_000;
const PURGE_TAGS_MAX = 1_000;
/** Edges remember each, and try its length on every object: `PURGE_LIMITS` in `state/purge.ts`. */
const PURGE_PREFIXES_MAX = 100;
const PURGE_URL_LENGTH_MAX = 8_192;
/** All of one change together: it must reach an edge across an ocean in one short call. */
const PURGE_CHARACTERS_MAX = 262_144;

const url = z.string().max(PURGE_URL_LENGTH_MAX);
const tag = z
  .string()
  .max(TAG_LENGTH_MAX)
  .regex(/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/, {
    message: "a tag is printable ASCII without spaces around it, as the origin sends it",
  });

const schema = {
  params: z.strictObject({ site: label }),
  querystring: z.strictObject({
    wait: waitMs,
  }),
  body: z
    .strictObject({
      urls: z.array(url).min(1).max(PURGE_URLS_MAX).optional(),
      prefixes: z.array(url).min(1).max(PURGE_PREFIXES_MAX).optional(),
      tags: z.array(tag).min(1).max(PURGE_TAGS_MAX).optional(),
      all: z.literal(true).optional(),
      soft: z.boolean().optional(),
    })
    .superRefine(({ urls, prefixes, tags, all }, context) => {
      const lists = { urls, prefixes, tags };
      const given = Object.values({ ...lists, all }).filter((value) => value !== undefined);
      if (given.length !== 1) {
        const message = 'give exactly one of "urls", "prefixes", "tags" and "all": true';
        context.addIssue({ code: "custom", message });
      }
      for (const [name, list] of Object.entries(lists)) {
        if ((list ?? []).join("").length <= PURGE_CHARACTERS_MAX) continue;
        const message = `all ${name} of one purge may have ${PURGE_CHARACTERS_MAX} characters together: send several`;
        context.addIssue({ code: "custom", path: [name], message });
      }
    }),
};

type PurgeCall = z.infer<typeof schema.body>;

/** `/v1/sites/{site}/purge`: what is stored now must not be served any more, or not as fresh. */
export function addPurgeRoutes(app: ApiServer, context: ApiContext): void {
  const config = { need: { scope: "purge", about: "site" } } as const;
  app.post("/v1/sites/:site/purge", { schema, config }, async (call): Promise<PurgeBody> => {
    const { sites } = await context.store.snapshot();
    const site = knownSite(sites, call.params.site, call.caller);
    const problem = purgeProblem(call.body, site, context.config.domain);
    if (problem !== undefined) throw problem;
    const body = changeFor(site.name, call.body);
    const startedAt = context.clock.monotonic();
    const change = await appendChange(context, call.caller, body);
    const purge = context.purges.trackPurge(change.version, startedAt);
    if (call.query.wait > 0) await purge.settled(call.query.wait);
    return {
      site: site.name,
      version: change.version,
      accepted: new Date(change.at).toISOString(),
      ...purge.progress(),
    };
  });
}

/** What is wrong with the first URL or prefix that is wrong (P). */
function purgeProblem(
  { urls = [], prefixes = [] }: PurgeCall,
  site: Site,
  domain: string,
): ApiError | undefined {
  for (const url of urls) {
    const problem = purgeUrlProblem(url, site, domain);
    if (problem !== undefined) return problem;
  }
  for (const prefix of prefixes) {
    const problem = purgePrefixProblem(prefix, site, domain);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** The change that a call asks for (P), each name once. */
function changeFor(site: string, { urls, prefixes, tags, soft }: PurgeCall): ChangeBody {
  const base = { site, ...(soft === true ? { soft } : {}) } as const;
  if (urls !== undefined) return { kind: "purge-urls", ...base, urls: [...new Set(urls)] };
  if (prefixes !== undefined) {
    return { kind: "purge-prefixes", ...base, prefixes: [...new Set(prefixes)] };
  }
  if (tags !== undefined) return { kind: "purge-tags", ...base, tags: [...new Set(tags)] };
  return { kind: "purge-all", ...base };
}
