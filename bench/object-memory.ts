import { setTimeout as delay } from "node:timers/promises";
import { Load } from "./soak/load.ts";
import { metricsOf, startPair } from "./soak/pair.ts";
import { residentBytes } from "./soak/resident.ts";

/*
 * What a stored object of 1 KiB costs, everything counted: fills an edge by requests and divides
 * what its process has grown by the number of objects. Run (Linux):
 * npx node bench/object-memory.ts [OBJECTS ...]
 */

const BODY_BYTES = 1_024;
const BUDGET_BYTES = 8 * 2 ** 30;
const CONNECTIONS = 32;

/** Before anything is counted the code is warm: so many objects have been stored. */
const WARM_OBJECTS = 5_000;

/** Garbage of the last requests has time to be collected. */
const REST_MS = 10_000;

const wanted = process.argv.slice(2).map(Number);
if (wanted.some((count) => !Number.isSafeInteger(count) || count < 1)) {
  process.stderr.write("npx node bench/object-memory.ts [OBJECTS ...]\n");
  process.exitCode = 2;
} else {
  for (const objects of wanted.length === 0 ? [50_000, 200_000] : wanted) await measure(objects);
}

async function measure(objects: number): Promise<void> {
  const pair = await startPair(BUDGET_BYTES);
  try {
    const pid = pair.edge.pid ?? 0;
    const load = { at: pair.http, connections: CONNECTIONS, slowReaders: 0, bodyBytes: BODY_BYTES };
    const fill = async (until: number): Promise<Record<string, number>> => {
      const filling = new Load(load, count);
      for (;;) {
        const metrics = await metricsOf(pair.adminPort);
        count = filling.number;
        if ((metrics["edge_store_objects"] ?? 0) < until) continue;
        filling.stop();
        await delay(REST_MS);
        return await metricsOf(pair.adminPort);
      }
    };
    let count = 0;
    const before = await fill(WARM_OBJECTS);
    const residentBefore = residentBytes(pid);
    const after = await fill(WARM_OBJECTS + objects);
    const grown = residentBytes(pid) - residentBefore;
    const added = (after["edge_store_objects"] ?? 0) - (before["edge_store_objects"] ?? 0);
    const said = (after["edge_store_bytes"] ?? 0) - (before["edge_store_bytes"] ?? 0);
    const [real, estimate] = [grown / added, said / added].map(Math.round);
    process.stdout.write(
      `${JSON.stringify({ objects: added, residentBytesEach: real, estimatedBytesEach: estimate })}\n`,
    );
  } finally {
    pair.stop();
  }
}
