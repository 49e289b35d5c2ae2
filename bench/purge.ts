import { setTimeout as pause } from "node:timers/promises";
import { invariant } from "../common/assert.ts";
import { silentLogger } from "../common/log.ts";
import { startEdge } from "../edge/server.ts";
import { PurgeTable } from "../state/purge.ts";
import { edgeNode } from "../state/records.ts";
import { openRedisState } from "../state/redis.ts";
import { aSite, startOrigin } from "../test/edge/harness.ts";
import { fetchAt } from "../test/support/http.ts";
import { startRedis } from "../test/support/redis.ts";

/*
 * What purges cost. First the check of one object against the table, for objects of 0, 4 and 32
 * tags: when nothing was purged since, and when something was. Then how long it takes from asking
 * for a purge until twenty edges over Redis on loopback have all acknowledged it, while each of
 * them serves. They share this process with their clients: a bound from above. Run:
 * npx node bench/purge.ts
 */

const ROUNDS = 300_000;
const PURGES = 1_000;
const EDGES = 20;
/** Pause of the client of each edge between two requests. */
const CLIENT_PAUSE_MS = 20;

function show(what: string, figure: string): void {
  process.stdout.write(`${what.padEnd(66)} ${figure.padStart(12)}\n`);
}

/** Nanoseconds of one check, the best of five runs. */
function nanoseconds(check: () => unknown): number {
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 5; run += 1) {
    const start = performance.now();
    for (let i = 0; i < ROUNDS; i += 1) check();
    best = Math.min(best, ((performance.now() - start) * 1e6) / ROUNDS);
  }
  return best;
}

function measureChecks(): void {
  for (const [marks, lengths] of [
    [1, 1],
    [8_000, 1],
    [8_000, 20],
  ] as const) {
    const table = new PurgeTable();
    const site = table.site("shop");
    for (let i = 0; i < marks / 2; i += 1) {
      site.purge({ kind: "tags", tags: [`other-${i}`] }, { soft: false });
      const prefix = `shop www.example.com/p${i}/`.padEnd(30 + (i % lengths), "x");
      site.purge({ kind: "prefixes", prefixes: [prefix] }, { soft: false });
    }
    for (const count of [0, 4, 32]) {
      const tags = { tags: Array.from({ length: count }, (_, i) => `tag-${i}`), overflow: false };
      const key = "shop www.example.com/catalogue/shoes/42?colour=red";
      const title = `${count} tags, ${table.marks} marks, prefixes of ${lengths} lengths`;
      const current = { generation: table.generation, key, tags };
      show(
        `check, nothing purged since: ${title}`,
        `${nanoseconds(() => site.judge(current)).toFixed(0)} ns`,
      );
      const older = { generation: 0, key, tags };
      invariant(site.judge(older).kind === "current", "no mark matches, so that all are tried");
      show(
        `check, site purged since: ${title}`,
        `${nanoseconds(() => site.judge(older)).toFixed(0)} ns`,
      );
    }
  }
}

async function measureLatency(): Promise<void> {
  const redis = await startRedis();
  const stops: (() => void | Promise<void>)[] = [];
  const origin = await startOrigin({ after: (stop) => void stops.push(stop) }, (_, response) => {
    response.setHeader("cache-control", "max-age=3600");
    response.setHeader("surrogate-key", "t0 t1 t2");
    response.end("x".repeat(1_024));
  });
  const open = () => openRedisState({ url: redis.url, log: silentLogger });
  const control = open();
  const states = Array.from({ length: EDGES }, open);
  const edges = await Promise.all(
    states.map((state, i) =>
      startEdge({
        name: `e${i}`,
        pop: "bench",
        listen: { host: "127.0.0.1", port: 0 },
        admin: { host: "127.0.0.1", port: 0 },
        memoryBytes: 2 ** 24,
        capacityBitsPerSecond: 1e9,
        profile: "safe",
        anyHost: false,
        sites: [],
        state,
        log: silentLogger,
      }),
    ),
  );
  const site = aSite({ origins: [origin.url] });
  await control.append({ kind: "site-put", site }, "bench");
  const over = new AbortController();
  let served = 0;
  const clients = edges.map(async ({ addresses: { http: at } }) => {
    invariant(at !== undefined, "an edge serves HTTP");
    while (!over.signal.aborted) {
      const { status } = await fetchAt("http://shop.example/a", { at });
      if (status === 200) served += 1;
      await pause(CLIENT_PAUSE_MS);
    }
  });
  const started = performance.now();
  const samples: number[] = [];
  for (let i = 0; i < PURGES; i += 1) {
    const start = performance.now();
    const { version } = await control.append(
      { kind: "purge-tags", site: "shop", tags: [`t${i}`] },
      "bench",
    );
    for (;;) {
      const versions = await control.acknowledgements();
      if (edges.every((_, e) => (versions.get(edgeNode(`e${e}`)) ?? 0) >= version)) break;
    }
    samples.push(performance.now() - start);
  }
  const seconds = (performance.now() - started) / 1_000;
  over.abort();
  await Promise.all(clients);
  show(`requests that ${EDGES} edges served meanwhile`, `${Math.round(served / seconds)} /s`);
  samples.sort((a, b) => a - b);
  for (const share of [0.5, 0.9, 0.99, 0.999]) {
    const value = samples[Math.floor(PURGES * share)] ?? 0;
    show(
      `purge asked for -> acknowledged by ${EDGES} edges, p${share * 100}`,
      `${value.toFixed(2)} ms`,
    );
  }
  await Promise.all(edges.map((edge) => edge.stop(0)));
  await Promise.all([control, ...states].map((state) => state.close()));
  await redis.stop();
  for (const stop of stops) await stop();
}

measureChecks();
await measureLatency();
