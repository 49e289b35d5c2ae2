import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { noiseOf, type Series, tableOf } from "../../../bench/http/report.ts";
import { median } from "../../../bench/median.ts";

function series(server: string, perCpuSecond: readonly number[]): Series {
  const runs = perCpuSecond.map((requestsPerCpuSecond) => ({
    requestsPerSecond: requestsPerCpuSecond / 2,
    requestsPerCpuSecond,
    p50Ms: 1,
    p99Ms: 2,
  }));
  return { load: "1 KiB", server, runs };
}

suite("the report of the HTTP benchmark", () => {
  test("a ratio is the median of the ratios of rounds, not the ratio of medians", () => {
    const all = [series("ours", [100, 200, 300]), series("theirs", [50, 200, 100])];
    const table = tableOf(all);
    assert.match(table, /\| 1 KiB \| ours \| 100 \| 200 \| {2}\| 1\.00 \| 2\.00 \|/);
    assert.match(table, /\| 1 KiB \| theirs \| 50 \| 100 \| 2\.00 \|/);
    assert.equal(median([3, 1, 2]), 2);
  });

  test("it says when rounds are too far apart", () => {
    assert.equal(noiseOf([series("ours", [100, 120])]), undefined);
    assert.match(noiseOf([series("ours", [100, 140])]) ?? "", /too noisy.*ours 1 KiB \(1\.40\)/);
  });
});
