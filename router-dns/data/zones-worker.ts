import { parentPort, workerData } from "node:worker_threads";
import type { FileProblem } from "../../common/file-problem.ts";
import { ok, type Result } from "../../common/result.ts";
import { runToEnd } from "../../common/steps.ts";
import type { Zone } from "../zone/zone.ts";
import { zoneOctets } from "../zone/zone-octets.ts";
import { type MaxTtls, readZones, type ZoneFileOrder } from "./zones.ts";

/** What the thread is told. */
export interface ZonesOrder {
  readonly orders: readonly ZoneFileOrder[];
  readonly maxTtls: MaxTtls;
}

/** A zone that has been read and checked, packed for another thread. */
export interface PackedZone extends Pick<Zone, "origin" | "aliases" | "file" | "warnings"> {
  readonly octets: Uint8Array<ArrayBuffer>;
}

/** One file, as `ReadZone`. */
export interface PackedFile {
  readonly digest: string;
  readonly packed?: PackedZone;
}

/** What the thread answers. */
export type PackedFiles = Result<readonly PackedFile[], readonly FileProblem[]>;

// The whole job of a worker thread: zone files in, records out, moved and not copied.
const { orders, maxTtls } = workerData as ZonesOrder;
const read = readZones(orders, maxTtls);
const result: PackedFiles = read.ok
  ? ok(
      read.value.map(({ digest, zone }) => {
        if (zone === undefined) return { digest };
        const { origin, aliases, file, warnings, nodes } = zone;
        const octets = runToEnd(zoneOctets(nodes.values()));
        return { digest, packed: { origin, aliases, file, warnings, octets } };
      }),
    )
  : read;
const moved = result.ok ? result.value.flatMap(({ packed }) => packed?.octets.buffer ?? []) : [];
parentPort?.postMessage(result, moved);
