import { z } from "zod";
import { label } from "../../common/config/fields.ts";
import type { Change } from "../../state/change.ts";
import type { ApiContext, ApiServer } from "./context.ts";
import type { ChangesBody, LogBody, ShownChange } from "./shapes.ts";

const CHANGES_LIMIT_MAX = 1_000;
/** Entries of the log that are looked through for one page of a filtered view. */
const SCANNED_MAX = 10_000;

const limit = z.coerce.number().int().min(1).max(CHANGES_LIMIT_MAX).default(100);
const schema = {
  querystring: z.strictObject({ after: z.coerce.number().int().min(0).default(0), limit }),
};
const logSchema = {
  querystring: z.strictObject({
    before: z.coerce.number().int().min(1).optional(),
    limit,
    site: label.optional(),
    by: z.string().min(1).max(100).optional(),
    kind: z.string().min(1).max(40).optional(),
  }),
};

/** `/v1/changes` and `/v1/log`: the ordered log, for programs that follow it and for people. */
export function addChangeRoutes(app: ApiServer, context: ApiContext): void {
  const config = { need: { scope: "read", about: "cdn" } } as const;
  app.get("/v1/changes", { schema, config }, async (call): Promise<ChangesBody> => {
    const page = await context.store.changesAfter(call.query.after, call.query.limit);
    return {
      epoch: page.epoch,
      head: page.head,
      complete: page.complete,
      changes: page.changes.map(shown),
    };
  });

  app.get("/v1/log", { schema: logSchema, config }, async (call): Promise<LogBody> => {
    const { site, by, kind, before, limit } = call.query;
    const isAsked = (change: Change) =>
      (site === undefined || siteOf(change) === site) &&
      (by === undefined || change.by === by) &&
      (kind === undefined || change.body.kind === kind);
    const changes: ShownChange[] = [];
    let next = before;
    for (let scanned = 0; scanned < SCANNED_MAX; scanned += CHANGES_LIMIT_MAX) {
      const page = await context.store.recentChanges(CHANGES_LIMIT_MAX, next);
      for (const change of page) {
        if (changes.length === limit) return { changes, next: next ?? change.version + 1 };
        next = change.version;
        if (isAsked(change)) changes.push(shown(change));
      }
      if (page.length < CHANGES_LIMIT_MAX) return { changes };
    }
    return next === undefined ? { changes } : { changes, next };
  });
}

/** The site that a change is about (P); undefined: none. */
export function siteOf({ body }: Change): string | undefined {
  if (body.kind === "site-put") return body.site.name;
  return "site" in body ? body.site : undefined;
}

function shown(change: Change): ShownChange {
  const { body } = change;
  switch (body.kind) {
    case "token-put": {
      const { hash: _, ...token } = body.token;
      return { ...change, body: { kind: body.kind, token } };
    }
    case "certificate-put": {
      const { key: _, ...certificate } = body.certificate;
      return { ...change, body: { kind: body.kind, certificate } };
    }
    case "order-put": {
      const { key: _, ...order } = body.order;
      return { ...change, body: { kind: body.kind, order } };
    }
    case "account-put": {
      const { key: _, ...account } = body.account;
      return { ...change, body: { kind: body.kind, account } };
    }
    default:
      return { ...change, body };
  }
}
