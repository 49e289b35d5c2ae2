import assert from "node:assert/strict";
import { test } from "node:test";
import { runLanes } from "./lanes.ts";
import { fuzzCount, fuzzSeed, Seeded } from "./seeded.ts";

const SEED = fuzzSeed();
const PACKETS = fuzzCount(200_000);
const RUNS = 5;

test(`both lanes give the same octets: ${PACKETS} packets, FUZZ_SEED=${SEED}`, () => {
  const random = new Seeded(SEED);
  let inPlace = 0;
  for (let run = 0; run < RUNS; run += 1) {
    const seen = runLanes(Math.ceil(PACKETS / RUNS), random, SEED);
    assert.equal(seen.problem, undefined);
    inPlace += seen.inPlace;
  }
  assert.ok(inPlace > PACKETS / 4, `only ${inPlace} of ${PACKETS} were answered in place`);
});
