import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { silentLogger } from "../../../common/log.ts";
import { LoadKeeper } from "../../../router-dns/data/load-keeper.ts";
import { loadOf, type SmoothedLoad, smoothedLoad } from "../../../router-dns/load/measure.ts";
import { openEmbeddedState } from "../../../state/embedded.ts";
import type { LoadPlan } from "../../../state/records.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { fivePops, loadConfig } from "../support.ts";

const CAPACITY = 1e9;

function aBeat(edge: string, at: number, values: { cpu?: number; run?: string } = {}) {
  return {
    edge,
    pop: edge.slice(0, 3),
    at,
    run: "first",
    version: 1,
    connections: 0,
    bitsPerSecond: 0,
    requestsPerSecond: 0,
    storeBytes: 0,
    storeBytesMax: 1,
    objects: 0,
    ...values,
  };
}

describe("the load of an edge", () => {
  test("is its fullest part, and the processor only if it says so", () => {
    const edge = { capacity: CAPACITY };
    const beat = { ...aBeat("syd-1", 0), bitsPerSecond: 4e8, connections: 10, connectionsMax: 100 };
    assert.equal(loadOf(beat, edge), 0.4);
    assert.equal(loadOf({ ...beat, cpu: 0.7 }, edge), 0.7);
    assert.equal(loadOf({ ...beat, connections: 90 }, edge), 0.9);
  });

  test("is the mean at first, and half forgotten after four seconds later on", () => {
    let load: SmoothedLoad | undefined;
    for (const measured of [1, 0, 0, 0]) load = smoothedLoad(load, measured, 1);
    assert.equal(load?.load, 0.25);
    let old: SmoothedLoad | undefined = { load: 0.8, seconds: 100 };
    for (let second = 0; second < 4; second += 1) old = smoothedLoad(old, 0, 1);
    assert.ok(Math.abs((old?.load ?? 0) - 0.4) < 1e-9, JSON.stringify(old));
  });
});

/** Runs a keeper for some seconds of heartbeats; gives the plan in force after each. */
async function plansOf(
  cpuOf: (edge: string, second: number) => number,
  run?: string,
): Promise<readonly (LoadPlan | undefined)[]> {
  const clock = new FakeClock();
  const store = openEmbeddedState({ file: ":memory:", clock });
  const pops = fivePops({});
  const edges = pops.flatMap((pop) => pop.edges.map(({ name }) => name));
  let second = 0;
  const keeper = new LoadKeeper({
    router: "test",
    store,
    pops,
    settings: loadConfig(),
    ttlMs: 1_000,
    clock,
    log: silentLogger,
    heartbeats: () =>
      edges.map((edge) => {
        const restarted = run !== undefined && second >= 20 && edge === "fra-1";
        const cpu = cpuOf(edge, second);
        return aBeat(edge, clock.now(), { cpu, ...(restarted ? { run } : {}) });
      }),
    isUp: () => true,
    onChange: () => undefined,
  });
  keeper.start();
  const plans: (LoadPlan | undefined)[] = [];
  for (; second < 90; second += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    plans.push(keeper.state().plan);
    clock.advance(1_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  keeper.stop();
  await store.close();
  return plans;
}

const givesAway = (plan: LoadPlan | undefined) =>
  plan?.pops.some(({ sheds }) => sheds.length > 0) === true;

describe("an edge that starts", () => {
  test("is not full because its start takes the processor for two seconds", async () => {
    const plans = await plansOf((edge, second) => (edge === "fra-1" && second < 2 ? 1 : 0.05));
    assert.ok(plans.at(-1) !== undefined, "there is a plan in the end");
    assert.deepEqual(plans.filter(givesAway), []);
  });

  test("nor if the process is another one than before", async () => {
    const starts = (edge: string, second: number) =>
      edge === "fra-1" && second >= 20 && second < 22;
    const plans = await plansOf((edge, second) => (starts(edge, second) ? 1 : 0.3), "second");
    assert.deepEqual(plans.filter(givesAway), []);
  });

  test("is full if it stays so", async () => {
    const plans = await plansOf((edge) => (edge === "fra-1" ? 1 : 0.05));
    assert.ok(plans.some(givesAway));
  });
});
