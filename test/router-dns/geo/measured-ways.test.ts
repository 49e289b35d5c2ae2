import assert from "node:assert/strict";
import { test } from "node:test";
import { measuredWays, SAMPLES_MIN } from "../../../router-dns/geo/measured-ways.ts";
import type { MeasuredRoundTrips } from "../../../state/records.ts";

function report(
  edge: string,
  prefixes: Readonly<Record<string, readonly [ms: number, samples: number]>>,
): MeasuredRoundTrips {
  const rows = Object.entries(prefixes).map(([prefix, [ms, samples]]) => ({ prefix, ms, samples }));
  return { edge, pop: edge.slice(0, 3), at: 0, prefixes: rows };
}

test("a prefix counts with enough connections to two PoPs, and the best known edge of each", () => {
  const ways = measuredWays([
    report("syd-1", {
      "192.0.2.0/24": [12.4, 9],
      "2001:db8::/48": [5, 100],
      "198.51.100.0/24": [1, 100],
      "203.0.113.0/24": [3, 100],
    }),
    report("syd-2", { "192.0.2.0/24": [15.6, 30], "198.51.100.0/24": [1, 100] }),
    report("fra-1", {
      "192.0.2.0/24": [280, SAMPLES_MIN],
      "2001:db8::/48": [6.6, 8],
      "203.0.113.0/24": [3, SAMPLES_MIN - 1],
    }),
  ]);
  assert.equal(
    ways,
    "192.0.2.0/24,fra,280\n192.0.2.0/24,syd,16\n2001:db8::/48,fra,7\n2001:db8::/48,syd,5\n",
  );
});

test("nothing measured is an empty table", () => {
  assert.equal(measuredWays([]), "");
});
