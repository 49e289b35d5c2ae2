import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  type EdgeHealth,
  type HealthEvent,
  lastGood,
  newEdgeHealth,
  nextHealth,
  visibleHealth,
} from "../../../router-dns/health/board.ts";

const HYSTERESIS = { rise: 2, fall: 3 };

/** Applies one event per letter: `+` works, `-` fails, `d` drain, `u` undrain; 1 s apart. */
function run(letters: string, start = newEdgeHealth(0, false)): EdgeHealth {
  let health = start;
  let number = health.lastProbe;
  let at = health.since;
  for (const letter of letters) {
    at += 1000;
    health = nextHealth(health, toEvent(letter, (number += 1), at), HYSTERESIS);
  }
  return health;
}

function toEvent(letter: string, number: number, at: number): HealthEvent {
  if (letter === "d" || letter === "u") return { kind: letter === "d" ? "drain" : "undrain", at };
  return { kind: "probe", number, works: letter === "+", detail: letter, at };
}

for (const [letters, expected] of [
  ["", "unknown"],
  ["+", "up"],
  ["-", "down"],
  ["+--", "up"],
  ["+---", "down"],
  ["+--+--", "up"],
  ["-+", "down"],
  ["-++", "up"],
  ["-+-+", "down"],
  ["d", "draining"],
  ["du", "unknown"],
  ["+d---u", "down"],
  ["+d---", "draining"],
] as const) {
  test(`after "${letters}" an edge is ${expected}`, () => {
    assert.equal(visibleHealth(run(letters)), expected);
  });
}

test("since is when what can be seen last changed", () => {
  assert.equal(run("+--").since, 1000);
  assert.equal(run("+---").since, 4000);
  assert.equal(run("+---d-").since, 5000);
  assert.equal(run("+d---").since, 2000);
});

test("a probe that started before another that counted changes nothing", () => {
  const up = run("+++");
  const late: HealthEvent = { kind: "probe", number: 2, works: false, detail: "late", at: 9000 };
  assert.equal(nextHealth(up, late, HYSTERESIS), up);
});

test("no sequence of events turns an edge over faster than rise and fall allow", () => {
  const letters = fc.string({ unit: fc.constantFrom("+", "-"), minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(letters, (sequence) => {
      let health = newEdgeHealth(0, false);
      for (const [index, letter] of sequence.split("").entries()) {
        const before = health.probed;
        health = nextHealth(health, toEvent(letter, index + 1, index), HYSTERESIS);
        if (before === "unknown" || before === health.probed) continue;
        const needed = health.probed === "down" ? "---" : "++";
        assert.ok(sequence.slice(0, index + 1).endsWith(needed));
      }
      if (/^.+---$/.test(sequence)) assert.equal(health.probed, "down");
      if (/^.+\+\+$/.test(sequence)) assert.equal(health.probed, "up");
    }),
  );
});

test("the last that were up: the last to go down, and those of the minute before it", () => {
  const down = (since: number, drained = false): EdgeHealth => ({
    ...newEdgeHealth(since, drained),
    probed: "down",
  });
  const health = new Map([
    ["early", down(1_000)],
    ["late", down(50_000)],
    ["last", down(100_000)],
    ["drained", down(100_000, true)],
    ["up", { ...down(100_000), probed: "up" as const }],
  ]);
  assert.deepEqual([...lastGood(health)], ["late", "last"]);
  assert.deepEqual([...lastGood(new Map())], []);
});
