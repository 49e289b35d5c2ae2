import { parentPort, workerData } from "node:worker_threads";
import type { IpBytes } from "../../common/ip.ts";
import type { DatabaseSource } from "../geo/database.ts";
import { locateIn } from "../geo/locate.ts";

/** What the thread is told. */
export interface LocateOrder {
  readonly databases: readonly DatabaseSource[];
  readonly bytes: IpBytes;
}

// The whole job of a worker thread: opening a city database takes 70 ms and all of its memory.
const { databases, bytes } = workerData as LocateOrder;
parentPort?.postMessage(locateIn(databases, bytes) ?? null, []);
