import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { noRecords, recordMaps } from "../../state/certificates.ts";
import type { Change } from "../../state/change.ts";
import {
  CUT_OFF_AFTER_MS,
  type FollowEvent,
  type FollowState,
  follow,
  nextQuestion,
  SETTLE_MS,
  startFollowing,
  statusAt,
} from "../../state/follow-machine.ts";
import type { Snapshot } from "../../state/records.ts";
import type { ChangePage } from "../../state/store.ts";
import { aSite } from "../contract/state-contract.ts";

const initial = {
  epoch: "",
  version: 0,
  sites: new Map([["a", aSite("a")]]),
  drained: new Set<string>(),
  tokens: new Map(),
  ...recordMaps(noRecords()),
};
const starting = startFollowing(initial, 0);

function drain(version: number): Change {
  return { version, at: 0, by: "t", body: { kind: "drain", edge: `edge-${version}` } };
}

function page(from: number, to: number, more: Partial<ChangePage> = {}): ChangePage {
  const changes = Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => drain(from + i));
  return { changes, complete: true, epoch: "e1", head: to, mark: `m${to}`, ...more };
}

function snapshot(version: number, more: Partial<Snapshot> = {}): Snapshot {
  const sites = [aSite("b")];
  const nothing = { drained: [], tokens: [], ...noRecords() };
  return { epoch: "e1", version, mark: `m${version}`, sites, ...nothing, ...more };
}

function run(state: FollowState, ...events: FollowEvent[]): FollowState {
  return events.reduce((before, event) => follow(before, event).state, state);
}

const seen = (value: Snapshot, at = 10): FollowEvent => ({ kind: "snapshot", snapshot: value, at });
const paged = (value: ChangePage, at = 20): FollowEvent => ({ kind: "page", page: value, at });
const failed = (at: number): FollowEvent => ({ kind: "failed", at });

const current = run(starting, seen(snapshot(5)));

describe("first contact", () => {
  test("before it the configuration is in force and the snapshot is asked for", () => {
    assert.deepEqual([starting.status, starting.view], ["starting", initial]);
    assert.equal(nextQuestion(starting, 0), "snapshot");
  });
  test("failures leave it starting, however long they last", () => {
    assert.deepEqual(run(starting, failed(1e6)), starting);
  });
  test("the snapshot replaces the configured sites; stored objects may be purged", () => {
    const step = follow(starting, seen(snapshot(5)));
    assert.deepEqual(step.replaced, { historyLost: true });
    assert.deepEqual([step.state.status, step.state.view.version], ["current", 5]);
    assert.deepEqual([...step.state.view.sites.keys()], ["b"]);
    assert.equal(nextQuestion(step.state, 10), "changes");
  });
  test("an empty store leaves the configured sites in force", () => {
    const state = run(starting, seen(snapshot(0, { sites: [] })));
    assert.deepEqual([...state.view.sites.keys()], ["a"]);
    assert.deepEqual([state.status, state.view.epoch, state.view.version], ["current", "e1", 0]);
  });
});

describe("in step", () => {
  test("changes are applied in order, and the view follows", () => {
    const step = follow(current, paged(page(6, 8)));
    assert.deepEqual(
      step.applied.map(({ change, view }) => [change.version, view.version]),
      [
        [6, 6],
        [7, 7],
        [8, 8],
      ],
    );
    assert.deepEqual([step.state.status, step.state.mark, step.again], ["current", "m8", false]);
    assert.deepEqual([...step.state.view.drained], ["edge-6", "edge-7", "edge-8"]);
  });
  test("an empty page is a sign of life and nothing else", () => {
    const step = follow(current, paged(page(6, 5)));
    assert.deepEqual([step.applied, step.replaced, step.again], [[], undefined, false]);
    assert.deepEqual(step.state, { ...current, contactAt: 20 });
  });
  test("a page that ends before the head is catching up, and asks for more at once", () => {
    const step = follow(current, paged(page(6, 8, { head: 20 })));
    assert.deepEqual(
      [step.state.status, step.state.view.version, step.again],
      ["catching-up", 8, true],
    );
    assert.equal(run(step.state, paged(page(9, 20))).status, "current");
  });
});

const BREAKS: readonly (readonly [string, ChangePage])[] = [
  ["another epoch", page(6, 8, { epoch: "e2" })],
  ["a trimmed log or another mark", page(6, 5, { complete: false, head: 30 })],
  ["a log that is behind us", page(1, 0, { head: 3 })],
  ["a first change that is not the next", page(7, 8)],
  ["a repeated change", page(5, 8)],
  ["a gap inside the page", page(6, 9, { changes: [drain(6), drain(8), drain(9)] })],
  ["changes that exist but were not given", page(6, 5, { head: 9 })],
];

describe("a log that cannot be continued", () => {
  for (const [title, value] of BREAKS) {
    test(`${title}: nothing is applied, a snapshot is asked for, history is lost`, () => {
      const step = follow(current, paged(value));
      assert.deepEqual([step.applied, step.replaced, step.again], [[], undefined, true]);
      assert.deepEqual([step.state.status, step.state.view], ["catching-up", current.view]);
      assert.equal(nextQuestion(step.state, 20), "snapshot");
      const after = follow(step.state, seen(snapshot(9, { epoch: "e2" }), 30));
      assert.deepEqual(after.replaced, { historyLost: true });
      assert.deepEqual([after.state.status, after.state.view.version], ["current", 9]);
    });
  }
  test("a store that lost everything leaves the last good view in force", () => {
    const broken = run(current, paged(page(1, 0, { epoch: "e2", head: 0 })));
    const step = follow(broken, seen(snapshot(0, { epoch: "e2", sites: [] }), 30));
    assert.deepEqual(step.replaced, { historyLost: true });
    assert.deepEqual([...step.state.view.sites.keys()], ["b"]);
    assert.deepEqual([step.state.view.epoch, step.state.view.version], ["e2", 0]);
  });
});

describe("a lost store", () => {
  const justBefore = failed(10 + CUT_OFF_AFTER_MS - 1);
  const cutOff = run(current, failed(10 + CUT_OFF_AFTER_MS));
  test("one missed answer is nothing; a while without any is cut off", () => {
    assert.equal(run(current, justBefore).status, "current");
    assert.equal(cutOff.status, "cut-off");
    assert.equal(cutOff.view, current.view);
  });
  test("back again, it is current only with everything applied", () => {
    assert.equal(run(cutOff, paged(page(6, 7, { head: 9 }), 9_000)).status, "catching-up");
    assert.equal(run(cutOff, paged(page(6, 9), 9_000)).status, "current");
    assert.equal(
      run(cutOff, paged(page(1, 0, { epoch: "e2", head: 0 }), 9_000)).status,
      "catching-up",
    );
  });
  test("lost while catching up is cut off too", () => {
    const behind = run(current, paged(page(6, 7, { head: 9 }), 20));
    assert.equal(run(behind, failed(20 + CUT_OFF_AFTER_MS)).status, "cut-off");
  });
});

describe("a view that was kept from before the log", () => {
  const kept = run(starting, seen(snapshot(0, { sites: [] })));
  const put = (version: number, name: string): Change => ({
    version,
    at: 0,
    by: "config",
    body: { kind: "site-put", site: aSite(name) },
  });
  const seeded = run(kept, paged(page(1, 2, { changes: [put(1, "b"), put(2, "c")] }), 100));
  test("keeps its sites while the store is seeded", () => {
    assert.deepEqual([...seeded.view.sites.keys()], ["a", "b", "c"]);
    assert.equal(nextQuestion(seeded, 100 + SETTLE_MS - 1), "changes");
  });
  test("is replaced by what the log says once that is quiet; no purge was missed", () => {
    assert.equal(nextQuestion(seeded, 100 + SETTLE_MS), "snapshot");
    const says = snapshot(2, { sites: [aSite("b"), aSite("c")] });
    const step = follow(seeded, seen(says, 5_000));
    assert.deepEqual(step.replaced, { historyLost: false });
    assert.deepEqual([...step.state.view.sites.keys()], ["b", "c"]);
    assert.equal(nextQuestion(step.state, 1e9), "changes");
  });
  test("is not replaced by a snapshot of another version: purges would be skipped", () => {
    const step = follow(seeded, seen(snapshot(3), 5_000));
    assert.deepEqual([step.replaced, step.state.view], [undefined, seeded.view]);
    assert.deepEqual([step.again, nextQuestion(step.state, 5_000)], [true, "changes"]);
  });
  test("keeps its sites also when a purge was quicker than whoever seeds the log", () => {
    const other = paged(page(1, 1, { epoch: "another" }), 5);
    const purged = run(current, other, seen(snapshot(1, { epoch: "another", sites: [] })));
    assert.deepEqual([...purged.view.sites.keys()], [...current.view.sites.keys()]);
    assert.deepEqual([purged.view.version, purged.view.epoch], [1, "another"]);
    assert.equal(nextQuestion(purged, SETTLE_MS - 1), "changes");
    assert.equal(nextQuestion(purged, SETTLE_MS + 1_000), "snapshot");
    const settled = run(purged, seen(snapshot(1, { epoch: "another", sites: [] }), 5_000));
    assert.equal(settled.view.sites.size, 0, "the log has had its time");
  });
  test("stays for as long as nobody has seeded the store", () => {
    assert.equal(nextQuestion(kept, 1e9), "changes");
  });
});

test("a process that slept does not take its view for current", () => {
  assert.equal(statusAt(current, 10 + 3_000, 3_000), "current");
  assert.equal(statusAt(current, 10 + 3_001, 3_000), "catching-up");
  const cutOff = run(current, failed(10 + CUT_OFF_AFTER_MS));
  assert.equal(statusAt(cutOff, 1e9, 3_000), "cut-off");
});

describe("following on from where an earlier process was", () => {
  const from = { epoch: "e1", version: 3, mark: "m3" };
  const resuming = startFollowing(initial, 0, from);

  test("begins with the snapshot; if the log has not moved, nothing has been missed", () => {
    assert.equal(nextQuestion(resuming, 0), "snapshot");
    const step = follow(resuming, seen(snapshot(3)));
    assert.deepEqual(step.replaced, { historyLost: false });
    assert.deepEqual([step.state.status, step.state.view.version], ["current", 3]);
    assert.deepEqual([...step.state.view.sites.keys()], ["b"]);
  });
  test("hands over what came meanwhile, with the sites of the log in force, then is current", () => {
    const step = follow(resuming, seen(snapshot(5)));
    assert.deepEqual(step.replaced, { historyLost: false });
    assert.deepEqual([step.again, step.state.status], [true, "starting"]);
    assert.deepEqual([...step.state.view.sites.keys()], ["b"]);
    assert.equal(nextQuestion(step.state, 10), "changes");
    const next = follow(step.state, paged(page(4, 5)));
    assert.deepEqual(
      next.applied.map(({ change }) => change.version),
      [4, 5],
    );
    assert.deepEqual([next.state.status, next.state.view.version], ["current", 5]);
  });
  const lost: readonly (readonly [string, Snapshot])[] = [
    ["another log", snapshot(5, { epoch: "e2" })],
    ["a log that is shorter", snapshot(2)],
    ["a log that grew anew", snapshot(3, { mark: "other" })],
  ];
  for (const [title, value] of lost) {
    test(`${title}: the history is lost`, () => {
      const step = follow(resuming, seen(value));
      assert.deepEqual(step.replaced, { historyLost: true });
      assert.deepEqual([step.state.status, step.again], ["current", false]);
    });
  }
  test("a log that was cut behind it: the history is lost", () => {
    const step = follow(run(resuming, seen(snapshot(9))), paged(page(7, 9, { complete: false })));
    assert.equal(nextQuestion(step.state, 20), "snapshot");
    assert.deepEqual(follow(step.state, seen(snapshot(9))).replaced, { historyLost: true });
  });
});
