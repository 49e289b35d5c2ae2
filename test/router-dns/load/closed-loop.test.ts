import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { World, type WorldOptions } from "./world.ts";

/** Numbers from 0 to 1, always the same ones (a linear congruential generator). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const USUAL: WorldOptions = {
  pops: 10,
  edgesPerPop: 2,
  networks: 250,
  demand: (pop) => (pop === 4 ? 3 : 0.35),
  ttlSeconds: 20,
  heartbeatDelay: 2,
  sessionSeconds: 5,
  settleMs: 50_000,
  target: 0.8,
  noise: 0.03,
  answers: 4,
  sites: 50,
  random: seeded(1),
};

const MINUTE = 60;
const HOUR = 60 * MINUTE;

/** The worst load of an edge over the mean of all edges that carry clients of one PoP. */
function worstOverMean(world: World, home: number): number {
  const loads = world.loads();
  const sharing = world.sharing(home).flatMap((pop) => loads[pop] ?? []);
  const mean = sharing.reduce((sum, load) => sum + load, 0) / sharing.length;
  return Math.max(...sharing) / mean;
}

function run(world: World, seconds: number, each?: (second: number) => void): void {
  for (let second = 0; second < seconds; second += 1) {
    world.tick();
    each?.(second);
  }
}

/** A day of one region: from a quarter of its capacity at night to three times of it and back. */
function dayOfDemand(second: number): number {
  return 0.25 + 2.75 * Math.sin((Math.PI * second) / (6 * HOUR)) ** 2;
}

describe("a region with three times its capacity, in a closed loop", () => {
  for (const [title, options] of [
    ["ten PoPs", USUAL],
    ["sessions that last", { ...USUAL, sessionSeconds: 60, random: seeded(2) }],
    [
      "many edges, and sites on few of them",
      {
        ...USUAL,
        edgesPerPop: 4,
        answers: 2,
        sites: 2_000,
        random: seeded(3),
      },
    ],
  ] as const) {
    test(`${title}: nobody above 1.25 of the mean, for hours, and no answer changes hastily`, () => {
      const world = new World(options);
      run(world, 20 * MINUTE);
      world.takeReport();
      let worst = 0;
      let fullest = 0;
      run(world, 2 * HOUR, () => {
        worst = Math.max(worst, worstOverMean(world, 4));
        fullest = Math.max(fullest, ...world.loads().flat());
      });
      const { hasty, changes } = world.takeReport();
      assert.ok(worst <= 1.25, `worst over mean ${worst}`);
      assert.ok(fullest <= 1, `fullest ${fullest}`);
      assert.equal(hasty, 0);
      const networks = options.pops * options.networks;
      assert.ok(changes / networks < 4, `${changes} changes of ${networks} networks in two hours`);
    });
  }

  test("without spreading the region's own PoP has all of it", () => {
    const world = new World({ ...USUAL, target: 1_000, random: seeded(4) });
    run(world, 10 * MINUTE);
    assert.ok(Math.max(...(world.loads()[4] ?? [])) > 2.5);
    assert.deepEqual(world.sharing(4), [4]);
  });
});

test("demand that comes and goes: nobody is full, and all come back when there is room", () => {
  const options = { ...USUAL, random: seeded(5) };
  const world = new World({
    ...options,
    demand: (pop, second) => (pop === 4 ? dayOfDemand(second) : 0.35),
  });
  let fullest = 0;
  run(world, 6 * HOUR, () => {
    fullest = Math.max(fullest, ...world.loads().flat());
  });
  assert.ok(fullest <= 1, `fullest ${fullest}`);
  const { hasty, changes } = world.takeReport();
  assert.equal(hasty, 0);
  assert.ok(changes > 0);
  run(world, 30 * MINUTE);
  assert.deepEqual(world.sharing(4), [4]);
  assert.deepEqual(
    world.plan()?.pops.flatMap(({ sheds }) => sheds),
    [],
  );
});

test("a crowd that comes at once is spread within two changes", () => {
  const world = new World({
    ...USUAL,
    demand: (pop, second) => (pop === 4 ? (second < 10 * MINUTE ? 0.4 : 3) : 0.35),
    random: seeded(6),
  });
  run(world, 10 * MINUTE);
  assert.deepEqual(world.sharing(4), [4]);
  run(world, 2 * 50 + 20 + 3 * USUAL.sessionSeconds);
  assert.ok(worstOverMean(world, 4) <= 1.25, `worst over mean ${worstOverMean(world, 4)}`);
  assert.ok(Math.max(...world.loads().flat()) <= 1);
});
