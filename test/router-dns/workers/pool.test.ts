import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { it } from "node:test";
import type { Worker } from "node:worker_threads";
import { silentLogger } from "../../../common/log.ts";
import { Metrics } from "../../../common/metrics.ts";
import { LiveSnapshot } from "../../../router-dns/data/live.ts";
import { buildMap } from "../../../router-dns/data/map-build.ts";
import type { FromWorker, ToWorker } from "../../../router-dns/workers/messages.ts";
import {
  BEAT_MS,
  SILENT_BEATS_MAX,
  STALE_BEATS_MAX,
} from "../../../router-dns/workers/messages.ts";
import { type CommonOrder, WorkerPool } from "../../../router-dns/workers/pool.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { siteConfig } from "../support.ts";

/** A thread that does what a test says: real ones can be killed, but not made to hang. */
class FakeThread extends EventEmitter {
  readonly heard: ToWorker[] = [];
  isTerminated = false;

  postMessage(message: ToWorker): void {
    this.heard.push(message);
    if (message.kind === "stop") this.emit("exit", 0);
  }

  says(message: FromWorker): void {
    this.emit("message", message);
  }

  terminate(): Promise<number> {
    this.isTerminated = true;
    return Promise.resolve(1);
  }

  /** The last zones that it was told. */
  get serial(): number {
    const zones = this.heard.filter((message) => message.kind === "zones");
    return zones.at(-1)?.serial ?? 0;
  }
}

const NO_COUNTS: FromWorker = { kind: "counts", counts: { counts: [], observations: [] } };

async function startPool(size: number) {
  const built = buildMap({
    pops: [],
    city: undefined,
    asn: undefined,
    coverageFile: undefined,
    replaceBroken: false,
  });
  assert.ok(built.ok);
  const live = new LiveSnapshot(
    {
      domain: "kingcdn.test",
      nameservers: [{ name: "ns1.kingcdn.test", address: "127.0.0.1" }],
      pops: [],
      ttlSeconds: 20,
      answersMax: 4,
      anyName: false,
      isShared: true,
      log: silentLogger,
    },
    { fileZones: [], built: built.value, sites: new Map(), version: 0, health: new Map() },
  );
  const threads: FakeThread[] = [];
  const clock = new FakeClock();
  const metrics = new Metrics("dns");
  const pool = new WorkerPool({
    size,
    live,
    secrets: () => ({ current: new Uint8Array(16), others: [] }),
    answer: () => 0,
    metrics,
    labels: { count: (site) => site },
    onCounts: () => undefined,
    onLines: () => undefined,
    clock,
    log: silentLogger,
    spawn: () => {
      const thread = new FakeThread();
      threads.push(thread);
      return thread as unknown as Worker;
    },
  });
  const started = pool.start({} as CommonOrder);
  await zonesOf(threads);
  for (const thread of threads) {
    thread.says({ kind: "ready" });
    thread.says({ kind: "serves", serial: thread.serial });
  }
  await started;
  return { pool, live, threads, clock, metrics };
}

/** Zones are packed in turns of the event loop. */
async function zonesOf(threads: readonly FakeThread[], serial = 1): Promise<void> {
  while (threads.some((thread) => thread.serial < serial)) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

function beats(clock: FakeClock, count: number, each: () => void): void {
  for (let i = 0; i < count; i += 1) {
    each();
    clock.advance(BEAT_MS);
  }
}

it("a worker that says nothing is ended and replaced", async () => {
  const { pool, threads, clock, metrics } = await startPool(2);
  const [silent, busy] = threads;
  beats(clock, SILENT_BEATS_MAX, () => busy?.says(NO_COUNTS));
  assert.equal(silent?.isTerminated, false);
  assert.equal(pool.lack, undefined);
  beats(clock, 1, () => busy?.says(NO_COUNTS));
  assert.equal(silent?.isTerminated, true);
  assert.equal(busy?.isTerminated, false);
  assert.equal(pool.lack, "2 of 3 workers answer");
  beats(clock, 1, () => busy?.says(NO_COUNTS));
  assert.equal(threads.length, 3);
  threads[2]?.says({ kind: "ready" });
  assert.equal(pool.lack, undefined);
  const { body } = await metrics.expose();
  assert.match(body, /dns_worker_ends_total\{reason="silent"\} 1/);
});

it("a worker that goes on serving what was withdrawn is ended and replaced", async () => {
  const { live, threads, clock } = await startPool(2);
  const [late, fresh] = threads;
  const sites = new Map([["netcinema", siteConfig("netcinema")]]);
  live.setSites({ sites, challenges: new Map(), version: 1 });
  await zonesOf(threads, 2);
  fresh?.says({ kind: "serves", serial: 2 });
  beats(clock, STALE_BEATS_MAX, () => {
    for (const thread of threads) thread.says(NO_COUNTS);
  });
  assert.equal(late?.isTerminated, false);
  beats(clock, 1, () => {
    for (const thread of threads) thread.says(NO_COUNTS);
  });
  assert.equal(late?.isTerminated, true);
  assert.equal(fresh?.isTerminated, false);
});

it("a new worker gets everything, an old one only what has changed", async () => {
  const { live, threads, clock, pool } = await startPool(1);
  const [first] = threads;
  live.setHealth(new Map());
  const views = first?.heard.filter((message) => message.kind === "view") ?? [];
  assert.deepEqual(
    views.map((view) => Object.keys(view).toSorted()),
    [
      ["health", "kind", "load", "map", "sites"],
      ["health", "kind"],
    ],
  );
  first?.emit("exit", 1);
  clock.advance(BEAT_MS);
  await zonesOf(threads);
  const [view] = threads[1]?.heard ?? [];
  assert.deepEqual(Object.keys(view ?? {}).toSorted(), ["health", "kind", "load", "map", "sites"]);
  await pool.stop(1_000);
});

it("a scrape does not wait for a worker that is gone", async () => {
  const { pool, threads } = await startPool(2);
  const counted = pool.count();
  const [first, second] = threads;
  const asked = first?.heard.find((message) => message.kind === "count")?.asked;
  assert.ok(asked !== undefined);
  first?.says({ kind: "counts", counts: { counts: [], observations: [] }, asked });
  second?.emit("exit", 1);
  await counted;
});
