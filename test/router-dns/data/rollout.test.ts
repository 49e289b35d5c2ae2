import assert from "node:assert/strict";
import { test } from "node:test";
import type { Site } from "../../../common/config/site.ts";
import { silentLogger } from "../../../common/log.ts";
import {
  type EdgeProgress,
  type Rollout,
  releaseSites,
  reportRollout,
  takeSites,
  WAITING_MAX,
} from "../../../router-dns/data/rollout.ts";
import { SiteFollower } from "../../../router-dns/data/site-follower.ts";
import { openEmbeddedState } from "../../../state/embedded.ts";
import { ROLLOUT_WAIT_MS } from "../../../state/limits.ts";
import { edgeNode, type Heartbeat } from "../../../state/records.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { siteConfig } from "../support.ts";

const A = siteConfig("a");
const B = siteConfig("b");
const NONE = new Map<string, never>();

function sites(...all: readonly Site[]): ReadonlyMap<string, Site> {
  return new Map(all.map((site) => [site.name, site]));
}

function at(version: number, ...all: readonly Site[]): Rollout {
  return { inForce: { sites: sites(...all), challenges: NONE, version }, waiting: [] };
}

function progress(acknowledged: Readonly<Record<string, number>>): EdgeProgress {
  const acks = Object.entries(acknowledged).map(([edge, version]) => [edgeNode(edge), version]);
  return {
    alive: Object.keys(acknowledged),
    acknowledgements: new Map(acks as [string, number][]),
  };
}

const names = ({ inForce }: Rollout) => [...inForce.sites.keys()];

test("a site that is added waits for every edge that lives, one that is removed does not", () => {
  const added = takeSites(at(4, A), { sites: sites(A, B), challenges: NONE, version: 5 }, 0);
  assert.deepEqual(names(added), ["a"]);
  const some = releaseSites(added, progress({ x: 5, y: 4 }), 1);
  assert.equal(some.released, 0);
  const known = { followed: 5, progress: progress({ x: 5, y: 4 }) };
  const report = { version: 4, waiting: 1, waitedMs: 7, edges: ["y"] };
  assert.deepEqual(reportRollout(some.rollout, known, 7), report);
  const all = releaseSites(some.rollout, progress({ x: 5, y: 6 }), 1);
  assert.deepEqual([names(all.rollout), all.overdue], [["a", "b"], undefined]);
  const gone = takeSites(all.rollout, { sites: sites(B), challenges: NONE, version: 6 }, 1);
  assert.deepEqual([names(gone), gone.inForce.version, gone.waiting], [["b"], 6, []]);
});

test("nobody is waited for where no edge lives", () => {
  const added = takeSites(at(0), { sites: sites(A), challenges: NONE, version: 1 }, 0);
  assert.deepEqual(names(releaseSites(added, progress({}), 0).rollout), ["a"]);
});

test("an edge that does not keep up is waited for so long, and named then", () => {
  const added = takeSites(at(0), { sites: sites(A), challenges: NONE, version: 1 }, 0);
  const slow = progress({ x: 1, y: 0 });
  assert.equal(releaseSites(added, slow, ROLLOUT_WAIT_MS - 1).released, 0);
  const { rollout, overdue } = releaseSites(added, slow, ROLLOUT_WAIT_MS);
  assert.deepEqual([names(rollout), overdue], [["a"], { version: 1, edges: ["y"] }]);
});

test("versions come to DNS in their order, also a removal behind an addition", () => {
  let rollout = takeSites(at(4, A), { sites: sites(A, B), challenges: NONE, version: 5 }, 0);
  rollout = takeSites(rollout, { sites: sites(B), challenges: NONE, version: 6 }, 1);
  assert.deepEqual(names(rollout), ["a"]);
  const first = releaseSites(rollout, progress({ x: 5 }), 2);
  assert.deepEqual([names(first.rollout), first.rollout.inForce.version], [["a", "b"], 5]);
  const both = releaseSites(rollout, progress({ x: 6 }), 2);
  assert.deepEqual([names(both.rollout), both.released], [["b"], 2]);
});

test("what says the same as before does not wait", () => {
  const same = takeSites(at(4, A), { sites: sites({ ...A }), challenges: NONE, version: 5 }, 0);
  assert.deepEqual([same.waiting, same.inForce.version], [[], 5]);
  const other = takeSites(
    same,
    { sites: sites({ ...A, answers: 2 }), challenges: NONE, version: 6 },
    0,
  );
  assert.equal(other.waiting.length, 1);
});

test("what waited is dropped with its log", () => {
  const added = takeSites(at(40, A), { sites: sites(A, B), challenges: NONE, version: 41 }, 0);
  const other = takeSites(added, { sites: sites(A), challenges: NONE, version: 1 }, 0);
  assert.deepEqual([names(other), other.inForce.version, other.waiting], [["a"], 1, []]);
});

test("what waits is bounded: the newest are taken together, and keep the place of the first", () => {
  let rollout = at(0);
  for (let version = 1; version <= WAITING_MAX + 5; version += 1) {
    const site = { ...A, answers: version };
    rollout = takeSites(rollout, { sites: sites(site), challenges: NONE, version }, version);
  }
  assert.equal(rollout.waiting.length, WAITING_MAX);
  const last = rollout.waiting.at(-1);
  assert.deepEqual([last?.version, last?.since], [WAITING_MAX + 5, WAITING_MAX]);
});

test("a router goes on without an edge that lives and never acknowledges, and says so", async (t) => {
  const clock = new FakeClock();
  const store = openEmbeddedState({ file: ":memory:", clock });
  t.after(() => store.close());
  const beat = { edge: "x", pop: "p", at: 0, run: "r", version: 0, connections: 0 } as const;
  const load = { bitsPerSecond: 0, requestsPerSecond: 0, storeBytes: 0, storeBytesMax: 0 };
  const heartbeat: Heartbeat = { ...beat, ...load, objects: 0 };
  await store.heartbeat(heartbeat, 10 * ROLLOUT_WAIT_MS);
  const warned: string[] = [];
  const follower = new SiteFollower({
    router: "r1",
    store,
    inForce: { sites: new Map(), challenges: NONE, version: 0 },
    initialSites: [],
    clock,
    log: { ...silentLogger, warn: ({ event }: { event: string }) => warned.push(event) } as never,
    isAnswered: (edge) => edge === "x",
    onView: () => undefined,
    onSites: () => undefined,
    onRelease: (result) => warned.push(result),
  });
  follower.start();
  await store.append({ kind: "site-put", site: A }, "test");
  await clock.advanceAsync(ROLLOUT_WAIT_MS - 1_000);
  const { rollout } = follower.report();
  assert.deepEqual([rollout.version, rollout.waiting, rollout.edges], [0, 1, ["x"]]);
  await clock.advanceAsync(2_000);
  assert.deepEqual(warned, ["rollout-overdue", "overdue"]);
  assert.equal(follower.report().rollout.version, 1);
  await store.append({ kind: "site-put", site: B }, "test");
  await clock.advanceAsync(100);
  assert.equal(follower.waiting, 1);
  await store.acknowledge(edgeNode("x"), 2);
  await clock.advanceAsync(100);
  assert.equal(follower.waiting, 0);
  const stopped = follower.stop();
  await clock.advanceAsync(100);
  await stopped;
});
