import { z } from "zod";
import { label } from "../../common/config/fields.ts";
import { type ApiContext, type ApiServer, knownEdge } from "./context.ts";
import type { ObjectsBody } from "./shapes.ts";

const OBJECTS_LIMIT_MAX = 1_000;

const schema = {
  querystring: z.strictObject({
    edge: label,
    limit: z.coerce.number().int().min(1).max(OBJECTS_LIMIT_MAX).default(100),
  }),
};

/** `/v1/objects`: what an edge is known to store, newest first. */
export function addObjectRoutes(app: ApiServer, context: ApiContext): void {
  const config = { need: { scope: "read", about: "cdn" } } as const;
  app.get("/v1/objects", { schema, config }, async (call): Promise<ObjectsBody> => {
    const { name } = knownEdge(context.config, call.query.edge);
    const objects = await context.store.objects(name, call.query.limit, context.clock.now());
    return { edge: name, objects };
  });
}
