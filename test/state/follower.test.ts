import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../common/log.ts";
import type { Change } from "../../state/change.ts";
import { openEmbeddedState } from "../../state/embedded.ts";
import {
  ACKNOWLEDGE_EVERY_MS,
  Follower,
  type FollowerOptions,
  type FollowStatus,
  POLL_MS,
} from "../../state/follower.ts";
import { aSite } from "../contract/state-contract.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { ModelStore } from "./model-store.ts";

function following(more: Partial<FollowerOptions> = {}) {
  const clock = new FakeClock();
  const store = new ModelStore(clock);
  const events: string[] = [];
  const follower = new Follower({
    store: store.asStore(),
    node: "edge",
    initialSites: [aSite("configured")],
    log: silentLogger,
    clock,
    onChange: (change) => events.push(`change ${change.version}`),
    onSnapshot: (view, lost) => events.push(`snapshot ${view.version}${lost ? " lost" : ""}`),
    onStatus: (status: FollowStatus) => events.push(status),
    ...more,
  });
  return { clock, store, events, follower };
}

test("until the store answers, the configured sites are in force and it is not ready", async () => {
  const { clock, store, events, follower } = following();
  store.mode = "refuses";
  follower.start();
  const ready = follower.ready(3_000);
  await clock.advanceAsync(3_000);
  assert.equal(await ready, false);
  assert.deepEqual(
    [follower.status(), follower.view().version, follower.lag()],
    ["starting", 0, 0],
  );
  assert.deepEqual([...follower.view().sites.keys()], ["configured"]);
  store.appendNow({ kind: "site-put", site: aSite("real") });
  store.mode = "up";
  const soon = follower.ready(3_000);
  await clock.advanceAsync(1_000);
  assert.equal(await soon, true);
  assert.equal(await follower.ready(1), true);
  assert.deepEqual([...follower.view().sites.keys()], ["real"]);
  assert.deepEqual(events, ["snapshot 1 lost", "current"]);
  await follower.stop();
});

test("an outage is told in order: cut off, catching up, the changes, current", async () => {
  const { clock, store, events, follower } = following();
  follower.start();
  await clock.advanceAsync(10);
  store.mode = "hangs";
  await clock.advanceAsync(2_000);
  store.appendNow({ kind: "purge-all", site: "a" });
  store.appendNow({ kind: "purge-all", site: "b" });
  store.mode = "up";
  await clock.advanceAsync(1_500);
  const expected = [
    "snapshot 0 lost",
    "current",
    "cut-off",
    "catching-up",
    "change 1",
    "change 2",
    "current",
  ];
  assert.deepEqual(events, expected);
  await follower.stop();
});

test("an empty store keeps the configured sites until it is seeded and quiet", async () => {
  const { clock, store, events, follower } = following();
  follower.start();
  await clock.advanceAsync(5_000);
  assert.deepEqual(
    [follower.status(), [...follower.view().sites.keys()]],
    ["current", ["configured"]],
  );
  store.appendNow({ kind: "site-put", site: aSite("x") });
  await clock.advanceAsync(500);
  store.appendNow({ kind: "site-put", site: aSite("y") });
  await clock.advanceAsync(500);
  assert.deepEqual([...follower.view().sites.keys()], ["configured", "x", "y"]);
  await clock.advanceAsync(5_000);
  assert.deepEqual([...follower.view().sites.keys()], ["x", "y"]);
  assert.deepEqual(events, ["snapshot 0 lost", "current", "change 1", "change 2", "snapshot 2"]);
  await follower.stop();
});

test("a change that cannot be applied is neither acknowledged nor passed over", async () => {
  const given: number[] = [];
  let broken = true;
  const { clock, store, follower } = following({
    onChange: (change: Change) => {
      given.push(change.version);
      if (change.version === 2 && broken) throw new Error("the edge's own mistake");
    },
  });
  follower.start();
  await clock.advanceAsync(10);
  for (const site of ["a", "b", "c"]) store.appendNow({ kind: "purge-all", site });
  await clock.advanceAsync(3 * POLL_MS);
  assert.deepEqual(
    [follower.status(), follower.view().version, follower.lag()],
    ["catching-up", 1, 2],
  );
  assert.equal(Math.max(...store.acknowledged), 1);
  broken = false;
  await clock.advanceAsync(POLL_MS);
  assert.deepEqual([follower.status(), follower.view().version, follower.lag()], ["current", 3, 0]);
  assert.deepEqual([given[0], ...new Set(given)], [1, 1, 2, 3]);
  assert.equal(given.filter((version) => version !== 2).length, 2, "the others were given once");
  await follower.stop();
});

test("what is applied is acknowledged again and again", async () => {
  const { clock, store, follower } = following();
  follower.start();
  await clock.advanceAsync(4 * ACKNOWLEDGE_EVERY_MS + 10);
  assert.ok(store.acknowledged.length >= 4 && store.acknowledged.length <= 6);
  await follower.stop();
});

test("a store that contradicts itself is asked in turns, not in a tight loop", async () => {
  const { clock, store, follower } = following();
  let questions = 0;
  const contradicting = store.asStore();
  contradicting.changesAfter = () => {
    questions += 1;
    return Promise.resolve({ changes: [], complete: false, epoch: "?", head: 7 });
  };
  follower.start();
  await clock.advanceAsync(10 * POLL_MS);
  assert.ok(questions <= 40, `${questions} questions in ten seconds`);
  await follower.stop();
});

test("stopping twice, before the start or after it, is harmless", async () => {
  const never = following().follower;
  await never.stop();
  never.start();
  const { follower, clock } = following();
  follower.start();
  follower.start();
  const waiting = follower.ready(60_000);
  const both = Promise.all([follower.stop(), follower.stop()]);
  await clock.advanceAsync(10);
  await both;
  assert.equal(await waiting, false);
});

test("on the embedded store a change is in force at once", async () => {
  const store = openEmbeddedState({ file: ":memory:" });
  const { promise: changed, resolve } = Promise.withResolvers<Change>();
  const { follower } = following({ store, onChange: resolve });
  follower.start();
  assert.equal(await follower.ready(1_000), true);
  const change = await store.append({ kind: "drain", edge: "syd-1" }, "t");
  assert.deepEqual(await changed, change);
  await new Promise(setImmediate);
  assert.deepEqual([...follower.view().drained], ["syd-1"]);
  assert.deepEqual(await store.acknowledgements(), new Map([["edge", 1]]));
  await follower.stop();
  await store.close();
});
