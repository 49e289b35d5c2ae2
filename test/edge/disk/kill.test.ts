import assert from "node:assert/strict";
import { test } from "node:test";
import { tempDir } from "../../support/temp-dir.ts";
import { killRounds } from "./kill-rounds.ts";

/**
 * Each of the tests has two minutes: a hundred rounds and more where nothing else runs.
 * `bench/disk-kill.ts` goes on for thousands.
 */
const WITHIN_MS = 90_000;
const ROUNDS = 200;

/** Fewer say nothing, however busy the machine is. */
const ROUNDS_MIN = 10;

const MIB = 2 ** 20;

/** The same numbers each time. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 32;
  };
}

test("an edge that is killed again and again never serves a wrong byte, and keeps what it had", async (t) => {
  const limits = { rounds: ROUNDS, withinMs: WITHIN_MS };
  const load = { requests: 120, urls: 400, random: seeded(1) };
  const result = await killRounds(t, { folder: tempDir(t), ...limits, ...load });
  t.diagnostic(JSON.stringify({ ...result, startMs: undefined }));
  assert.deepEqual(result.wrong, []);
  assert.ok(result.rounds >= ROUNDS_MIN, `only ${result.rounds} rounds`);
  assert.ok(result.old > 100, `only ${result.old} objects were old enough`);
  assert.ok(result.survived >= 0.99 * result.old, `${result.survived} of ${result.old} survived`);
});

test("killed while its disk is full and makes room all the time, it never serves a wrong byte", async (t) => {
  const limits = { rounds: ROUNDS, withinMs: WITHIN_MS };
  const load = { requests: 240, urls: 2_000, random: seeded(2) };
  const room = { memoryBytes: 4 * MIB, diskBytes: 16 * MIB };
  const result = await killRounds(t, { folder: tempDir(t), ...limits, ...load, ...room });
  t.diagnostic(JSON.stringify({ ...result, startMs: undefined }));
  assert.deepEqual(result.wrong, []);
  assert.ok(result.rounds >= ROUNDS_MIN, `only ${result.rounds} rounds`);
  assert.ok(result.survived > 0, "nothing was ever found again");
});
