import assert from "node:assert/strict";
import { test } from "node:test";
import { tempDir } from "../../support/temp-dir.ts";
import { killRounds } from "./kill-rounds.ts";

/** The whole test has two minutes; `bench/disk-kill.ts` goes on for thousands of rounds. */
const WITHIN_MS = 80_000;

test("an edge that is killed again and again never serves a wrong byte, and keeps what it had", async (t) => {
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 32;
  };
  const folder = tempDir(t);
  const options = { folder, rounds: 200, withinMs: WITHIN_MS, requests: 120, urls: 400, random };
  const result = await killRounds(t, options);
  t.diagnostic(JSON.stringify({ ...result, startMs: undefined }));
  assert.deepEqual(result.wrong, []);
  assert.ok(result.rounds >= 10, `only ${result.rounds} rounds`);
  assert.ok(result.old > 100, `only ${result.old} objects were old enough`);
  assert.ok(result.survived >= 0.99 * result.old, `${result.survived} of ${result.old} survived`);
});
