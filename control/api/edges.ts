import { z } from "zod";
import { label } from "../../common/config/fields.ts";
import type { DemoEdges } from "../demo-edges.ts";
import { type ApiContext, type ApiServer, appendChange, knownEdge } from "./context.ts";
import type { DemoEdgeBody, DrainBody } from "./shapes.ts";

const schema = { params: z.strictObject({ edge: label }) };

/** `/v1/edges/{edge}/drain` and `.../undrain`: whether routers may answer with an edge. */
export function addEdgeRoutes(app: ApiServer, context: ApiContext): void {
  for (const kind of ["drain", "undrain"] as const) {
    app.post(`/v1/edges/:edge/${kind}`, { schema }, async (call): Promise<DrainBody> => {
      const { name } = knownEdge(context.config, call.params.edge);
      const { version } = await appendChange(context, { kind, edge: name });
      return { edge: name, drained: kind === "drain", version };
    });
  }
}

/** `/v1/demo/edges/{edge}/stop` and `.../start`: only the demo has them. */
export function addDemoRoutes(app: ApiServer, context: ApiContext, demo: DemoEdges): void {
  for (const action of ["stop", "start"] as const) {
    app.post(`/v1/demo/edges/:edge/${action}`, { schema }, async (call): Promise<DemoEdgeBody> => {
      const { name } = knownEdge(context.config, call.params.edge);
      await demo[action](name);
      return { edge: name, running: demo.isRunning(name) };
    });
  }
}
