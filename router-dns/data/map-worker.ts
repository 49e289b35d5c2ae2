import { parentPort, workerData } from "node:worker_threads";
import { buildMap, type MapOrder } from "./map-build.ts";
import { columnsOf, packMap } from "./map-parcel.ts";

// The whole job of a worker thread: one order in, one map out, its columns moved and not copied.
const result = packMap(buildMap(workerData as MapOrder));
parentPort?.postMessage(result, result.ok ? columnsOf(result.value.map) : []);
