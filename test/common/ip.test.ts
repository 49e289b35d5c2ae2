import assert from "node:assert/strict";
import { BlockList, isIP, isIPv6, SocketAddress } from "node:net";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import {
  equalIp,
  formatIp,
  formatPrefix,
  type IpBytes,
  maskIp,
  parseIp,
  parsePrefix,
  prefixContains,
  unmapIpv4,
} from "../../common/ip.ts";

function mustParse(text: string): IpBytes {
  const result = parseIp(text);
  assert.ok(result.ok, `${text} should be an address`);
  return result.value;
}

const ipv4Bytes = fc.uint8Array({ minLength: 4, maxLength: 4 });

/** Sixteen bytes with long runs of zeros, where the short forms of RFC 5952 are decided. */
const ipv6Bytes = fc
  .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), {
    minLength: 8,
    maxLength: 8,
  })
  .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff])));

const anyBytes = fc.oneof(ipv4Bytes, ipv6Bytes);

/** Strings that look like addresses, most of them broken. */
const nearlyAddress = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc
    .array(
      fc.constantFrom("0", "1", "00", "255", "256", "f", "ffff", "g", ":", "::", ".", "%", " "),
      {
        maxLength: 14,
      },
    )
    .map((parts) => parts.join("")),
);

describe("IP addresses", () => {
  it("are accepted exactly where node:net accepts them, zone identifiers aside", () => {
    fc.assert(
      fc.property(nearlyAddress, (text) => {
        const expected = isIP(text) !== 0 && !text.includes("%");
        assert.equal(parseIp(text).ok, expected, text);
      }),
      { numRuns: 3_000 },
    );
  });

  it("have the value that node:net gives them", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const family = isIPv6(text) ? "ipv6" : "ipv4";
        const list = new BlockList();
        list.addAddress(text, family);
        const bytes = mustParse(text);
        const again = formatIp(bytes);
        assert.ok(list.check(again, isIPv6(again) ? "ipv6" : "ipv4"), `${text} became ${again}`);
      }),
      { numRuns: 500 },
    );
  });

  it("survive being written and read again", () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        assert.deepEqual(mustParse(formatIp(bytes)), unmapIpv4(bytes));
      }),
      { numRuns: 1_000 },
    );
  });

  it("RFC 5952 s.4: IPv6 is written as node:net writes it", () => {
    fc.assert(
      fc.property(ipv6Bytes, (bytes) => {
        const full = Array.from({ length: 8 }, (_, i) =>
          (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16),
        ).join(":");
        const theirs = new SocketAddress({ address: full, family: "ipv6" }).address;
        // inet_ntop writes ::/96 with a dotted quad, which RFC 5952 s.5 leaves to known prefixes.
        if (!theirs.includes(".")) assert.equal(formatIp(bytes), theirs);
      }),
      { numRuns: 2_000 },
    );
  });

  const written: readonly (readonly [given: string, normal: string])[] = [
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["0:0:0:0:0:0:0:0", "::"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["1:0:0:0:0:0:0:0", "1::"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::ffff:c000:201", "192.0.2.1"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
  ];
  for (const [given, normal] of written) {
    it(`RFC 5952 s.4: ${given} is written ${normal}`, () => {
      assert.equal(formatIp(mustParse(given)), normal);
    });
  }

  for (const text of [
    "",
    "1.2.3",
    "01.2.3.4",
    "1.2.3.4.5",
    "1:2:3:4:5:6:7",
    "1::2::3",
    "fe80::1%lo",
  ]) {
    it(`refuses "${text}" and quotes it`, () => {
      assert.deepEqual(parseIp(text), { ok: false, error: `"${text}" is not an IP address` });
    });
  }
});

describe("prefixes", () => {
  it("contain exactly the addresses that node:net's BlockList puts into them", () => {
    const pair = fc.oneof(fc.tuple(ipv4Bytes, ipv4Bytes), fc.tuple(ipv6Bytes, ipv6Bytes));
    fc.assert(
      fc.property(pair, fc.nat(128), fc.boolean(), ([network, other], bits, near) => {
        // BlockList matches ::ffff:0:0/96 across families; ours are unmapped before.
        fc.pre(unmapIpv4(network) === network && unmapIpv4(other) === other);
        const length = Math.min(bits, network.length * 8);
        const bytes = maskIp(network, length);
        const address = near ? flipBit(network, bits % (network.length * 8)) : other;
        const family = network.length === 16 ? "ipv6" : "ipv4";
        const list = new BlockList();
        list.addSubnet(formatIp(bytes), length, family);
        const contains = prefixContains({ bytes, length }, address);
        assert.equal(contains, list.check(formatIp(address), family));
      }),
      { numRuns: 1_000 },
    );
  });

  it("are masked without touching the original, and masking twice changes nothing", () => {
    fc.assert(
      fc.property(anyBytes, fc.nat(32), (bytes, length) => {
        const before = bytes.slice();
        const masked = maskIp(bytes, length);
        assert.deepEqual(bytes, before);
        assert.deepEqual(maskIp(masked, length), masked);
        assert.ok(prefixContains({ bytes: masked, length }, bytes));
      }),
    );
  });

  it("never contain an address of the other family", () => {
    assert.equal(
      prefixContains({ bytes: new Uint8Array(4), length: 0 }, new Uint8Array(16)),
      false,
    );
    assert.equal(equalIp(new Uint8Array(4), new Uint8Array(16)), false);
  });

  it("are read and written", () => {
    for (const text of ["0.0.0.0/0", "192.0.2.0/24", "192.0.2.1/32", "2001:db8::/32", "::/0"]) {
      const result = parsePrefix(text);
      assert.ok(result.ok);
      assert.equal(formatPrefix(result.value), text);
    }
  });

  it("with bits beyond their length are refused, with the prefix that was probably meant", () => {
    const result = parsePrefix("192.0.2.129/25");
    assert.deepEqual(parsePrefix("192.0.2.1/24"), {
      ok: false,
      error: '"192.0.2.1/24" has bits set beyond its length; did you mean 192.0.2.0/24?',
    });
    assert.match(result.ok ? "" : result.error, /192\.0\.2\.128\/25\?/);
  });

  for (const text of [
    "192.0.2.0",
    "192.0.2.0/33",
    "192.0.2.0/-1",
    "::/129",
    "/8",
    "192.0.2.0/8/8",
    "x/8",
  ]) {
    it(`refuses "${text}"`, () => {
      const result = parsePrefix(text);
      assert.match(result.ok ? "" : result.error, /is not an address prefix/);
    });
  }
});

function flipBit(bytes: IpBytes, bit: number): IpBytes {
  const copy = bytes.slice();
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7));
  return copy;
}
