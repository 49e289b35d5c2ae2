import assert from "node:assert/strict";
import { test } from "node:test";
import { compareWithBruteForce } from "../../../bench/map/brute-force.ts";
import { cityPops } from "../../../bench/map/pops.ts";
import { bundledDatabase } from "../../../router-dns/data/map-build.ts";
import { compileMap } from "../../../router-dns/geo/compile.ts";
import { noCoverage } from "../../../router-dns/geo/coverage.ts";
import { openLocations } from "../../../router-dns/geo/database.ts";

test("RFC 7871 7.2.1: every block of the world has the closest PoP that is up, in both families", () => {
  const opened = openLocations([bundledDatabase()]);
  assert.ok(opened.ok);
  const { places, v4, v6 } = opened.value;
  const pops = cityPops();
  const map = compileMap({ pops, locations: opened.value, coverage: noCoverage() });
  for (const [flatten, bits, blocksMin] of [
    [v4, 24, 10_000_000],
    [v6, 48, 1_000_000],
  ] as const) {
    const located = flatten?.((place) => place);
    assert.ok(located !== undefined);
    for (const isUp of [() => true, (pop: number) => pop % 3 !== 1]) {
      const counts = compareWithBruteForce(map, { located, places }, { pops, isUp }, bits);
      assert.equal(counts.wrong, 0);
      assert.equal(counts.outsideScope, 0);
      assert.ok(counts.ranges > 50_000 && counts.blocks > blocksMin, JSON.stringify(counts));
    }
  }
});

test("a map for other PoPs is found to be wrong", () => {
  const opened = openLocations([bundledDatabase()]);
  assert.ok(opened.ok);
  const { places, v4 } = opened.value;
  const pops = cityPops();
  const map = compileMap({
    pops: pops.toReversed(),
    locations: opened.value,
    coverage: noCoverage(),
  });
  const located = v4?.((place) => place);
  assert.ok(located !== undefined);
  const isUp = () => true;
  const counts = compareWithBruteForce(map, { located, places }, { pops, isUp }, 24);
  assert.ok(counts.wrong > 0 && counts.outsideScope > 0);
});
