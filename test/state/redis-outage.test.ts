import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { silentLogger } from "../../common/log.ts";
import { type View, viewOf } from "../../state/apply.ts";
import type { Change } from "../../state/change.ts";
import { Follower, type FollowStatus } from "../../state/follower.ts";
import { BULK_DEADLINE_MS, COMMAND_DEADLINE_MS } from "../../state/redis/connection.ts";
import { openRedisState } from "../../state/redis.ts";
import { type StateStore, StateUnavailableError } from "../../state/store.ts";
import { aSite, everyCall, quickCalls, until } from "../contract/state-contract.ts";
import { freePort } from "../support/free-port.ts";
import { type RedisServer, type RedisServerOptions, startRedis } from "../support/redis.ts";
import type { Scope } from "../support/scope.ts";

/** A call that rejects before this has not waited for an answer. */
const AT_ONCE_MS = COMMAND_DEADLINE_MS - 150;

/** How long a paused Redis stays paused: longer than it takes to find out. */
const PAUSE_MS = BULK_DEADLINE_MS + 700;

/** What a busy machine may add to a deadline before a test calls it missed. */
const SLACK_MS = 400;

// Connections that are being retried do not keep a process alive; the tests do.
const alive = setInterval(() => {}, 1_000);
after(() => clearInterval(alive));

async function redis(scope: Scope, options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await startRedis(options);
  scope.after(() => server.stop());
  return server;
}

async function connected(scope: Scope, server: RedisServer): Promise<StateStore> {
  const store = openRedisState({ url: server.url, log: silentLogger });
  scope.after(() => store.close());
  await until(() => store.isUp(), "the connection");
  return store;
}

/** Waits for each call; each must reject with the error of the contract within its deadline. */
async function allRejectInTime(
  calls: readonly Promise<unknown>[],
  deadlineMs = COMMAND_DEADLINE_MS,
): Promise<number> {
  const start = performance.now();
  await Promise.all(calls.map((call) => assert.rejects(call, StateUnavailableError)));
  const tookMs = performance.now() - start;
  assert.ok(tookMs < deadlineMs + SLACK_MS, `rejected after ${tookMs} ms`);
  return tookMs;
}

/** A follower that writes down what happens to it. */
function followed(scope: Scope, store: StateStore, node = "edge") {
  const statuses: FollowStatus[] = [];
  const snapshots: { readonly view: View; readonly historyLost: boolean }[] = [];
  const changes: Change[] = [];
  const follower = new Follower({
    store,
    node,
    initialSites: [],
    log: silentLogger,
    onChange: (change) => changes.push(change),
    onSnapshot: (view, historyLost) => snapshots.push({ view, historyLost }),
    onStatus: (status) => statuses.push(status),
  });
  scope.after(() => follower.stop());
  follower.start();
  return { follower, statuses, snapshots, changes };
}

describe("Redis that is not there", { concurrency: 1 }, () => {
  test("opening and calls return at once; it connects when Redis comes", async (t) => {
    const port = await freePort();
    const store = openRedisState({ url: `redis://127.0.0.1:${port}`, log: silentLogger });
    t.after(() => store.close());
    assert.equal(store.isUp(), false);
    const tookMs = await allRejectInTime(everyCall(store));
    assert.ok(tookMs < AT_ONCE_MS, `at once, not after ${tookMs} ms`);
    await redis(t, { port });
    await until(() => store.isUp(), "the connection");
    assert.equal((await store.append({ kind: "drain", edge: "e" }, "t")).version, 1);
  });

  test("an address where nothing ever answers rejects at once too", async (t) => {
    // TEST-NET-1: packets go nowhere.
    const store = openRedisState({ url: "redis://192.0.2.1:6379", log: silentLogger });
    t.after(() => store.close());
    assert.ok((await allRejectInTime(everyCall(store))) < AT_ONCE_MS);
  });

  test("closing while connecting ends the attempts", async () => {
    const port = await freePort();
    const store = openRedisState({ url: `redis://127.0.0.1:${port}`, log: silentLogger });
    await store.close();
    await allRejectInTime(everyCall(store));
  });
});

describe("kill -9 of Redis", { concurrency: 1 }, () => {
  test("under load: every call ends in time, the process lives, calls work again", async (t) => {
    const server = await redis(t, { persist: true });
    const store = await connected(t, server);
    const accepted: number[] = [];
    let slowestMs = 0;
    let refused = 0;
    const stop = new AbortController();
    const worker = async (): Promise<void> => {
      while (!stop.signal.aborted) {
        const start = performance.now();
        const calls = [
          store.append({ kind: "purge-all", site: "a" }, "w"),
          store.snapshot(),
        ] as const;
        const [append] = await Promise.allSettled(calls);
        slowestMs = Math.max(slowestMs, performance.now() - start);
        if (append.status === "fulfilled") accepted.push(append.value.version);
        else {
          assert.ok(append.reason instanceof StateUnavailableError);
          refused += 1;
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      }
    };
    const workers = Array.from({ length: 8 }, worker);
    for (let round = 0; round < 3; round += 1) {
      const before = accepted.length;
      await until(() => accepted.length > before + 20, "appends");
      await server.kill();
      const refusedBefore = refused;
      await until(() => refused > refusedBefore, "refusals");
      assert.equal(store.isUp(), false);
      await server.restart();
    }
    await until(() => store.isUp(), "the connection");
    stop.abort();
    await Promise.all(workers);
    assert.ok(slowestMs < BULK_DEADLINE_MS + SLACK_MS, `the slowest call took ${slowestMs} ms`);
    assert.equal(new Set(accepted).size, accepted.length, "no version was given twice");
    const { version } = await store.snapshot();
    assert.ok(
      version >= Math.max(...accepted),
      "with an append-only file nothing accepted is lost",
    );
  });

  test("with its data kept: cut off, catching up, the missed changes, current", async (t) => {
    const server = await redis(t, { persist: true });
    const store = await connected(t, server);
    await store.append({ kind: "site-put", site: aSite("a") }, "t");
    const { follower, statuses, snapshots, changes } = followed(t, store);
    assert.equal(await follower.ready(5_000), true);
    const lostAt = performance.now();
    await server.kill();
    await until(() => follower.status() === "cut-off", "cut-off");
    const noticedMs = performance.now() - lostAt;
    assert.ok(noticedMs < 2_000 + SLACK_MS, `loss noticed after ${noticedMs} ms`);
    assert.deepEqual([...follower.view().sites.keys()], ["a"]);
    await server.restart();
    // Somebody else is connected first, and purges.
    const other = await connected(t, server);
    await other.append({ kind: "purge-all", site: "a" }, "other");
    await other.append({ kind: "site-put", site: aSite("b") }, "other");
    const backAt = performance.now();
    await until(() => follower.status() === "current" && follower.view().version === 3, "current");
    const returnedMs = performance.now() - backAt;
    assert.ok(returnedMs < 1_000 + SLACK_MS, `return noticed after ${returnedMs} ms`);
    assert.equal(statuses.indexOf("catching-up"), statuses.indexOf("cut-off") + 1);
    assert.deepEqual(
      changes.map((change) => change.version),
      [2, 3],
    );
    assert.equal(snapshots.length, 1, "no history was lost");
    assert.deepEqual(follower.view(), viewOf(await store.snapshot()));
    await until(
      async () => (await store.acknowledgements()).get("edge") === 3,
      "the acknowledgement",
    );
  });

  test("without its data: new epoch, history lost, the last good view until seeded", async (t) => {
    const server = await redis(t);
    const store = await connected(t, server);
    await store.append({ kind: "site-put", site: aSite("a") }, "t");
    await store.append({ kind: "drain", edge: "syd-1" }, "t");
    const { follower, statuses, snapshots } = followed(t, store);
    assert.equal(await follower.ready(5_000), true);
    const { epoch } = follower.view();
    await server.kill();
    await server.restart();
    await until(() => snapshots.length === 2, "the snapshot of the new log");
    await until(() => follower.status() === "current", "current");
    assert.equal(snapshots[1]?.historyLost, true);
    assert.notEqual(follower.view().epoch, epoch);
    assert.deepEqual([follower.view().version, ...follower.view().sites.keys()], [0, "a"]);
    assert.equal(statuses.filter((status) => status === "catching-up").length >= 1, true);
    assert.ok(
      ((await store.acknowledgements()).get("edge") ?? 0) === 0,
      "old acknowledgements do not count",
    );
    await until(() => store.isUp(), "the connection");
    await store.append({ kind: "site-put", site: aSite("z") }, "config");
    await until(() => snapshots.length === 3, "the settled view");
    assert.deepEqual(follower.view(), viewOf(await store.snapshot()));
    assert.equal(snapshots[2]?.historyLost, false);
  });

  test("an old backup that grew past the follower again is not taken for its log", async (t) => {
    const server = await redis(t, { settings: { appendonly: "no" } });
    const store = await connected(t, server);
    for (const site of ["a", "b"]) await store.append({ kind: "purge-all", site }, "t");
    await server.command("SAVE");
    for (const site of ["lost-1", "lost-2"]) await store.append({ kind: "purge-all", site }, "t");
    const { follower, snapshots, changes } = followed(t, store);
    assert.equal(await follower.ready(5_000), true);
    assert.equal(follower.view().version, 4);
    const { epoch } = follower.view();
    await server.kill();
    // The follower is kept away while the log grows again under the versions that it knows.
    const hidden = openRedisState({ url: server.url, log: silentLogger });
    t.after(() => hidden.close());
    const paused = store.changesAfter.bind(store);
    store.changesAfter = () => Promise.reject(new StateUnavailableError("kept away"));
    await server.restart();
    await until(() => hidden.isUp(), "the connection");
    for (const site of ["new-1", "new-2", "new-3"])
      await hidden.append({ kind: "purge-all", site }, "t");
    store.changesAfter = paused;
    await until(() => follower.view().version === 5, "the regrown log");
    assert.equal(follower.view().epoch, epoch, "Redis itself cannot tell");
    assert.deepEqual([snapshots.length, snapshots[1]?.historyLost, changes], [2, true, []]);
  });
});

describe("Redis that does not answer", { concurrency: 1 }, () => {
  const scope: (() => void | Promise<void>)[] = [];
  let server: RedisServer;
  let store: StateStore;
  before(async () => {
    const owner = { after: (stop: () => void | Promise<void>) => void scope.unshift(stop) };
    server = await redis(owner, { persist: true });
    store = await connected(owner, server);
  });
  after(async () => {
    server.resume();
    for (const stop of scope) await stop();
  });

  const stalls: readonly (readonly [string, () => Promise<void>, () => Promise<void>])[] = [
    ["stopped (SIGSTOP)", async () => server.pause(), async () => server.resume()],
    [
      "paused for writes and reads (CLIENT PAUSE)",
      async () => void (await server.command("CLIENT", "PAUSE", String(PAUSE_MS), "ALL")),
      // Answered when the pause is over: it holds back all commands, those that would end it too.
      async () => void (await server.command("PING")),
    ],
  ];

  for (const [title, stall, resume] of stalls) {
    test(`${title}: calls reject in time, then at once, then work again`, async () => {
      await until(() => store.isUp(), "the connection");
      await stall();
      const bulk = allRejectInTime([store.snapshot()], BULK_DEADLINE_MS);
      const first = await allRejectInTime(quickCalls(store));
      assert.ok(first >= COMMAND_DEADLINE_MS - 50, "the first calls were tried");
      assert.equal(store.isUp(), false);
      const second = await allRejectInTime(everyCall(store));
      assert.ok(second < AT_ONCE_MS, `the breaker is open: ${second} ms`);
      await bulk;
      await resume();
      const resumedAt = performance.now();
      await until(() => store.isUp(), "the answer");
      const tookMs = performance.now() - resumedAt;
      assert.ok(tookMs < 1_500 + SLACK_MS, `return noticed after ${tookMs} ms`);
      await store.snapshot();
    });
  }

  test("a connection that stays silent is given up and made anew", async () => {
    await until(() => store.isUp(), "the connection");
    server.pause();
    const deadline = performance.now() + 6_000;
    while (performance.now() < deadline) {
      await allRejectInTime(quickCalls(store));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    server.resume();
    await until(() => store.isUp(), "the new connection");
    const { version } = await store.snapshot();
    assert.equal((await store.append({ kind: "purge-all", site: "a" }, "t")).version, version + 1);
  });

  test("a reply later than the deadline is dropped, and takes no later call's place", async () => {
    await until(() => store.isUp(), "the connection");
    server.pause();
    await allRejectInTime([store.heartbeats()]);
    server.resume();
    const { version } = await store.snapshot();
    const change = await store.append({ kind: "drain", edge: "late" }, "t");
    assert.equal(change.version, version + 1);
    assert.deepEqual((await store.changesAfter(version, 5)).changes, [change]);
  });

  test("more calls than may wait are refused, the others end in time", async () => {
    await until(() => store.isUp(), "the connection");
    server.pause();
    await allRejectInTime(Array.from({ length: 3_000 }, () => store.heartbeats()));
    server.resume();
    await until(() => store.isUp(), "the answer");
  });
});
