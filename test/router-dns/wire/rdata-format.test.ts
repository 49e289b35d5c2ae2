import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { TYPE, typeName } from "../../../router-dns/wire/codes.ts";
import { formatName, nameKey } from "../../../router-dns/wire/name.ts";
import type { Rdata } from "../../../router-dns/wire/rdata.ts";
import { formatRdata } from "../../../router-dns/wire/rdata-format.ts";
import { rdataFields, rdataOfOctets } from "../../../router-dns/wire/rdata-layout.ts";
import { findRrset, rdataIdentity } from "../../../router-dns/zone/zone.ts";
import { keyOf, nameOf, zoneOf } from "../dns-world.ts";
import { PEER_ZONES } from "../peer-zones.ts";

function octetsOf({ prefix, names, suffix }: Rdata): Uint8Array {
  return Buffer.concat([prefix, ...names, suffix]);
}

function hexOf(octets: Uint8Array): string {
  return Buffer.from(octets).toString("hex");
}

/** The data of the one record that a line of a zone file makes. */
function read(type: number, text: string): Rdata {
  const head = "$ORIGIN x.test.\n$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n";
  const node = zoneOf(`${head}rec ${typeName(type)} ${text}\n`).nodes.get(keyOf("rec.x.test"));
  const [rdata] = findRrset(node, type)?.rdatas ?? [];
  assert.ok(rdata, text);
  return rdata;
}

describe("record data as text", () => {
  for (const { name, text } of PEER_ZONES) {
    it(`RFC 1035 s.5, RFC 3597 s.5: all of ${name} is read back, as words and as octets`, () => {
      let count = 0;
      for (const { rrsets } of zoneOf(text).nodes.values()) {
        for (const { type, rdatas } of rrsets) {
          if (type === TYPE.SOA || type === TYPE.NS) continue;
          for (const rdata of rdatas) {
            const octets = octetsOf(rdata);
            const words = formatRdata(type, octets);
            assert.equal(rdataIdentity(read(type, words)), rdataIdentity(rdata), words);
            const hex = `\\# ${octets.length} ${hexOf(octets)}`;
            assert.equal(rdataIdentity(read(type, hex)), rdataIdentity(rdata), hex);
            count += 1;
          }
        }
      }
      assert.ok(count > 0);
    });
  }

  const cases: readonly (readonly [string, number, string, string])[] = [
    [
      "RFC 4034 s.3.2",
      TYPE.RRSIG,
      `0001 0d 02 00000014 6955b900 695d5600 1234 ${hexOf(nameOf("x.test."))} 0102`,
      "A 13 2 20 20260101000000 20260106183544 4660 x.test. AQI=",
    ],
    [
      "RFC 4034 s.4.1.2",
      TYPE.NSEC,
      `${hexOf(nameOf("a.x.test."))} 0006 400000080003`,
      "a.x.test. A AAAA RRSIG NSEC",
    ],
    ["odd octets", TYPE.TXT, "04 22 5c 00 ff 00", '"\\"\\\\\\000\\255" ""'],
    ["RFC 3597 s.5: another type", 65_280, "0a0b", "\\# 2 0A0B"],
    ["RFC 3597 s.5: nothing", 65_280, "", "\\# 0"],
    ["an address of three octets", TYPE.A, "c00002", "\\# 3 C00002"],
    [
      "RFC 9460 s.2.2: keys out of order",
      TYPE.HTTPS,
      "0001 00 0003 0002 01bb 0001 0003 026832",
      "\\# 16 0001000003000201BB00010003026832",
    ],
  ];
  for (const [title, type, hex, expected] of cases) {
    it(title, () => {
      const octets = Buffer.from(hex.replaceAll(" ", ""), "hex");
      assert.equal(formatRdata(type, octets), expected);
    });
  }
});

describe("octets as record data", () => {
  const types = [...Object.values(TYPE), 65_280];

  it("never throw, and what is taken is the same octets", () => {
    const wire = fc.tuple(fc.constantFrom(...types), fc.uint8Array({ maxLength: 80 }));
    fc.assert(
      fc.property(wire, ([type, octets]) => {
        const rdata = rdataOfOctets(type, octets);
        if (rdata !== undefined) assert.equal(hexOf(octetsOf(rdata)), hexOf(octets));
        const fields = rdataFields(type, octets);
        const whole = Buffer.concat((fields ?? []).map((field) => field.octets));
        if (fields !== undefined) assert.equal(hexOf(whole), hexOf(octets));
        assert.ok(formatRdata(type, octets).length < 2_000);
      }),
      { numRuns: 3_000 },
    );
  });

  it("RFC 3597 s.4: keep names apart that may be compressed", () => {
    const octets = Buffer.concat([Buffer.from([0, 10]), nameOf("Mail.x.test.")]);
    const [exchange] = rdataOfOctets(TYPE.MX, octets)?.names ?? [];
    assert.equal(exchange && formatName(exchange), "Mail.x.test.");
    assert.equal(exchange && nameKey(exchange), keyOf("mail.x.test"));
    assert.equal(rdataOfOctets(TYPE.MX, octets.subarray(0, -1)), undefined);
    assert.equal(rdataOfOctets(TYPE.MX, Buffer.from([0, 10, 0xc0, 0])), undefined, "a pointer");
  });
});
