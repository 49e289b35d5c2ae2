import { fail, type Result } from "../../common/result.ts";
import { runAside } from "./aside.ts";
import type { BuiltMap, MapFailure, MapOrder } from "./map-build.ts";
import { type MapParcel, unpackMap } from "./map-parcel.ts";

/** Builds a map in a thread of its own. Never rejects: a thread that dies is a broken build. */
export async function buildMapAside(order: MapOrder): Promise<Result<BuiltMap, MapFailure>> {
  const script = new URL("./map-worker.ts", import.meta.url);
  const done = await runAside<MapParcel>(script, order, "building the map");
  return done.ok ? unpackMap(done.value) : fail({ broken: [done.error], problems: [] });
}
