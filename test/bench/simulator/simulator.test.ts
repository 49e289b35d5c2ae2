import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, suite, test } from "node:test";
import { clientsOf } from "../../../bench/simulator/clients.ts";
import { activity, crowdFactor } from "../../../bench/simulator/demand.ts";
import { popsOf } from "../../../bench/simulator/pops.ts";
import { drawResult, formatResult } from "../../../bench/simulator/report.ts";
import { parseScenario, type Scenario } from "../../../bench/simulator/scenario.ts";
import { type Result, worstOverMean } from "../../../bench/simulator/tally.ts";
import { replayOf } from "../../../bench/simulator/world.ts";
import { formatProblem } from "../../../common/file-problem.ts";
import { REPOSITORY } from "../../support/process.ts";
import { locationsAt } from "./world.ts";

const SCENARIOS = join(REPOSITORY, "bench/scenarios");

/** Two places with a PoP each, 3,300 km apart, and a third one far from both. */
const POINTS = [
  [0, 0],
  [0, 30],
  [0, 90],
] as const;

const TWO_POPS = `
hours: 3
pops:
  - { name: west, location: [0, 0], edges: 2, capacity: 10Gbps }
  - { name: east, location: [0, 30], edges: 2, capacity: 10Gbps }
`;

function scenario(text: string): Scenario {
  const parsed = parseScenario(text, "s.yaml");
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed.value;
}

function replay(text: string, points: readonly (readonly [number, number])[] = POINTS): Result {
  return replayOf(scenario(text), locationsAt(points), 600).run(() => undefined);
}

suite("the simulator of steering", () => {
  test("scenarios that come with it are right", () => {
    const files = readdirSync(SCENARIOS);
    assert.ok(files.length >= 5);
    for (const file of files) scenario(readFileSync(join(SCENARIOS, file), "utf8"));
  });

  test("mistakes of a scenario have lines and columns", () => {
    const text = `${TWO_POPS}demand: { peak: 5Gbps }\nevents:\n  - loss: { pop: nord, at: 1h, for: 1h }\n`;
    const parsed = parseScenario(text, "s.yaml");
    assert.ok(!parsed.ok);
    assert.deepEqual(parsed.error.map(formatProblem), [
      "s.yaml:8:13: events[0].loss.pop: there is no PoP nord",
    ]);
    const unknown = parseScenario(`${TWO_POPS}demand: { peak: 5Gbps, peek: 1 }\n`, "s.yaml");
    assert.ok(!unknown.ok);
    assert.deepEqual(unknown.error.map(formatProblem), ["s.yaml:6:24: demand.peek: unknown key"]);
    const none = parseScenario("demand: { peak: 5Gbps }\n", "s.yaml");
    assert.ok(!none.ok);
    assert.match(none.error[0]?.message ?? "", /either pops or generate/);
  });

  describe("clients", () => {
    const { v4, places } = locationsAt(POINTS);
    const located = v4?.((place) => place);
    assert.ok(located !== undefined);

    test("of large prefixes are several networks, and their weights sum to 1", () => {
      const clients = clientsOf({ located, places }, { damping: 1, most: 300 });
      assert.equal(clients.prefixes, 3);
      assert.equal(clients.count, 300);
      assert.equal(new Set(clients.addresses).size, 300);
      const sum = clients.weights.reduce((all, weight) => all + weight, 0);
      assert.ok(Math.abs(sum - 1) < 1e-9);
    });

    test("are sampled by weight if there are more prefixes than may be", () => {
      const clients = clientsOf({ located, places }, { damping: 1, most: 2 });
      assert.equal(clients.count, 2);
      assert.deepEqual([...clients.weights], [0.5, 0.5]);
    });
  });

  test("demand has its peak at nine in the evening by the sun", () => {
    const hours = Array.from({ length: 24 }, (_, hour) => activity(0.3, 90, hour * 3_600));
    assert.equal(hours.indexOf(Math.max(...hours)), 15);
    assert.ok(Math.abs(Math.min(...hours) - 0.3) < 1e-9);
  });

  test("a crowd comes and goes in its ramp", () => {
    const crowd = {
      at: 3_600_000,
      for: 3_600_000,
      ramp: 600_000,
      near: [0, 0] as [number, number],
      within: 1,
      times: 5,
    };
    const at = (minute: number) => crowdFactor(crowd, minute * 60);
    assert.deepEqual([59, 60, 65, 70, 110, 115, 120].map(at), [1, 1, 3, 5, 5, 3, 1]);
  });

  test("generated PoPs stand where demand is, apart, and have all the capacity", () => {
    const { places } = locationsAt(POINTS);
    const wanted = scenario(
      "generate: { count: 3, apart: 4000, edges: 2, capacity: 80Gbps }\ndemand: { peak: 1Gbps }\n",
    );
    const pops = popsOf(wanted, places, Float64Array.of(0, 0.5, 0.3, 0.2));
    assert.deepEqual(
      pops.map(({ location }) => location),
      [
        [0, 0],
        [0, 90],
      ],
    );
    const capacities = pops.map(({ edges }) => edges.reduce((sum, e) => sum + e.capacity, 0));
    // Half alike; of the other half 0.8 and 0.2 of demand.
    assert.deepEqual(capacities.map(Math.round), [52e9, 28e9]);
  });

  test("the worst of edges is compared with their mean by capacity", () => {
    assert.equal(worstOverMean([]), 1);
    const edges = [
      { load: 0.9, capacity: 10 },
      { load: 0.3, capacity: 30 },
    ];
    assert.ok(Math.abs(worstOverMean(edges) - 0.9 / 0.45) < 1e-9);
  });

  test("with room everybody has the closest PoP and nothing changes", () => {
    const result = replay(`${TWO_POPS}demand: { peak: 5Gbps }\n`);
    assert.deepEqual(result.distance, result.closest);
    // One third of clients is at each of 0, 0 and 60 degrees from its PoP, in steps of 10 km.
    assert.equal(result.distance.p95Km, 6_675);
    assert.equal(result.churn.changesPerPrefixHour, 0);
    assert.equal(result.load.awayShare, 0);
    assert.equal(result.load.lostShare, 0);
    assert.match(formatResult(result), /PoPs, rankings of the map +2, /);
  });

  test("a crowd is spread: on time with load steering, and not without", () => {
    const crowd =
      "demand: { peak: 12Gbps, noise: 0 }\nevents:\n" +
      "  - crowd: { at: 1h, for: 1h, near: [0, 0], within: 100, times: 6 }\n";
    const spread = replay(`${TWO_POPS}${crowd}`);
    const closest = replay(`${TWO_POPS}${crowd}policy: { load: { mode: "off" } }\n`);
    assert.equal(closest.churn.changesPerPrefixHour, 0);
    assert.ok(spread.churn.changesPerPrefixHour > 0);
    assert.equal(spread.churn.hasty, 0);
    assert.ok(spread.load.awayShare > 0.01, `away ${spread.load.awayShare}`);
    assert.ok(
      spread.load.hoursOver < closest.load.hoursOver / 2,
      `${spread.load.hoursOver} of ${closest.load.hoursOver} hours`,
    );
    assert.ok(spread.load.fullest < closest.load.fullest);
  });

  test("a loss moves those who were there, and nobody else", () => {
    const loss = "events:\n  - loss: { pop: west, at: 1h, for: 1h }\n";
    const result = replay(`${TWO_POPS}demand: { peak: 5Gbps }\n${loss}`);
    const [effect] = result.churn.losses;
    assert.ok(Math.abs((effect?.stood ?? 0) - 1 / 3) < 0.01);
    assert.equal(effect?.others, 0);
    // There and back, of a third, in three hours.
    assert.ok(Math.abs(result.churn.changesPerPrefixHour - 2 / 9) < 0.01);
    // Resolvers keep the answer for a TTL at most: less than 25 s of a third of demand.
    assert.ok(result.load.lostShare > 0 && result.load.lostShare < 25 / 10_800);
  });

  test("the same seed gives the same, and another one does not", () => {
    const text = `${TWO_POPS}demand: { peak: 34Gbps }\nseed: 3\n`;
    const one = replay(text);
    assert.deepEqual(replay(text), one);
    assert.notDeepEqual(replay(text.replace("seed: 3", "seed: 4")), one);
    assert.match(drawResult(one), /^<svg [^]*polyline[^]*<\/svg>\n$/);
  });
});
