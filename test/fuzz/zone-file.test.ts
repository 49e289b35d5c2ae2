import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { answerQuery } from "../../router-dns/pipeline.ts";
import { PROBLEMS_MAX, parseZoneFile } from "../../router-dns/zone/zone-file.ts";
import { queryBytes, snapshotOf } from "../router-dns/dns-world.ts";
import { fuzzSeed, Seeded } from "./seeded.ts";

const SEED = fuzzSeed();
const FILES = Number(process.env["FUZZ_FILES"] ?? 8_000);

const VALID = `$ORIGIN x.test.
$TTL 60
@ IN SOA ns h ( 1 2 ; comment
  3 4 5 )
 NS ns
ns A 192.0.2.1
*.w 5 IN TXT "a;b" \\065
m MX 10 ns
s SRV 1 2 3 ns
c CNAME m
d NS ns.d
ns.d AAAA 2001:db8::1
@ CAA 0 issue "ca.test"
`;

const PIECES = [
  "(",
  ")",
  '"',
  ";",
  "\\",
  "\\999",
  "\\0",
  "@",
  "$ORIGIN",
  "$TTL",
  "$INCLUDE",
  "$",
  "*",
  "*.",
  ".",
  "..",
  "\n",
  "\r",
  "\r\n",
  "\t",
  " ",
  "SOA",
  "NS",
  "CNAME",
  "A",
  "MX",
  "TXT",
  "IN",
  "CH",
  "1w",
  "4294967296",
  "-1",
  "\u0000",
  "\u2028",
  "ü",
  "\ud800",
  "a".repeat(64),
  "b.".repeat(130),
  "192.0.2.1",
  "::",
  "x.test.",
] as const;

function mutate(text: string, random: Seeded): string {
  let result = text;
  for (let count = 1 + random.below(5); count > 0; count -= 1) {
    const from = random.below(result.length + 1);
    const to = random.below(3) === 0 ? from + random.below(20) : from;
    result = result.slice(0, from) + random.pick(PIECES) + result.slice(to);
  }
  return result;
}

describe("any zone file", () => {
  it(`is a zone or a list of problems: ${FILES} files, FUZZ_SEED=${SEED}`, () => {
    const random = new Seeded(SEED);
    const out = new Uint8Array(65_535);
    let served = 0;
    for (let index = 0; index < FILES; index += 1) {
      const text = mutate(VALID, random);
      const again = `FUZZ_SEED=${SEED}, file ${index}: ${JSON.stringify(text)}`;
      try {
        const zone = parseZoneFile(text, "fuzz.zone");
        const lines = text.split("\n");
        if (zone.ok) {
          served += 1;
          const snapshot = snapshotOf([zone.value]);
          const peer = Uint8Array.of(192, 0, 2, 1);
          const context = { peer, transport: "tcp", snapshot, maxUdpBytes: 512 } as const;
          const packet = queryBytes({ name: "q.w.x.test", type: "ANY" });
          const outcome = answerQuery(packet, context, out);
          assert.equal(outcome.failure, undefined);
        } else {
          assert.ok(zone.error.length > 0 && zone.error.length <= PROBLEMS_MAX);
          for (const { line, column, message } of zone.error) {
            assert.ok(line >= 1 && line <= lines.length, `line ${line}: ${message}`);
            const width = (lines[line - 1] ?? "").length;
            assert.ok(column >= 1 && column <= width + 1, `column ${column}: ${message}`);
          }
        }
      } catch (error) {
        assert.fail(`${String(error)}; ${again}`);
      }
    }
    assert.ok(served > FILES / 100, `only ${served} of ${FILES} files could be served`);
  });
});
