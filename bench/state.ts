import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "../common/log.ts";
import { openEmbeddedState } from "../state/embedded.ts";
import { Follower } from "../state/follower.ts";
import { openRedisState } from "../state/redis.ts";
import type { StateStore } from "../state/store.ts";
import { eventually } from "../test/support/eventually.ts";
import { startRedis } from "../test/support/redis.ts";

/*
 * How long an append takes, and how long until a follower has applied it: embedded (in a file) and
 * Redis on loopback, one change at a time. Run: npx node bench/state.ts
 */

const ROUNDS = 1_000;

function percentile(sorted: readonly number[], share: number): string {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return `${value.toFixed(3)} ms`;
}

function show(what: string, samples: readonly number[]): void {
  const sorted = samples.toSorted((a, b) => a - b);
  const [p50, p99] = [percentile(sorted, 0.5), percentile(sorted, 0.99)];
  process.stdout.write(`${what.padEnd(44)} p50 ${p50.padStart(10)}  p99 ${p99.padStart(10)}\n`);
}

async function measure(name: string, writer: StateStore, reader: StateStore): Promise<void> {
  let applied = (): void => {};
  const follower = new Follower({
    store: reader,
    node: "bench",
    initialSites: [],
    log: silentLogger,
    onChange: () => applied(),
    onSnapshot: () => {},
  });
  follower.start();
  await follower.ready(5_000);
  for (const kind of ["purge-all", "drain"] as const) {
    const appends: number[] = [];
    const applies: number[] = [];
    for (let i = 0; i < ROUNDS; i += 1) {
      const done = new Promise<void>((resolve) => {
        applied = resolve;
      });
      const start = performance.now();
      await writer.append(
        kind === "drain" ? { kind, edge: `e${i}` } : { kind, site: "a" },
        "bench",
      );
      appends.push(performance.now() - start);
      await done;
      applies.push(performance.now() - start);
    }
    show(`${name}, ${kind}: append`, appends);
    show(`${name}, ${kind}: append to applied`, applies);
  }
  await follower.stop();
}

const directory = await mkdtemp(join(tmpdir(), "meridian-bench-"));
const embedded = openEmbeddedState({ file: join(directory, "state.db") });
await measure("embedded", embedded, embedded);
await embedded.close();
await rm(directory, { recursive: true, force: true });

const server = await startRedis();
const [writer, reader] = ["writer", "reader"].map(() =>
  openRedisState({ url: server.url, log: silentLogger }),
);
if (writer === undefined || reader === undefined) throw new Error("two stores were opened");
await eventually("both are connected", () => {
  if (!writer.isUp() || !reader.isUp()) throw new Error("not yet");
});
await measure("Redis", writer, reader);
await writer.close();
await reader.close();
await server.stop();
