import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../../common/log.ts";
import { visibleHealth } from "../../../router-dns/health/board.ts";
import { HealthMonitor } from "../../../router-dns/health/monitor.ts";
import type { ProbeResult, ProbeTarget } from "../../../router-dns/health/probe.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const TARGET: ProbeTarget = { kind: "tcp", host: "192.0.2.1", port: 1 };
const DEFAULTS = { interval: 500, timeout: 1000, rise: 2, fall: 3 };
/** The middle of the range: no jitter. The ends are the earliest and the latest. */
const randomOf = (value: number) => ({ below: () => value, bytes: () => new Uint8Array() });

function start(
  clock: FakeClock,
  probe: (started: number) => Promise<ProbeResult>,
  options: { timeout?: number; random?: number } = {},
) {
  const changes: string[] = [];
  const monitor = new HealthMonitor({
    edges: [{ name: "syd-1", target: TARGET }],
    health: { ...DEFAULTS, timeout: options.timeout ?? DEFAULTS.timeout },
    log: silentLogger,
    clock,
    random: randomOf(options.random ?? 1000),
    onChange: () => changes.push(state()),
    probe: () => probe(clock.monotonic()),
  });
  const state = () => {
    const health = monitor.health().get("syd-1");
    return health === undefined ? "gone" : visibleHealth(health);
  };
  return { monitor, changes, state };
}

/** What a probe of an edge says that is cut off at a time: nothing, until it has timed out. */
function cutOffAt(clock: FakeClock, cutMs: number) {
  return (started: number): Promise<ProbeResult> =>
    started < cutMs
      ? Promise.resolve({ works: true, detail: "200" })
      : new Promise((resolve) => {
          clock.after(DEFAULTS.timeout, () => resolve({ works: false, detail: "no answer" }));
        });
}

for (const [jitter, random] of [
  ["no", 1000],
  ["the most", 2000],
  ["the least", 0],
] as const) {
  test(`at default settings a cut-off edge is down in less than 3 s, with ${jitter} jitter`, async () => {
    const clock = new FakeClock();
    const { monitor, state } = start(clock, cutOffAt(clock, 2_001), { random });
    await clock.advanceAsync(2_000);
    assert.equal(state(), "up");
    await clock.advanceAsync(2_900);
    assert.equal(state(), "down");
    monitor.stop();
  });
}

test("probes start at the interval although none comes back, but not without end", async () => {
  const clock = new FakeClock();
  let started = 0;
  const never = () => {
    started += 1;
    return new Promise<ProbeResult>(() => undefined);
  };
  const { monitor } = start(clock, never, { timeout: 60_000 });
  await clock.advanceAsync(1_500);
  assert.equal(started, 4);
  await clock.advanceAsync(60_000);
  assert.equal(started, 8);
  monitor.stop();
});

test("the first round is over when each edge has answered once", async () => {
  const clock = new FakeClock();
  const { monitor, state } = start(clock, cutOffAt(clock, 0));
  let over = false;
  const round = monitor.firstRound().finally(() => {
    over = true;
  });
  await clock.advanceAsync(999);
  assert.equal(over, false);
  await clock.advanceAsync(1);
  await round;
  assert.equal(state(), "down");
  monitor.stop();
});

test("draining shows at once, and only changes that can be seen are told", async () => {
  const clock = new FakeClock();
  const { monitor, changes } = start(clock, () => Promise.resolve({ works: true, detail: "200" }));
  await clock.advanceAsync(2_000);
  monitor.setDrained(new Set(["syd-1", "somebody-else"]));
  monitor.setDrained(new Set(["syd-1"]));
  monitor.setDrained(new Set());
  assert.deepEqual(changes, ["up", "draining", "up"]);
  monitor.stop();
});

test("a stopped monitor sets no timer and takes no result", async () => {
  const clock = new FakeClock();
  const { monitor, state } = start(clock, cutOffAt(clock, 0));
  monitor.stop();
  await clock.advanceAsync(10_000);
  assert.equal(clock.pendingTimers, 0);
  assert.equal(state(), "unknown");
});

test("an edge without a target is never probed", async () => {
  const clock = new FakeClock();
  const monitor = new HealthMonitor({
    edges: [{ name: "syd-1", target: undefined }],
    health: DEFAULTS,
    log: silentLogger,
    clock,
    random: randomOf(0),
    onChange: () => assert.fail("nothing can change"),
    probe: () => assert.fail("nobody asked for a probe"),
  });
  await monitor.firstRound();
  assert.equal(clock.pendingTimers, 0);
});
