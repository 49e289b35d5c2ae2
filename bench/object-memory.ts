import { setTimeout as delay } from "node:timers/promises";
import { Load } from "./soak/load.ts";
import { metricsOf, startPair } from "./soak/pair.ts";
import { residentBytes } from "./soak/resident.ts";

/*
 * What a stored object of 1 KiB costs, everything counted: fills an edge by requests until it has
 * to let objects go, and divides what its process has grown by the number of objects that it
 * keeps. Until then garbage may lie about, since nobody needs the room. Run (Linux):
 * npx node bench/object-memory.ts [MEBIBYTES ...]
 */

const BODY_BYTES = 1_024;
const CONNECTIONS = 32;
const MEBIBYTE = 2 ** 20;

/** Before anything is counted the code is warm: so many objects have been stored. */
const WARM_OBJECTS = 5_000;

/** It is full when so many objects had to leave. */
const LEFT_OBJECTS = 20_000;

/** Garbage of the last requests has time to be collected. */
const REST_MS = 10_000;

const wanted = process.argv.slice(2).map(Number);
if (wanted.some((count) => !Number.isSafeInteger(count) || count < 1)) {
  process.stderr.write("npx node bench/object-memory.ts [MEBIBYTES ...]\n");
  process.exitCode = 2;
} else {
  for (const mebibytes of wanted.length === 0 ? [384] : wanted) await measure(mebibytes);
}

async function measure(mebibytes: number): Promise<void> {
  const pair = await startPair(mebibytes * MEBIBYTE);
  try {
    const pid = pair.edge.pid ?? 0;
    const load = { at: pair.http, connections: CONNECTIONS, slowReaders: 0, bodyBytes: BODY_BYTES };
    const fill = async (
      isEnough: (metrics: Readonly<Record<string, number>>) => boolean,
    ): Promise<Readonly<Record<string, number>>> => {
      const filling = new Load(load, count);
      for (;;) {
        const metrics = await metricsOf(pair.adminPort);
        count = filling.number;
        if (!isEnough(metrics)) continue;
        filling.stop();
        await delay(REST_MS);
        return await metricsOf(pair.adminPort);
      }
    };
    let count = 0;
    const before = await fill((metrics) => objectsOf(metrics) >= WARM_OBJECTS);
    const residentBefore = residentBytes(pid);
    const after = await fill((metrics) => (metrics["edge_evictions_total"] ?? 0) >= LEFT_OBJECTS);
    const grown = residentBytes(pid) - residentBefore;
    const added = objectsOf(after) - objectsOf(before);
    const said = (after["edge_store_bytes"] ?? 0) - (before["edge_store_bytes"] ?? 0);
    const [real, estimate] = [grown / added, said / added].map(Math.round);
    const result = { mebibytes, objects: added, residentBytesEach: real };
    process.stdout.write(`${JSON.stringify({ ...result, estimatedBytesEach: estimate })}\n`);
  } finally {
    pair.stop();
  }
}

function objectsOf(metrics: Readonly<Record<string, number>>): number {
  return metrics["edge_store_objects"] ?? 0;
}
