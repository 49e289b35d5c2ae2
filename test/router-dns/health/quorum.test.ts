import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { type EdgeHealth, newEdgeHealth } from "../../../router-dns/health/board.ts";
import { type QuorumInput, type Sight, verdicts } from "../../../router-dns/health/quorum.ts";

const EDGES = ["a", "b", "c", "d"];

function health(sight: Sight, drained = false): EdgeHealth {
  return { ...newEdgeHealth(1, drained), probed: sight, detail: "seen" };
}

const all = (sight: Sight) => new Map(EDGES.map((edge) => [edge, sight]));
const probes = (sees: ReadonlyMap<string, Sight>) =>
  new Map([...sees].map(([edge, sight]) => [edge, health(sight)]));

function input(own: ReadonlyMap<string, Sight>, given: Partial<QuorumInput> = {}): QuorumInput {
  const others = given.others ?? [];
  return {
    own: "r1",
    probed: probes(own),
    others,
    members: others.length + 1,
    alive: new Map(),
    before: probes(all("up")),
    togetherMs: 3_500,
    now: 10_000,
    ...given,
  };
}

function outcome(given: QuorumInput): readonly [string, ...Sight[]] {
  const { state, health: decided } = verdicts(given);
  return [state, ...EDGES.map((edge) => decided.get(edge)?.probed ?? "unknown")];
}

const other = (vantage: string, sees: ReadonlyMap<string, Sight>) => ({ vantage, sees });
const UP = ["up", "up", "up", "up"];
const DOWN = ["down", "down", "down", "down"];

describe("three routers", () => {
  const [up, down] = [all("up"), all("down")];

  test("one that sees nothing changes nothing, neither here nor there", () => {
    const here = input(down, { others: [other("r2", up), other("r3", up)] });
    assert.deepEqual(outcome(here), ["majority", ...UP]);
    const there = input(up, { others: [other("r2", down), other("r3", up)] });
    assert.deepEqual(outcome(there), ["majority", ...UP]);
  });

  test("two of them change everything, everywhere", () => {
    for (const [own, second, third] of [
      [up, down, down],
      [down, up, down],
      [down, down, up],
    ] as const) {
      const given = input(own, { others: [other("r2", second), other("r3", third)] });
      assert.deepEqual(outcome(given), ["majority", ...DOWN]);
    }
  });

  test("who cannot tell does not vote", () => {
    const given = input(down, { others: [other("r2", all("unknown")), other("r3", new Map())] });
    assert.deepEqual(outcome(given), ["majority", ...DOWN]);
    const nobody = input(all("unknown"), { others: [other("r2", all("unknown"))] });
    assert.deepEqual(outcome(nobody)[1], "unknown");
  });
});

describe("two routers that disagree", () => {
  const given = { others: [other("r2", all("up"))] };

  test("the edge's heartbeat decides, and without one the verdict before", () => {
    const alive = new Map([
      ["a", true],
      ["b", false],
    ]);
    const before = probes(new Map<string, Sight>([...all("up"), ["d", "down"]]));
    const result = outcome(input(all("down"), { ...given, alive, before }));
    assert.deepEqual(result, ["majority", "up", "down", "up", "down"]);
  });

  test("a heartbeat never beats what a majority sees", () => {
    const dead = new Map(EDGES.map((edge) => [edge, false]));
    assert.deepEqual(outcome(input(all("up"), { ...given, alive: dead })), ["majority", ...UP]);
    const living = new Map(EDGES.map((edge) => [edge, true]));
    const both = input(all("down"), { others: [other("r2", all("down"))], alive: living });
    assert.deepEqual(outcome(both), ["majority", ...DOWN]);
  });
});

describe("a router that hears no majority", () => {
  test("trusts itself about a few edges", () => {
    const own = new Map<string, Sight>([...all("up"), ["c", "down"], ["d", "down"]]);
    const result = outcome(input(own, { members: 3 }));
    assert.deepEqual(result, ["alone", "up", "up", "down", "down"]);
  });

  test("changes nothing when more than half seem gone: it is likelier gone itself", () => {
    const own = new Map<string, Sight>([...all("down"), ["a", "up"]]);
    const before = probes(new Map<string, Sight>([...all("up"), ["b", "down"]]));
    const result = outcome(input(own, { members: 3, before }));
    assert.deepEqual(result, ["frozen", "up", "down", "up", "up"]);
  });

  test("nor does the first that fell in the same outage, when nobody knew that it was one", () => {
    const longAgo = probes(new Map<string, Sight>([...all("up"), ["a", "down"], ["b", "down"]]));
    const before = new Map(longAgo).set("a", { ...health("down"), since: 9_000 });
    const first = input(all("down"), { members: 3, before });
    assert.deepEqual(outcome(first), ["frozen", "up", "down", "up", "up"]);
    const later = { ...first, now: 60_000, before: verdicts(first).health };
    assert.deepEqual(outcome(later), ["frozen", "up", "down", "up", "up"]);
  });

  test("an only router is a majority of one", () => {
    assert.deepEqual(outcome(input(all("down"))), ["majority", ...DOWN]);
  });
});

test("draining is not put to the vote", () => {
  const probed = new Map([["a", health("up", true)]]);
  const given = input(new Map(), { probed, others: [other("r2", all("down"))] });
  assert.equal(verdicts(given).health.get("a")?.drained, true);
});

test("all routers that see the same reports come to the same verdict", () => {
  const sight = fc.constantFrom<Sight>("up", "down", "unknown");
  const sees = fc.array(sight, { minLength: 4, maxLength: 4 });
  const property = fc.property(fc.array(sees, { minLength: 3, maxLength: 5 }), (rows) => {
    const named = rows.map((row, i) =>
      other(`r${i}`, new Map(EDGES.map((edge, e) => [edge, row[e] ?? "unknown"]))),
    );
    const results = named.map(({ vantage, sees: own }) =>
      outcome(input(own, { own: vantage, others: named.filter((one) => one.vantage !== vantage) })),
    );
    for (const result of results) assert.deepEqual(result, results[0]);
  });
  fc.assert(property);
});

test("the moment of a verdict is when it changed, not when it was confirmed", () => {
  const others = [other("r2", all("down"))];
  const first = verdicts(input(all("down"), { others, now: 50 }));
  assert.equal(first.health.get("a")?.since, 50);
  const again = verdicts(input(all("down"), { others, before: first.health, now: 60 }));
  assert.equal(again.health.get("a")?.since, 50);
});
