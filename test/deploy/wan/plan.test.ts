import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parsePlan, regionOf, roundTripMs } from "../../../deploy/wan/plan.ts";
import { REPOSITORY } from "../../support/process.ts";

const PLAN = `
regions:
  a: { title: A, networks: [10.0.1.0/24] }
  b: { title: B, networks: [10.0.2.0/24, 10.0.3.0/24] }
roundTripMs: { a: { b: 100 } }
insideRegionMs: 1
`;

test("the distance of a pair is the same in both directions", () => {
  const plan = parsePlan(PLAN);
  assert.ok(plan.ok);
  assert.equal(roundTripMs(plan.value, "a", "b"), 100);
  assert.equal(roundTripMs(plan.value, "b", "a"), 100);
  assert.equal(roundTripMs(plan.value, "b", "b"), 1);
  assert.equal(roundTripMs(plan.value, undefined, "b"), 1);
});

test("an address belongs to the region that has its network", () => {
  const plan = parsePlan(PLAN);
  assert.ok(plan.ok);
  assert.equal(regionOf(plan.value, "10.0.1.255"), "a");
  assert.equal(regionOf(plan.value, "::ffff:10.0.3.1"), "b");
  assert.equal(regionOf(plan.value, "10.0.4.1"), undefined);
  assert.equal(regionOf(plan.value, "nonsense"), undefined);
});

const BROKEN = [
  [PLAN.replace("{ a: { b: 100 } }", "{}"), "roundTripMs: a to b is missing"],
  [PLAN.replace("{ b: 100 }", "{ c: 100 }"), "roundTripMs.a.c: not a pair of two regions"],
  [
    PLAN.replace("{ a: { b: 100 } }", "{ a: { b: 100 }, b: { a: 90 } }"),
    "roundTripMs.a.b: is also given as roundTripMs.b.a",
  ],
  [`${PLAN}vantages: [{ region: c, listen: 0.0.0.0:1 }]`, "vantages.0.region: no region c"],
  [PLAN.replace("100", "-1"), "roundTripMs.a.b: Too small"],
  [`${PLAN}extra: 1`, 'Unrecognized key: "extra"'],
  ["regions: [", "Flow sequence"],
] as const;

for (const [text, expected] of BROKEN) {
  test(`a broken plan says: ${expected}`, () => {
    const plan = parsePlan(text);
    assert.ok(!plan.ok);
    assert.ok(
      plan.error.some((problem) => problem.includes(expected)),
      plan.error.join("\n"),
    );
  });
}

test("the plan of the compose file is sound", () => {
  const plan = parsePlan(readFileSync(join(REPOSITORY, "deploy/compose/wan.yaml"), "utf8"));
  assert.ok(plan.ok, plan.ok ? "" : plan.error.join("\n"));
  assert.equal(Object.keys(plan.value.regions).length, 5);
  assert.equal(roundTripMs(plan.value, "iad", "syd"), 200);
});
