import assert from "node:assert/strict";
import { test } from "node:test";
import { formatProblem } from "../../../common/file-problem.ts";
import { formatPrefix } from "../../../common/ip.ts";
import { parseCoverage } from "../../../router-dns/geo/coverage.ts";

const KNOWN = { pops: new Set(["syd", "fra"]), networks: true };

function entries(text: string): string[] {
  const parsed = parseCoverage(text, "c.yaml", KNOWN);
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.error.map(formatProblem).join("\n"));
  return parsed.value.map(({ network, pop }) =>
    typeof network === "number" ? `AS${network} ${pop}` : `${formatPrefix(network)} ${pop}`,
  );
}

function problems(text: string): string[] {
  const parsed = parseCoverage(text, "c.yaml", KNOWN);
  assert.ok(!parsed.ok);
  return parsed.error.map(formatProblem);
}

test("a map, and a list of maps, of networks and AS numbers", () => {
  const expected = ["192.0.2.0/24 syd", "2001:db8::/32 fra", "AS7575 syd"];
  assert.deepEqual(entries("192.0.2.0/24: syd\n2001:db8::/32: fra\nAS7575: syd\n"), expected);
  assert.deepEqual(entries("- 192.0.2.0/24: syd\n- 2001:db8::/32: fra\n- as7575: syd\n"), expected);
});

test("an empty file has no entries", () => {
  assert.deepEqual(entries(""), []);
  assert.deepEqual(entries("# nothing yet\n"), []);
});

test("Traffic Control's coverage zone file is accepted as it is", () => {
  const czmap = {
    revision: "Mon Dec 21 15:04:01 2015",
    customerName: "Kabletown",
    coverageZones: {
      syd: { network6: ["1234:5678::/64"], network: ["192.168.8.0/24", "192.168.9.0/24"] },
      fra: { network: ["10.0.0.0/8"], coordinates: { latitude: 1.1, longitude: 2.2 } },
    },
  };
  assert.deepEqual(entries(JSON.stringify(czmap, undefined, 2)), [
    "1234:5678::/64 syd",
    "192.168.8.0/24 syd",
    "192.168.9.0/24 syd",
    "10.0.0.0/8 fra",
  ]);
});

test("all problems are said, each with its place and a remedy", () => {
  assert.deepEqual(problems("192.0.2.0/24: lax\n192.0.2.1/24: syd\nAS0: syd\nhello: fra\n"), [
    'c.yaml:1:15: no PoP is called "lax"; there are syd, fra',
    'c.yaml:2:1: "192.0.2.1/24" has bits set beyond its length; did you mean 192.0.2.0/24?',
    "c.yaml:3:1: AS0 is not an AS number",
    'c.yaml:4:1: "hello" is neither an address prefix (192.0.2.0/24) nor an AS (AS7575)',
  ]);
});

test("a network that is named twice is a problem, also when it is written differently", () => {
  assert.deepEqual(problems("- 2001:db8::/32: syd\n- 2001:0db8:0::/32: fra\n").length, 1);
  assert.match(problems("AS1: syd\nas1: fra\n")[0] ?? "", /^c\.yaml:2:1: AS1 is there already$/);
});

test("what is no map at all, and what is no YAML, has a place too", () => {
  assert.match(problems("just words\n")[0] ?? "", /^c\.yaml:1:1: must be `NETWORK: POP`/);
  assert.match(problems("a: b: c\n")[0] ?? "", /^c\.yaml:1:/);
  assert.match(problems("10.0.0.0/8: [syd]\n")[0] ?? "", /^c\.yaml:1:13: no PoP is called ""/);
  assert.match(problems("10.0.0.0/8:\n")[0] ?? "", /no PoP is called/);
  assert.match(problems('{"coverageZones":{"syd":{"network":7}}}')[0] ?? "", /list of networks/);
});

test("an AS without a database that knows its networks is a problem, not a rule that does nothing", () => {
  const text = "192.0.2.0/24: syd\nAS7575: syd\n";
  const parsed = parseCoverage(text, "c.yaml", { ...KNOWN, networks: false });
  assert.ok(!parsed.ok);
  const expected = ["c.yaml:2:1: AS7575 needs an ASN database: set geoip.asn"];
  assert.deepEqual(parsed.error.map(formatProblem), expected);
});
