import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RCODE } from "../../../router-dns/wire/codes.ts";
import { decodeEdns, subnetPrefix } from "../../../router-dns/wire/edns.ts";
import { Reader } from "../../../router-dns/wire/reader.ts";

const FIELDS = { udpBytes: 1232, version: 0, flags: 0 };

/** Options of an OPT record, in hexadecimal, and the code that they give. */
const CASES: readonly (readonly [title: string, rdata: string, rcode: number, subnet?: string])[] =
  [
    ["RFC 6891 s.6.1.2: no options", "", RCODE.NOERROR],
    ["RFC 6891 s.6.1.2: an option that is not known", "fde9 0001 aa", RCODE.NOERROR],
    ["RFC 6891 s.6.1.2: a code without a length", "0008", RCODE.FORMERR],
    ["RFC 6891 s.6.1.2: a length beyond the record", "fde9 0002 aa", RCODE.FORMERR],
    ["RFC 6891 s.6.1.2: an odd octet behind the options", "fde9 0000 aa", RCODE.FORMERR],
    ["RFC 7871 s.6: IPv4 /24", "0008 0007 0001 18 00 815e00", RCODE.NOERROR, "129.94.0.0/24"],
    ["RFC 7871 s.6: IPv4 /32", "0008 0008 0001 20 00 815e0001", RCODE.NOERROR, "129.94.0.1/32"],
    ["RFC 7871 s.6: IPv4 /1", "0008 0005 0001 01 00 80", RCODE.NOERROR, "128.0.0.0/1"],
    ["RFC 7871 s.6: IPv6 /0", "0008 0004 0002 00 00", RCODE.NOERROR, "::/0"],
    ["RFC 7871 s.6: no family, no length", "0008 0004 0000 00 00", RCODE.NOERROR, "::/0"],
    ["RFC 7871 s.6: shorter than its fixed part", "0008 0003 0001 00", RCODE.FORMERR],
    ["RFC 7871 s.6: IPv4 /33", "0008 0009 0001 21 00 815e000000", RCODE.FORMERR],
    ["RFC 7871 s.6: IPv6 /129", `0008 0015 0002 81 00 ${"00".repeat(17)}`, RCODE.FORMERR],
    ["RFC 7871 s.6: no family with a length", "0008 0005 0000 01 00 80", RCODE.FORMERR],
    ["RFC 7871 s.6: too few octets", "0008 0006 0001 18 00 815e", RCODE.FORMERR],
    ["RFC 7871 s.6: too many octets", "0008 0008 0001 18 00 815e0000", RCODE.FORMERR],
    ["RFC 7871 s.6: a bit beyond the prefix", "0008 0007 0001 17 00 815e01", RCODE.FORMERR],
    [
      "RFC 7871 s.6: the last bit of the prefix",
      "0008 0007 0001 17 00 815e02",
      RCODE.NOERROR,
      "129.94.2.0/23",
    ],
    ["RFC 7871 s.6: a scope in a query", "0008 0007 0001 18 18 815e00", RCODE.FORMERR],
    ["RFC 7871 s.6: an unknown family is ignored", "0008 0006 0003 30 ff 8181", RCODE.NOERROR],
    ["two client subnets", "0008 0004 0001 00 00 0008 0004 0001 00 00", RCODE.FORMERR],
    [
      "RFC 7871 s.6: an unknown option before it",
      "fde8 0001 aa 0008 0005 0001 08 00 0a",
      RCODE.NOERROR,
      "10.0.0.0/8",
    ],
  ];

describe("EDNS options of a query", () => {
  for (const [title, rdata, rcode, subnet] of CASES) {
    it(title, () => {
      const packet = Buffer.from(`ffff${rdata.replaceAll(" ", "")}`, "hex");
      const edns = decodeEdns(new Reader(packet, 2), FIELDS);
      assert.equal(edns.rcode, rcode);
      if (edns.clientSubnet === undefined) {
        assert.equal(undefined, subnet);
        return;
      }
      const { bytes, prefixLength } = subnetPrefix(packet, edns.clientSubnet);
      const address = bytes.length === 4 ? bytes.join(".") : "::";
      assert.equal(`${address}/${prefixLength}`, subnet);
    });
  }

  it("RFC 6891 s.6.1.3: of another version nothing but the version is read", () => {
    const edns = decodeEdns(new Reader(Uint8Array.of(0, 8)), { ...FIELDS, version: 7 });
    assert.deepEqual(edns, {
      udpBytes: 1232,
      version: 7,
      isDnssecOk: false,
      isCompactOk: false,
      clientSubnet: undefined,
      cookie: undefined,
      asksNsid: false,
      asksPadding: false,
      asksKeepalive: false,
      rcode: RCODE.BADVERS,
    });
  });

  for (const [length, isWellFormed] of [
    [0, false],
    [7, false],
    [8, true],
    [9, false],
    [15, false],
    [16, true],
    [40, true],
    [41, false],
  ] as const) {
    it(`RFC 7873 s.5.2.2: a cookie of ${length} octets`, () => {
      const packet = Uint8Array.from([0, 10, 0, length, ...new Uint8Array(length)]);
      const edns = decodeEdns(new Reader(packet), FIELDS);
      assert.equal(edns.rcode, isWellFormed ? RCODE.NOERROR : RCODE.FORMERR);
      assert.deepEqual(edns.cookie, isWellFormed ? { start: 4, length } : undefined);
    });
  }

  it("RFC 7873 s.5.2: of two cookies the first counts", () => {
    const option = [0, 10, 0, 8, ...new Uint8Array(8)];
    const edns = decodeEdns(new Reader(Uint8Array.from([...option, ...option])), FIELDS);
    assert.deepEqual(edns.cookie, { start: 4, length: 8 });
  });

  it("what a client asks for by an option without data", () => {
    const asks = (code: number) => {
      const edns = decodeEdns(new Reader(Uint8Array.of(0, code, 0, 0)), FIELDS);
      return [edns.asksNsid, edns.asksKeepalive, edns.asksPadding];
    };
    assert.deepEqual(asks(3), [true, false, false], "RFC 5001");
    assert.deepEqual(asks(11), [false, true, false], "RFC 7828");
    assert.deepEqual(asks(12), [false, false, true], "RFC 7830");
  });

  it("RFC 3225 s.3: DO is the first of the flags", () => {
    assert.equal(
      decodeEdns(new Reader(new Uint8Array(0)), { ...FIELDS, flags: 0x8000 }).isDnssecOk,
      true,
    );
    assert.equal(
      decodeEdns(new Reader(new Uint8Array(0)), { ...FIELDS, flags: 0x7fff }).isDnssecOk,
      false,
    );
  });

  it("RFC 9824 s.5.1: CO is the second of them", () => {
    const flagsOf = (flags: number) =>
      decodeEdns(new Reader(new Uint8Array(0)), { ...FIELDS, flags });
    assert.equal(flagsOf(0x4000).isCompactOk, true);
    assert.equal(flagsOf(0xbfff).isCompactOk, false);
  });

  it("RFC 4291 s.2.5.5.2: a prefix that ends before the IPv4 part stays IPv6", () => {
    const packet = Uint8Array.from([0, 2, 95, 0, ...new Uint8Array(10), 0xff, 0xfe]);
    const subnet = { family: 2, sourcePrefixLength: 95, start: 0, length: 16 };
    assert.deepEqual(subnetPrefix(packet, subnet), {
      bytes: Uint8Array.from([...new Uint8Array(10), 0xff, 0xfe, 0, 0, 0, 0]),
      prefixLength: 95,
      scopeOffset: 0,
    });
  });
});
