import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import {
  formatIp,
  type IpPrefix,
  maskIp,
  parsePrefix,
  prefixContains,
} from "../../../common/ip.ts";
import { TYPE } from "../../../router-dns/wire/codes.ts";
import { formatName } from "../../../router-dns/wire/name.ts";
import { buildReverseZones, reverseZoneNames } from "../../../router-dns/zone/reverse-zone.ts";
import { findRrset } from "../../../router-dns/zone/zone.ts";
import { ask, keyOf, snapshotOf } from "../dns-world.ts";
import { signingOf } from "../sign/world.ts";

function prefixOf(text: string): IpPrefix {
  const prefix = parsePrefix(text);
  assert.ok(prefix.ok, text);
  return prefix.value;
}

function zonesOf(prefixes: readonly string[], edges: readonly (readonly [string, string])[] = []) {
  return buildReverseZones({
    prefixes: prefixes.map(prefixOf),
    domain: "kingcdn.test",
    nameservers: [{ name: "ns1.kingcdn.test", address: "127.0.0.1" }],
    serial: 3,
    edges: edges.map(([name, address]) => ({ name, address })),
    maxTtlOf: (zone) => (zone.startsWith("1.") ? 600 : undefined),
  });
}

describe("the zones of a prefix", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["10.0.0.0/8", ["10.in-addr.arpa"]],
    ["172.16.0.0/15", ["16.172.in-addr.arpa", "17.172.in-addr.arpa"]],
    ["192.0.2.0/24", ["2.0.192.in-addr.arpa"]],
    ["198.51.100.0/23", ["100.51.198.in-addr.arpa", "101.51.198.in-addr.arpa"]],
    ["192.0.2.128/25", ["128-255.2.0.192.in-addr.arpa"]],
    ["192.0.2.4/30", ["4-7.2.0.192.in-addr.arpa"]],
    ["192.0.2.5/32", ["5.2.0.192.in-addr.arpa"]],
    ["2001:db8::/32", ["8.b.d.0.1.0.0.2.ip6.arpa"]],
    [
      "2001:db8:ab00::/46",
      ["0", "1", "2", "3"].map((nibble) => `${nibble}.0.b.a.8.b.d.0.1.0.0.2.ip6.arpa`),
    ],
    ["2001:db8::8/128", [`8.${"0.".repeat(23)}8.b.d.0.1.0.0.2.ip6.arpa`]],
  ];
  for (const [prefix, names] of cases) {
    it(`${prefix} makes ${names.length}`, () => {
      assert.deepEqual(
        reverseZoneNames(prefixOf(prefix)).map(({ name }) => name),
        names,
      );
    });
  }

  it("have every address of it once, under a name that says the address", () => {
    const anyPrefix = fc
      .oneof(
        fc.tuple(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.integer({ min: 8, max: 32 })),
        fc.tuple(
          fc.uint8Array({ minLength: 16, maxLength: 16 }),
          fc.integer({ min: 16, max: 128 }),
        ),
      )
      .map(([bytes, length]) => ({ prefix: { bytes: maskIp(bytes, length), length }, bytes }));
    fc.assert(
      fc.property(anyPrefix, ({ prefix, bytes }) => {
        const inside = bytes;
        assert.ok(prefixContains(prefix, inside));
        const holding = reverseZoneNames(prefix).filter(({ prefix: own }) =>
          prefixContains(own, inside),
        );
        assert.equal(holding.length, 1);
        const [zone] = buildReverseZones({
          prefixes: [prefix],
          domain: "kingcdn.test",
          nameservers: [{ name: "ns1.kingcdn.test", address: "127.0.0.1" }],
          serial: 1,
          edges: [{ name: "e", address: formatIp(inside) }],
          maxTtlOf: () => undefined,
        }).filter(({ origin }) => formatName(origin) === `${holding[0]?.name}.`);
        const owners = [...(zone?.nodes.values() ?? [])].filter((node) =>
          findRrset(node, TYPE.PTR),
        );
        assert.equal(owners.length, 1);
        const labels = formatName(owners[0]?.owner ?? new Uint8Array(1)).split(".");
        const said = bytes.length === 4 ? labels.slice(0, 1) : labels.slice(0, 32).reverse();
        const octets = bytes.length === 4 ? said : (said.join("").match(/../g) ?? []);
        const expected =
          bytes.length === 4
            ? [String(inside[3])]
            : [...inside].map((octet) => octet.toString(16).padStart(2, "0"));
        assert.deepEqual(octets, expected);
      }),
    );
  });
});

describe("a zone of addresses", () => {
  const EDGES = [
    ["syd-1", "192.0.2.10"],
    ["syd-1", "2001:db8::1:10"],
    ["fra-1", "192.0.2.200"],
    ["far-1", "198.51.100.9"],
  ] as const;
  const zones = zonesOf(
    ["192.0.2.0/25", "192.0.2.192/26", "2001:db8::/32", "198.51.100.0/24"],
    EDGES,
  );
  const names = zones.map(({ origin }) => formatName(origin).slice(0, -1));
  const snapshot = snapshotOf(zones, undefined, signingOf(...names));
  const IP6 = `0.1.0.0.1.0.0.0.${"0.".repeat(16)}8.b.d.0.1.0.0.2.ip6.arpa`;

  const cases: readonly (readonly [string, string, "PTR" | "A", string, readonly string[]])[] = [
    ["an edge", "10.0-127.2.0.192.in-addr.arpa", "PTR", "NOERROR", ["syd-1"]],
    ["an edge of another", "200.192-255.2.0.192.in-addr.arpa", "PTR", "NOERROR", ["fra-1"]],
    ["an edge by IPv6", IP6, "PTR", "NOERROR", ["syd-1"]],
    ["a whole network", "9.100.51.198.in-addr.arpa", "PTR", "NOERROR", ["far-1"]],
    ["nobody", "11.0-127.2.0.192.in-addr.arpa", "PTR", "NXDOMAIN", []],
    ["nobody, IPv6", IP6.replace("0.1.", "1.1."), "PTR", "NXDOMAIN", []],
    ["RFC 8020: half a name", IP6.slice(8), "PTR", "NOERROR", []],
    ["another type", "9.100.51.198.in-addr.arpa", "A", "NOERROR", []],
  ];
  for (const [title, name, type, rcode, edges] of cases) {
    it(`RFC 4592 s.2.2.2: ${title}`, () => {
      const seen = ask(snapshot, { name, type, udpBytes: 1232 });
      assert.deepEqual([seen.rcode, seen.flags], [rcode, "aa"]);
      assert.deepEqual(
        seen.answer,
        edges.map((edge) => `${name} 3600 PTR ${edge}.edge.kingcdn.test`),
      );
      const signed = ask(snapshot, { name, type, udpBytes: 1232, isDnssecOk: true });
      const section = edges.length > 0 ? signed.answer : signed.authority;
      assert.ok(
        section.some((line) => line.includes(" RRSIG ")),
        "signed where keys are given",
      );
    });
  }

  it("has the servers of the CDN, and their serial", () => {
    const name = "100.51.198.in-addr.arpa";
    assert.deepEqual(ask(snapshot, { name, type: "NS" }).answer, [
      `${name} 3600 NS ns1.kingcdn.test`,
    ]);
    const soa = ask(snapshot, { name, type: "SOA" }).answer.join();
    assert.match(soa, /ns1\.kingcdn\.test hostmaster\.kingcdn\.test 3 /);
  });

  it("has no longer TTLs than its signatures allow", () => {
    const [zone] = zonesOf(["10.1.0.0/16"], [["a", "10.1.2.3"]]);
    const ptr = zone?.nodes.get(keyOf("3.2.1.10.in-addr.arpa"));
    assert.equal(findRrset(ptr, TYPE.PTR)?.ttlSeconds, 600);
  });
});
