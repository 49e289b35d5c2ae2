import { z } from "zod";
import type { ApiContext, ApiServer } from "./context.ts";
import type { ChangesBody } from "./shapes.ts";

const CHANGES_LIMIT_MAX = 1_000;

const schema = {
  querystring: z.strictObject({
    after: z.coerce.number().int().min(0).default(0),
    limit: z.coerce.number().int().min(1).max(CHANGES_LIMIT_MAX).default(100),
  }),
};

/** `/v1/changes`: the ordered log, oldest first. */
export function addChangeRoutes(app: ApiServer, context: ApiContext): void {
  app.get("/v1/changes", { schema }, async (call): Promise<ChangesBody> => {
    const page = await context.store.changesAfter(call.query.after, call.query.limit);
    return {
      epoch: page.epoch,
      head: page.head,
      complete: page.complete,
      changes: page.changes,
    };
  });
}
