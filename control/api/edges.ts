import { z } from "zod";
import { label } from "../../common/config/fields.ts";
import type { DemoEdges } from "../demo-edges.ts";
import { type ApiContext, type ApiServer, appendChange, knownEdge } from "./context.ts";
import type { DemoEdgeBody, DrainBody } from "./shapes.ts";

const schema = { params: z.strictObject({ edge: label }) };
const config = { need: { scope: "admin", about: "cdn" } } as const;

/** `/v1/edges/{edge}/drain` and `.../undrain`: whether routers may answer with an edge. */
export function addEdgeRoutes(app: ApiServer, context: ApiContext): void {
  for (const kind of ["drain", "undrain"] as const) {
    app.post(`/v1/edges/:edge/${kind}`, { schema, config }, async (call): Promise<DrainBody> => {
      const { name } = knownEdge(context.config, call.params.edge);
      const { version } = await appendChange(context, call.caller, { kind, edge: name });
      return { edge: name, drained: kind === "drain", version };
    });
  }
}

/** `/v1/demo/edges/{edge}/stop` and `.../start`: only the demo has them. */
export function addDemoRoutes(app: ApiServer, context: ApiContext, demo: DemoEdges): void {
  for (const action of ["stop", "start"] as const) {
    const path = `/v1/demo/edges/:edge/${action}`;
    app.post(path, { schema, config }, async (call): Promise<DemoEdgeBody> => {
      const { name } = knownEdge(context.config, call.params.edge);
      await demo[action](name);
      return { edge: name, running: demo.isRunning(name) };
    });
  }
}
