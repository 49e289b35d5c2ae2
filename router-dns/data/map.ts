import { Worker } from "node:worker_threads";
import { fail, type Result } from "../../common/result.ts";
import type { BuiltMap, MapFailure, MapOrder } from "./map-build.ts";

/** A build takes seconds; one that takes this long hangs. */
const BUILD_MS_MAX = 120_000;

/**
 * Builds a map in a thread of its own, so that queries are answered meanwhile and the memory that
 * it takes is given back. Never rejects: a thread that dies is a broken build.
 */
export function buildMapAside(order: MapOrder): Promise<Result<BuiltMap, MapFailure>> {
  return new Promise((resolve) => {
    const worker = new Worker(new URL("./map-worker.ts", import.meta.url), { workerData: order });
    const end = (result: Result<BuiltMap, MapFailure>): void => {
      clearTimeout(timer);
      resolve(result);
    };
    const endBroken = (reason: string): void => end(fail({ broken: [reason], problems: [] }));
    const timer = setTimeout(() => {
      endBroken(`building the map took more than ${BUILD_MS_MAX} ms`);
      worker.terminate().catch((error: unknown) => endBroken(String(error)));
    }, BUILD_MS_MAX);
    worker.on("message", end);
    worker.on("error", (error) => endBroken(`building the map failed: ${String(error)}`));
    worker.on("exit", (code) => endBroken(`building the map ended with code ${code}`));
  });
}
