import assert from "node:assert/strict";
import { test } from "node:test";
import { formatProblem } from "../../../common/file-problem.ts";
import { formatPrefix } from "../../../common/ip.ts";
import { parseCoverage } from "../../../router-dns/geo/coverage.ts";
import { tableOf } from "../../../router-dns/geo/prefix-columns.ts";
import { findPrefix } from "../../../router-dns/geo/prefix-table.ts";

const KNOWN = { pops: ["syd", "fra"], networks: true };

function entries(text: string): string[] {
  const parsed = parseCoverage(text, "c.yaml", KNOWN);
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.error.map(formatProblem).join("\n"));
  const { v4, v6, asn } = parsed.value;
  const prefixes = [v4, v6].flatMap((columns) =>
    Array.from({ length: columns.count }, (_, at) => {
      const bytes = Buffer.from([...columns.wordsAt(at)].flatMap((word) => bytesOfWord(word)));
      const prefix = formatPrefix({ bytes, length: columns.lengthAt(at) });
      return `${prefix} ${KNOWN.pops[columns.valueAt(at) - 1]}`;
    }),
  );
  return [...prefixes, ...[...asn].map(([as, pop]) => `AS${as} ${KNOWN.pops[pop]}`)];
}

function bytesOfWord(word: number): number[] {
  return [24, 16, 8, 0].map((shift) => (word >>> shift) & 0xff);
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
    "192.168.8.0/24 syd",
    "192.168.9.0/24 syd",
    "10.0.0.0/8 fra",
    "1234:5678::/64 syd",
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

test("all layouts of one content say the same, read line by line, as JSON or as YAML", () => {
  const networks = ["10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32", "::/8", "AS7"];
  const lines = networks.map((network, i) => `${network}: ${i % 2 === 0 ? "syd" : "fra"}`);
  const plain = entries(`${lines.join("\n")}\n`);
  const variants = [
    lines.join("\r\n"),
    `# what we know\n\n${lines.map((line) => `${line}  # why`).join("\n")}`,
    lines.map((line) => `- ${line}`).join("\n"),
    lines.map((line) => line.replace(/^(.*): (.*)$/, "\"$1\": '$2'")).join("\n"),
    `{ ${lines.join(", ")} }`,
    `---\n${lines.join("\n")}\n`,
  ];
  for (const text of variants) assert.deepEqual(entries(text), plain, text);
});

test("in a czmap.json that names a group twice nothing is lost without a word", () => {
  const text = `{"coverageZones":{
    "syd":{"network":["10.0.0.0/8"]},
    "syd":{"network":["11.0.0.0/8"]}}}`;
  assert.match(problems(text)[0] ?? "", /^c\.yaml:3:5: Map keys must be unique/);
});

test("problems of a czmap.json have places as well", () => {
  const text = `{"coverageZones": {\n"lax": {"network": [\n"10.0.0.1/8",\n"12.0.0.0/8",\n"12.0.0.0/8"]}}}`;
  assert.deepEqual(
    problems(text).map((line) => line.split(": ", 2).join(": ")),
    [
      'c.yaml:2:1: no PoP is called "lax"; there are syd, fra',
      'c.yaml:2:1: no PoP is called "lax"; there are syd, fra',
      'c.yaml:2:1: no PoP is called "lax"; there are syd, fra',
      'c.yaml:3:1: "10.0.0.1/8" has bits set beyond its length; did you mean 10.0.0.0/8?',
      "c.yaml:5:1: 12.0.0.0/8 is there already",
    ],
  );
});

test("so large a file is not given to the slow parser, and a million mistakes are told briefly", () => {
  const line = "10.0.0.0/8: syd # x\n";
  const large = `${line.repeat(450_000)}{ what: is, this }\n`;
  const [first = "", ...more] = problems(large);
  assert.match(first, /^c\.yaml:450001:1: so large a file must have one `NETWORK: POP`/);
  assert.equal(more.length, 0);
  const many = problems("10.0.0.0/8: lax\n".repeat(300));
  assert.equal(many.length, 101);
  assert.match(many.at(-1) ?? "", /there are more than 100 problems/);
});

test("two hundred thousand prefixes become a table in which each of them is found", () => {
  const count = 200_000;
  const text = Array.from({ length: count }, (_, i) => {
    const number = (i * 7_919) % count;
    return `${10 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}.0/24: ${i % 2 ? "syd" : "fra"}`;
  }).join("\n");
  const parsed = parseCoverage(text, "c.yaml", KNOWN);
  assert.ok(parsed.ok);
  const table = tableOf(parsed.value.v4);
  for (let i = 0; i < count; i += 997) {
    const number = (i * 7_919) % count;
    const address = Uint8Array.of(10 + (number >> 16), (number >> 8) & 255, number & 255, 77);
    assert.equal(table.values[findPrefix(table, address)], i % 2 ? 1 : 2);
  }
  assert.equal(table.values[findPrefix(table, Uint8Array.of(9, 255, 255, 255))], 0);
});
