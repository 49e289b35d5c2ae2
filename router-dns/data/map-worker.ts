import { parentPort, workerData } from "node:worker_threads";
import { buildMap, type MapOrder } from "./map-build.ts";

// The whole job of a worker thread: one order in, one map out, its tables moved and not copied.
const result = buildMap(workerData as MapOrder);
const tables = result.ok ? [result.value.map.v4, result.value.map.v6] : [];
parentPort?.postMessage(
  result,
  tables.flatMap(({ keys, lengths, values, index }) =>
    [keys, lengths, values, index].map((array) => array.buffer as ArrayBuffer),
  ),
);
