import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatProblem } from "../../../common/file-problem.ts";
import { parseIp, parsePrefix } from "../../../common/ip.ts";
import { compileMap, type LatencyFirsts, type MapPop } from "../../../router-dns/geo/compile.ts";
import { parseLatency } from "../../../router-dns/geo/latency.ts";
import { tableOfPrefixes } from "../../../router-dns/geo/overlay.ts";
import { PlaceSet } from "../../../router-dns/geo/place-set.ts";
import { findPrefix, prefixAt } from "../../../router-dns/geo/prefix-table.ts";
import { type CoverageEntry, coverageOf, flattened } from "./map-model.ts";

const POPS: readonly MapPop[] = [
  { name: "fra", place: { latitude: 50.11, longitude: 8.68 } },
  { name: "ams", place: { latitude: 52.37, longitude: 4.9 } },
  { name: "syd", place: { latitude: -33.87, longitude: 151.21 } },
  { name: "uni", place: { latitude: 50, longitude: 8 }, deep: { asn: [], networks: [] } },
];
const NAMES = POPS.map(({ name }) => name);

function problems(text: string): string[] {
  const parsed = parseLatency(text, "l.csv", NAMES);
  assert.ok(!parsed.ok);
  return parsed.error.map(formatProblem);
}

function prefixOf(text: string) {
  const prefix = parsePrefix(text);
  assert.ok(prefix.ok);
  return prefix.value;
}

/** Everybody is in Mainz: Frankfurt is 32 km away, Amsterdam 340. */
function compile(
  text: string,
  { firsts, coverage = [] }: { firsts?: LatencyFirsts; coverage?: readonly CoverageEntry[] } = {},
) {
  const parsed = parseLatency(text, "l.csv", NAMES);
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.error.map(formatProblem).join());
  const places = PlaceSet.of([{ latitude: 50, longitude: 8.27 }]);
  const v4 = flattened(tableOfPrefixes(4, [{ prefix: prefixOf("0.0.0.0/1"), value: 1 }]));
  const v6 = flattened(tableOfPrefixes(6, [{ prefix: prefixOf("2000::/3"), value: 1 }]));
  return compileMap({
    pops: POPS,
    locations: { places, v4, v6, sources: [] },
    coverage: coverageOf(coverage, POPS),
    latency: { table: parsed.value, marginMs: 10, firsts },
  });
}

function at(map: ReturnType<typeof compile>, text: string): string {
  const address = parseIp(text);
  assert.ok(address.ok);
  const table = address.value.length === 4 ? map.v4 : map.v6;
  const position = findPrefix(table, address.value);
  const leaf = map.leaves.at(table.values[position] ?? 0);
  const names = leaf?.ranking.map((pop) => NAMES[pop]).join(" ");
  return `${leaf?.reason} ${names} /${prefixAt(table, position).length}`;
}

describe("a file of measured round trips", () => {
  test("is lines or JSON, with the same content", () => {
    const lines =
      "prefix,pop,ms\n# seen\n10.0.0.0/24,fra,20\n10.0.0.0/24, ams ,12.5\r\n2001:db8::/48,syd,9\n";
    const json = JSON.stringify({
      "10.0.0.0/24": { fra: 20, ams: 12.5 },
      "2001:db8::/48": { syd: 9 },
    });
    for (const text of [lines, json]) {
      const parsed = parseLatency(text, "l", NAMES);
      assert.ok(parsed.ok);
      assert.deepEqual([parsed.value.v4.count, parsed.value.v6.count], [1, 1]);
      assert.deepEqual(parsed.value.rows, [
        [
          { pop: 0, ms: 20 },
          { pop: 1, ms: 12.5 },
        ],
        [{ pop: 2, ms: 9 }],
      ]);
    }
  });

  test("may be appended to: the later of two values counts", () => {
    const parsed = parseLatency("10.0.0.0/24,fra,20\n10.0.0.0/24,fra,30\n", "l", NAMES);
    assert.ok(parsed.ok);
    assert.deepEqual(parsed.value.rows, [[{ pop: 0, ms: 30 }]]);
  });

  test("with mistakes is told where they are", () => {
    const text =
      "10.0.0.0/24,lax,1\n10.0.0.1/24,fra,1\n10.0.0.0/24,fra,-1\n10.0.0.0/24,fra\n\nx,fra,x\n";
    assert.deepEqual(problems(text), [
      'l.csv:1:1: no PoP is called "lax"; there are fra, ams, syd, uni',
      'l.csv:2:1: "10.0.0.1/24" has bits set beyond its length; did you mean 10.0.0.0/24?',
      "l.csv:3:1: milliseconds must be a number from 0 to 10000",
      "l.csv:4:1: must be `prefix,pop,milliseconds`",
      "l.csv:6:1: milliseconds must be a number from 0 to 10000",
    ]);
    assert.match(problems('{"10.0.0.0/24": 7}')[0] ?? "", /must be PoPs with milliseconds/);
    assert.match(problems("{")[0] ?? "", /^l\.csv:1:1: /);
    assert.equal(problems("x\n".repeat(500)).length, 101);
  });
});

describe("a map with measured round trips", () => {
  const slowFra =
    "10.0.0.0/24,fra,60\n10.0.0.0/24,ams,15\n2001:db8::/48,fra,60\n2001:db8::/48,ams,15\n";

  test("leads measured prefixes to the fastest PoP, in both families, and nobody else", () => {
    const map = compile(slowFra);
    assert.equal(at(map, "10.0.0.9"), "latency ams fra syd /24");
    assert.equal(at(map, "2001:db8::1"), "latency ams fra syd /48");
    assert.match(at(map, "10.0.1.9"), /^closest fra ams syd/);
  });

  test("keeps who was first before, unless another is faster by the margin", () => {
    const before = compile(slowFra);
    const mended = "10.0.0.0/24,fra,8\n10.0.0.0/24,ams,15\n";
    assert.match(at(compile(mended), "10.0.0.9"), /^latency fra/);
    assert.match(at(compile(mended, { firsts: before.firsts }), "10.0.0.9"), /^latency ams/);
    const fast = "10.0.0.0/24,fra,5\n10.0.0.0/24,ams,15\n";
    assert.match(at(compile(fast, { firsts: before.firsts }), "10.0.0.9"), /^latency fra/);
  });

  test("comes after coverage, and gives no strangers to a deep PoP", () => {
    const coverage = [{ network: prefixOf("10.0.0.0/25"), pop: "syd" }];
    const map = compile(`${slowFra}10.0.0.0/24,uni,1\n`, { coverage });
    assert.equal(at(map, "10.0.0.9"), "coverage syd fra ams /25");
    assert.equal(at(map, "10.0.0.200"), "latency ams fra syd /25");
  });

  test("ranks what is measured where nobody knows the place", () => {
    const map = compile("200.0.0.0/8,syd,30\n200.0.0.0/8,ams,20\n");
    assert.equal(at(map, "200.1.1.1"), "latency ams syd fra /8");
  });
});
