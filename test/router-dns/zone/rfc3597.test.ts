import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TYPE } from "../../../router-dns/wire/codes.ts";
import { type Rrset, rdataIdentity } from "../../../router-dns/zone/zone.ts";
import { parseZoneFile } from "../../../router-dns/zone/zone-file.ts";
import { keyOf } from "../dns-world.ts";

const HEAD = "$ORIGIN x.test.\n$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n";

function parsed(line: string) {
  return parseZoneFile(`${HEAD}${line}\n`, "x.zone");
}

function rrsetsOf(line: string): readonly Rrset[] {
  const zone = parsed(line);
  assert.ok(zone.ok, zone.ok ? "" : (zone.error[0]?.message ?? ""));
  return zone.value.nodes.get(keyOf("a.x.test"))?.rrsets ?? [];
}

describe("RFC 3597 section 5: types, classes and data by number", () => {
  const same: readonly (readonly [string, string])[] = [
    ["a A \\# 4 C0000201", "a A 192.0.2.1"],
    ["a TYPE1 \\# 4 C000 0201", "a A 192.0.2.1"],
    ["a CLASS1 TYPE15 \\# 10 000a 046D61696c 0178 00", "a MX 10 mail.x."],
    ["a 60 CLASS1 TYPE16 hi", "a IN 60 TXT hi"],
    ["a TYPE28 2001:db8::1", "a AAAA 2001:db8::1"],
    ["a TYPE65 1 . alpn=h2", "a HTTPS 1 . alpn=h2"],
    ['a TXT "\\\\#" 1', "a TXT \\092# 1"],
  ];
  for (const [line, other] of same) {
    it(`${line} is ${other}`, () => {
      const [left, right] = [rrsetsOf(line), rrsetsOf(other)];
      assert.deepEqual(
        left.map(({ type, rdatas }) => [type, rdatas.map(rdataIdentity)]),
        right.map(({ type, rdatas }) => [type, rdatas.map(rdataIdentity)]),
      );
      assert.equal(left.length, 1);
    });
  }

  it("names in octets are compressed in answers like all others", () => {
    const [rrset] = rrsetsOf("a TYPE5 \\# 3 0178 00");
    assert.equal(rrset?.type, TYPE.CNAME);
    assert.equal(rrset.target, keyOf("x"));
  });

  const refused: readonly (readonly [string, string])[] = [
    ["a A \\# 3 C00002", "6:5: the octets are no A data"],
    ["a MX \\# 4 000a C00C", "6:6: the octets are no MX data"],
    ["a TYPE1 \\# 5 C0000201", "6:9: there are 4 octets, not 5"],
    ["a ALIAS \\# 1 00", '6:12: "1" is one field too many'],
    ["a CLASS3 A 192.0.2.1", "6:3: only class IN is served, not CLASS3"],
  ];
  for (const [line, problem] of refused) {
    it(`${line} is refused`, () => {
      const zone = parsed(line);
      const problems = zone.ok ? [] : zone.error;
      assert.deepEqual(
        problems.map(({ line: at, column, message }) => `${at}:${column}: ${message}`).slice(0, 1),
        [problem],
      );
    });
  }
});
