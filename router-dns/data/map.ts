import { fail, type Result } from "../../common/result.ts";
import { runAside } from "./aside.ts";
import type { BuiltMap, MapFailure, MapOrder } from "./map-build.ts";

/** Builds a map in a thread of its own. Never rejects: a thread that dies is a broken build. */
export async function buildMapAside(order: MapOrder): Promise<Result<BuiltMap, MapFailure>> {
  const script = new URL("./map-worker.ts", import.meta.url);
  const done = await runAside<Result<BuiltMap, MapFailure>>(script, order, "building the map");
  return done.ok ? done.value : fail({ broken: [done.error], problems: [] });
}
