import { z } from "zod";
import { label } from "../../common/config/fields.ts";
import type { ChangeBody } from "../../state/change.ts";
import { type ApiContext, type ApiServer, appendChange, knownSite } from "./context.ts";
import type { PurgeBody } from "./shapes.ts";
import { purgeUrlProblem } from "./site-rules.ts";

/** One change carries them all, and every edge reads it. */
const PURGE_URLS_MAX = 1_000;
const PURGE_URL_LENGTH_MAX = 8_192;
/** All URLs of one change together: it must reach an edge across an ocean in one short call. */
const PURGE_CHARACTERS_MAX = 262_144;
const PURGE_WAIT_MAX_MS = 30_000;

const schema = {
  params: z.strictObject({ site: label }),
  querystring: z.strictObject({
    wait: z.coerce.number().int().min(0).max(PURGE_WAIT_MAX_MS).default(0),
  }),
  body: z
    .strictObject({
      urls: z.array(z.string().max(PURGE_URL_LENGTH_MAX)).min(1).max(PURGE_URLS_MAX).optional(),
      all: z.literal(true).optional(),
    })
    .refine((body) => (body.urls ?? []).join("").length <= PURGE_CHARACTERS_MAX, {
      path: ["urls"],
      message: `all URLs of one purge may have ${PURGE_CHARACTERS_MAX} characters together: send several`,
    })
    .refine((body) => (body.urls === undefined) !== (body.all === undefined), {
      message: 'give either "urls" or "all": true',
    }),
};

/** `/v1/sites/{site}/purge`: what is stored now must not be served any more. */
export function addPurgeRoutes(app: ApiServer, context: ApiContext): void {
  app.post("/v1/sites/:site/purge", { schema }, async (call): Promise<PurgeBody> => {
    const site = knownSite((await context.store.snapshot()).sites, call.params.site);
    const { urls } = call.body;
    for (const url of urls ?? []) {
      const problem = purgeUrlProblem(url, site, context.config.domain);
      if (problem !== undefined) throw problem;
    }
    const body: ChangeBody =
      urls === undefined
        ? { kind: "purge-all", site: site.name }
        : { kind: "purge-urls", site: site.name, urls: [...new Set(urls)] };
    const startedAt = context.clock.monotonic();
    const change = await appendChange(context, body);
    const purge = context.purges.track(change.version, startedAt);
    if (call.query.wait > 0) await purge.settled(call.query.wait);
    return {
      site: site.name,
      version: change.version,
      accepted: new Date(change.at).toISOString(),
      ...purge.progress(),
    };
  });
}
