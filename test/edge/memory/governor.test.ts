import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { double, assert as forAll, integer, property, record } from "fast-check";
import {
  type GovernorState,
  governMemory,
  type MemoryFacts,
  mayCollect,
} from "../../../edge/memory/governor.ts";

const MIB = 2 ** 20;
const BUDGET = 256 * MIB;
const CALM: GovernorState = { exceededBytes: 0, besideBytesMin: 30 * MIB };

function facts(others: Partial<MemoryFacts>): MemoryFacts {
  return {
    residentBytes: 200 * MIB,
    scriptBytes: 130 * MIB,
    storeBytes: 100 * MIB,
    storeBytesMax: 100 * MIB,
    ...others,
  };
}

/** A process that has so much beside its store, in the four ways in which it can have it. */
interface Simulated {
  /** What it has from the start, and what requests under way take. */
  readonly baseBytes: number;
  readonly inFlightBytes: number;
  /** V8 lets garbage become so much before it collects by itself. */
  readonly garbageBytesMax: number;
  /** What is wanted to be stored in one step. */
  readonly storedPerStep: number;
  /** This share of what is given up stays resident and is used again. */
  readonly retainedShare: number;
}

/** Steps through the life of a process, and gives what was resident and allowed at each. */
function simulate(process: Simulated, steps: number): { resident: number[]; limits: number[] } {
  const { baseBytes, inFlightBytes, garbageBytesMax, storedPerStep, retainedShare } = process;
  let [store, limit, garbage, free] = [0, BUDGET, 0, 0];
  let state: GovernorState | undefined;
  const [resident, limits]: [number[], number[]] = [[], []];
  for (let step = 0; step < steps; step += 1) {
    const inFlight = Math.min(inFlightBytes, (inFlightBytes * step) / 20);
    const wanted = store + storedPerStep;
    garbage += storedPerStep + Math.max(0, wanted - limit);
    store = Math.min(wanted, limit);
    const collected = garbage > garbageBytesMax ? garbage : 0;
    garbage -= collected;
    const used = store + garbage + inFlight;
    free = Math.max(0, free + collected * retainedShare - storedPerStep * 2);
    const residentBytes = baseBytes + used + free;
    resident.push(residentBytes);
    const scriptBytes = 25 * MIB + used;
    const decision = governMemory(
      BUDGET,
      { residentBytes, scriptBytes, storeBytes: store, storeBytesMax: limit },
      state,
    );
    ({ state, storeBytesMax: limit } = decision);
    limits.push(limit);
    if (decision.collect) garbage = 0;
  }
  return { resident, limits };
}

suite("memory governor", () => {
  test("before anything is known the store gets a quarter of the room that is left", () => {
    const start = facts({ residentBytes: 100 * MIB, storeBytes: 0, storeBytesMax: BUDGET });
    const { storeBytesMax } = governMemory(BUDGET, start, undefined);
    assert.equal(storeBytesMax, Math.floor((BUDGET * 0.84 - 100 * MIB) / 4));
  });

  test("it grows into a part of the room, and not at all in the last sixth", () => {
    const grown = governMemory(BUDGET, facts({}), CALM).storeBytesMax;
    assert.ok(grown > 100 * MIB && grown < 102 * MIB, `${grown}`);
    for (const residentBytes of [BUDGET * 0.85, BUDGET * 0.89]) {
      assert.equal(governMemory(BUDGET, facts({ residentBytes }), CALM).storeBytesMax, 100 * MIB);
    }
  });

  test("a store that is not full keeps its limit", () => {
    assert.equal(governMemory(BUDGET, facts({ storeBytes: MIB }), CALM).storeBytesMax, 100 * MIB);
  });

  test("it shrinks by what the process has grown, once", () => {
    const over = facts({ residentBytes: BUDGET * 0.94 });
    const first = governMemory(BUDGET, over, CALM);
    assert.equal(first.storeBytesMax, Math.floor(100 * MIB - BUDGET * 0.04));
    const held = { storeBytes: first.storeBytesMax, storeBytesMax: first.storeBytesMax };
    const second = governMemory(BUDGET, { ...over, ...held }, first.state);
    assert.equal(second.storeBytesMax, first.storeBytesMax, "resident as before: nothing new");
    const more = { ...over, ...held, residentBytes: BUDGET * 0.94 + MIB };
    assert.equal(governMemory(BUDGET, more, second.state).storeBytesMax, held.storeBytes - MIB);
  });

  test("far above the budget it shrinks on and on, down to its least share", () => {
    let state: GovernorState | undefined = CALM;
    let storeBytesMax = 100 * MIB;
    for (let i = 0; i < 1_000; i += 1) {
      const over = facts({ residentBytes: 2 * BUDGET, storeBytesMax, storeBytes: storeBytesMax });
      ({ state, storeBytesMax } = governMemory(BUDGET, over, state));
    }
    assert.equal(storeBytesMax, BUDGET / 16);
  });

  test("garbage is collected when it is much and room is scarce", () => {
    const tight = { residentBytes: BUDGET * 0.95 };
    const much = { scriptBytes: 130 * MIB + BUDGET / 16 };
    assert.equal(governMemory(BUDGET, facts({ ...tight, ...much }), CALM).collect, true);
    assert.equal(governMemory(BUDGET, facts(much), CALM).collect, false);
    assert.equal(governMemory(BUDGET, facts(tight), CALM).collect, false);
  });

  test("what does not go away is taken for garbage only for a while", () => {
    let state: GovernorState | undefined = CALM;
    const same = facts({ residentBytes: BUDGET * 0.95, scriptBytes: 160 * MIB });
    const decisions: boolean[] = [];
    for (let i = 0; i < 1_000; i += 1) {
      const decision = governMemory(BUDGET, same, state);
      decisions.push(decision.collect);
      ({ state } = decision);
    }
    assert.equal(decisions.at(0), true);
    assert.equal(decisions.at(-1), false);
  });

  test("collecting takes no more than its share of the CPU time", () => {
    assert.equal(mayCollect({ sinceLast: 0, lastTook: 0 }), true);
    assert.equal(mayCollect({ sinceLast: 100, lastTook: 30 }), true);
    assert.equal(mayCollect({ sinceLast: 100, lastTook: 31 }), false);
  });

  test("whatever a process is like, it stays within its budget x 1.1 and comes to rest", () => {
    const process = record({
      baseBytes: integer({ min: 80 * MIB, max: 110 * MIB }),
      inFlightBytes: integer({ min: 0, max: 60 * MIB }),
      garbageBytesMax: integer({ min: MIB, max: 64 * MIB }),
      storedPerStep: integer({ min: 256_000, max: 6 * MIB }),
      retainedShare: double({ min: 0, max: 1, noNaN: true }),
    });
    forAll(
      property(process, (simulated) => {
        const { resident, limits } = simulate(simulated, 3_000);
        const worst = Math.max(...resident);
        assert.ok(worst <= BUDGET * 1.1, `${Math.round(worst / MIB)} MiB`);
        const last = limits.slice(-300);
        const swing = Math.max(...last) - Math.min(...last);
        assert.ok(swing <= BUDGET * 0.05, `the limit swings by ${Math.round(swing / MIB)} MiB`);
      }),
      { numRuns: 300 },
    );
  });
});
