import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { silentLogger } from "../../common/log.ts";
import type { View } from "../../state/apply.ts";
import type { ChangeBody } from "../../state/change.ts";
import { Follower, POLL_MS } from "../../state/follower.ts";
import { aSite } from "../contract/state-contract.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { type ModelMode, ModelStore } from "./model-store.ts";

/** What the world does between two looks at the follower. */
type Step =
  | { readonly kind: "append"; readonly bodies: readonly ChangeBody[] }
  | { readonly kind: "mode"; readonly mode: ModelMode }
  | { readonly kind: "announces"; readonly announces: boolean }
  | { readonly kind: "pass"; readonly ms: number }
  | { readonly kind: "trim"; readonly kept: number }
  | { readonly kind: "lose-newest"; readonly count: number; readonly regrown: number }
  | { readonly kind: "lose-all" };

const siteName = fc.constantFrom("a", "b", "c");
const edgeName = fc.constantFrom("syd-1", "fra-1");
const body: fc.Arbitrary<ChangeBody> = fc.oneof(
  fc.record({
    kind: fc.constant("site-put" as const),
    site: fc
      .tuple(siteName, fc.integer({ min: 1, max: 9 }))
      .map(([name, port]) => aSite(name, port)),
  }),
  fc.record({ kind: fc.constant("site-remove" as const), site: siteName }),
  fc.record({ kind: fc.constant("purge-all" as const), site: siteName }),
  fc.record({ kind: fc.constant("drain" as const), edge: edgeName }),
  fc.record({ kind: fc.constant("undrain" as const), edge: edgeName }),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      bodies: fc.array(body, { minLength: 1, maxLength: 5 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("pass" as const),
      ms: fc.integer({ min: 1, max: 4_000 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("mode" as const),
      mode: fc.constantFrom<ModelMode>("up", "refuses", "hangs"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("announces" as const), announces: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("trim" as const),
      kept: fc.integer({ min: 0, max: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("lose-newest" as const),
      count: fc.integer({ min: 1, max: 4 }),
      regrown: fc.integer({ min: 0, max: 6 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("lose-all" as const) }) },
);

/** The follower under test, the store it follows, and what must always be true of the two. */
class Simulation {
  readonly clock = new FakeClock();
  readonly store = new ModelStore(this.clock);
  readonly follower: Follower;
  /** Changes that the follower has neither been given nor been told to count as missed. */
  readonly owed = new Set<string>();
  /** Every view that any log ever stood for, by epoch and version. */
  readonly #possible = new Map<string, View[]>();
  #version = 0;

  constructor() {
    this.follower = new Follower({
      store: this.store.asStore(),
      node: "edge",
      initialSites: [],
      log: silentLogger,
      clock: this.clock,
      onChange: (change, view) => {
        assert.equal(change.version, this.#version + 1, "in order, once, without gaps");
        assert.equal(view.version, change.version);
        assert.notEqual(
          this.follower.status(),
          "cut-off",
          "handed over while not serving as current",
        );
        assert.equal(
          this.follower.view().version,
          this.#version,
          "not visible before it is applied",
        );
        this.#version = change.version;
        this.owed.delete(change.by);
        this.#check(view);
      },
      onSnapshot: (view, historyLost) => {
        if (historyLost) this.owed.clear();
        else assert.equal(view.version, this.#version, "no version is skipped silently");
        this.#version = view.version;
        this.#check(view);
      },
    });
    this.append([{ kind: "site-put", site: aSite("first") }]);
    this.follower.start();
  }

  append(bodies: readonly ChangeBody[]): void {
    for (const one of bodies) {
      this.owed.add(this.store.appendNow(one).by);
      const view = this.store.head();
      const key = `${view.epoch}/${view.version}`;
      this.#possible.set(key, [...(this.#possible.get(key) ?? []), view]);
    }
  }

  async run(one: Step): Promise<void> {
    switch (one.kind) {
      case "append":
        this.append(one.bodies);
        break;
      case "mode":
        this.store.mode = one.mode;
        break;
      case "announces":
        this.store.announces = one.announces;
        break;
      case "pass":
        await this.clock.advanceAsync(one.ms);
        this.#check(this.follower.view());
        this.#checkAcknowledged();
        if (one.ms > 2_600 && this.store.mode !== "up")
          assert.notEqual(this.follower.status(), "current");
        break;
      case "trim":
        this.store.trim(one.kept);
        break;
      case "lose-newest": {
        const count = Math.min(one.count, this.store.head().version - 1);
        for (const by of this.store.loseNewest(count)) this.owed.delete(by);
        // Grown again before anybody could look: other changes under the versions of the lost ones.
        this.append(Array.from({ length: one.regrown }, () => ({ kind: "purge-all", site: "a" })));
        break;
      }
      case "lose-all":
        this.store.loseAll();
        this.owed.clear();
        this.append([{ kind: "site-put", site: aSite("again") }]);
        break;
    }
  }

  async finish(): Promise<void> {
    this.store.mode = "up";
    await this.clock.advanceAsync(2_000);
    assert.equal(this.follower.status(), "current");
    assert.equal(this.follower.lag(), 0);
    assert.deepEqual(this.follower.view(), this.store.head());
    assert.deepEqual([...this.owed], [], "every change was handed over or declared missed");
    assert.equal(this.store.acknowledged.at(-1), this.store.head().version);
    const stopped = this.follower.stop();
    await this.clock.advanceAsync(1_000);
    await stopped;
    assert.equal(this.clock.pendingTimers, 0, "nothing is left behind");
  }

  #check(view: View): void {
    if (view.epoch === "") return;
    const possible = this.#possible.get(`${view.epoch}/${view.version}`) ?? [];
    const same = possible.some((one) => JSON.stringify(plain(one)) === JSON.stringify(plain(view)));
    assert.ok(same, `version ${view.version} is a prefix of the log folded`);
  }

  #checkAcknowledged(): void {
    const { version } = this.follower.view();
    const last = this.store.acknowledged.at(-1) ?? 0;
    assert.ok(last <= Math.max(version, this.#version), `acknowledged ${last}, applied ${version}`);
  }
}

function plain(view: View): unknown {
  return [[...view.sites.values()], [...view.drained].sort(), [...view.tokens.values()]];
}

test("whatever the store does, the view is a fold of its log, and ends at its head", async () => {
  const world = fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
    const simulation = new Simulation();
    for (const one of steps) await simulation.run(one);
    await simulation.finish();
  });
  await fc.assert(world, { numRuns: 300 });
});

test("a store that answers again is caught up with before the view counts as current", async () => {
  const simulation = new Simulation();
  await simulation.clock.advanceAsync(10);
  simulation.store.mode = "refuses";
  await simulation.clock.advanceAsync(2_000);
  assert.equal(simulation.follower.status(), "cut-off");
  simulation.append(Array.from({ length: 1_200 }, () => ({ kind: "purge-all", site: "a" })));
  simulation.store.mode = "up";
  await simulation.finish();
});

test("loss is noticed within two seconds, return within one, without being woken", async () => {
  const simulation = new Simulation();
  await simulation.clock.advanceAsync(10);
  simulation.store.announces = false;
  for (const mode of ["refuses", "hangs"] as const) {
    assert.equal(simulation.follower.status(), "current");
    simulation.store.mode = mode;
    await simulation.clock.advanceAsync(2_000);
    assert.equal(simulation.follower.status(), "cut-off", mode);
    simulation.append([{ kind: "purge-all", site: "a" }]);
    await simulation.clock.advanceAsync(60_000);
    simulation.store.mode = "up";
    await simulation.clock.advanceAsync(1_000);
    assert.equal(simulation.follower.status(), "current", mode);
    assert.equal(simulation.owed.size, 0);
  }
  await simulation.finish();
});

test("one call that misses its deadline is no outage", async () => {
  const simulation = new Simulation();
  await simulation.clock.advanceAsync(10);
  simulation.store.mode = "hangs";
  // Long enough for exactly one call to be started.
  await simulation.clock.advanceAsync(POLL_MS + 10);
  simulation.store.mode = "up";
  for (let passed = 0; passed < 3_000; passed += 50) {
    await simulation.clock.advanceAsync(50);
    assert.equal(simulation.follower.status(), "current");
  }
  await simulation.finish();
});
