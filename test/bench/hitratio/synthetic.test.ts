import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { compare } from "../../../bench/hitratio/compare.ts";
import { SYNTHETIC_TRACES } from "../../../bench/hitratio/synthetic.ts";

const REQUESTS = 100_000;

/** A policy is materially worse from here on: one request in a hundred. */
const WORSE = 0.01;

/** LRU's best case ends where its cache does; a border that has to be found first is later. */
const WORSE_WHILE_LEARNING = 0.015;

suite("the edge's policy on synthetic traces", () => {
  for (const [name, generate] of Object.entries(SYNTHETIC_TRACES)) {
    test(`${name}: by objects it is never materially worse than LRU and S3-FIFO`, (t) => {
      const trace = generate(REQUESTS, 7);
      assert.equal(trace.requests, REQUESTS);
      const worse = name.startsWith("recency") ? WORSE_WHILE_LEARNING : WORSE;
      for (const share of [0.02, 0.2]) {
        const { lru, s3fifo, policy } = compare(trace, Math.floor(trace.uniqueBytes * share));
        const gain = policy.hitRatio - Math.max(lru.hitRatio, s3fifo.hitRatio);
        t.diagnostic(`at ${share * 100} %: ${(gain * 100).toFixed(2)} points`);
        assert.ok(gain > -worse, `at ${share * 100} % ${gain * 100} points`);
      }
    });
  }

  test("the same name, length and seed give the same trace, another seed another one", () => {
    const [a, b, c] = [3, 3, 4].map((seed) => SYNTHETIC_TRACES["scan"]?.(20_000, seed));
    assert.deepEqual(a, b);
    assert.notDeepEqual(a?.names, c?.names);
  });

  test("they are what their names say", () => {
    const once = SYNTHETIC_TRACES["one-hit-objects"]?.(50_000, 1);
    assert.ok(once !== undefined);
    const counts = new Uint32Array(once.names.length);
    for (const object of once.objects) counts[object] = (counts[object] ?? 0) + 1;
    const wonders = counts.filter((count) => count === 1).length / counts.length;
    assert.ok(wonders > 0.65 && wonders < 0.85, `${wonders} of the objects are asked for once`);
    const sorted = Float64Array.from(once.bytes).sort();
    const median = sorted[sorted.length / 2] ?? 0;
    assert.ok(median > 6_000 && median < 11_000, `median ${median}`);
    assert.equal(SYNTHETIC_TRACES["loop-unit"]?.(6_500, 1).uniqueBytes, 6_000);
  });
});
