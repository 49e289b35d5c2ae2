import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TYPE } from "../../../router-dns/wire/codes.ts";
import { formatName } from "../../../router-dns/wire/name.ts";
import { buildCdnZone, type CdnZoneOptions } from "../../../router-dns/zone/cdn-zone.ts";
import { findRrset, type Zone } from "../../../router-dns/zone/zone.ts";
import { ask, FixedSteering, keyOf, snapshotOf } from "../dns-world.ts";

const OPTIONS: CdnZoneOptions = {
  domain: "kingcdn.test",
  nameservers: [
    { name: "ns1.kingcdn.test", address: "192.0.2.1" },
    { name: "ns1.kingcdn.test", address: "2001:db8::1" },
    { name: "ns.example.com", address: "192.0.2.2" },
  ],
  ttlSeconds: 20,
  serial: 4_000_000_000,
  sites: ["netcinema"],
  edges: [
    { name: "syd-1", address: "192.0.2.10" },
    { name: "syd-1", address: "2001:db8::10" },
  ],
};

function built(options: Partial<CdnZoneOptions> = {}): Zone {
  const zone = buildCdnZone({ ...OPTIONS, ...options });
  assert.ok(zone.ok);
  return zone.value;
}

describe("the zone of the CDN domain", () => {
  const world = snapshotOf([built()], new FixedSteering({ addresses: ["192.0.2.10"] }));

  const cases = [
    [
      "kingcdn.test",
      "NS",
      ["kingcdn.test 3600 NS ns1.kingcdn.test", "kingcdn.test 3600 NS ns.example.com"],
    ],
    ["ns1.kingcdn.test", "A", ["ns1.kingcdn.test 3600 A 192.0.2.1"]],
    ["ns1.kingcdn.test", "AAAA", ["ns1.kingcdn.test 3600 AAAA 2001:db8::1"]],
    ["syd-1.edge.kingcdn.test", "A", ["syd-1.edge.kingcdn.test 20 A 192.0.2.10"]],
    ["syd-1.edge.kingcdn.test", "AAAA", ["syd-1.edge.kingcdn.test 20 AAAA 2001:db8::10"]],
    ["netcinema.kingcdn.test", "A", ["netcinema.kingcdn.test 20 A 192.0.2.10"]],
    ["edge.kingcdn.test", "A", []],
    [
      "kingcdn.test",
      "SOA",
      [
        "kingcdn.test 3600 SOA ns1.kingcdn.test hostmaster.kingcdn.test 4000000000 7200 900 1209600 60",
      ],
    ],
  ] as const;
  for (const [name, type, answer] of cases) {
    it(`RFC 1034 s.4.2.1: ${name} ${type}`, () => {
      const seen = ask(world, { name, type });
      assert.equal(seen.rcode, "NOERROR");
      assert.deepEqual(seen.answer, answer);
    });
  }

  it("RFC 1035 s.3.3.13: another mailbox", () => {
    const zone = built({ hostmaster: "dns.example.com" });
    assert.equal(formatName(zone.soa.rdatas[0]?.names[1] ?? new Uint8Array(1)), "dns.example.com.");
  });

  it("a site whose name is taken by a name server does not take it", () => {
    const zone = built({ sites: ["ns1", "www"] });
    assert.equal(zone.nodes.get(keyOf("ns1.kingcdn.test"))?.steered, undefined);
    assert.equal(zone.nodes.get(keyOf("www.kingcdn.test"))?.steered, "www");
  });

  it("a site called edge and the edges live side by side", () => {
    const node = built({ sites: ["edge"] }).nodes.get(keyOf("edge.kingcdn.test"));
    assert.equal(node?.steered, "edge");
    assert.ok(built({ sites: ["edge"] }).nodes.has(keyOf("syd-1.edge.kingcdn.test")));
  });

  it("quick mode: a wildcard is steered", () => {
    const zone = built({ anyNameSite: "any" });
    assert.equal(zone.nodes.get(zone.key)?.wildcard?.steered, "any");
    assert.equal(findRrset(zone.nodes.get(keyOf("*.kingcdn.test")), TYPE.A), undefined);
  });

  it("RFC 1035 s.2.3.4: a domain that leaves no room below it is refused", () => {
    const fits = {
      domain: `${"a".repeat(60)}.${"b".repeat(61)}.${"c".repeat(61)}`,
      sites: ["s".repeat(63)],
    };
    assert.ok(
      buildCdnZone({ ...OPTIONS, ...fits, edges: [{ name: "e".repeat(63), address: "::1" }] }).ok,
    );
    const zone = buildCdnZone({ ...OPTIONS, domain: `a.${fits.domain}` });
    assert.match(zone.ok ? "" : zone.error, /too long/);
  });

  describe("with names below those of edges", () => {
    const zone = built({ hasNamesBelowEdges: true });
    const world = snapshotOf([zone], new FixedSteering({ addresses: ["192.0.2.99"] }));
    const name = "netcinema.syd-1.edge.kingcdn.test";

    it("RFC 4592: any name below has the addresses of the edge, and nothing else", () => {
      assert.deepEqual(ask(world, { name, type: "A" }).answer, [`${name} 20 A 192.0.2.10`]);
      assert.deepEqual(ask(world, { name, type: "AAAA" }).answer, [`${name} 20 AAAA 2001:db8::10`]);
      const mx = ask(world, { name, type: "MX" });
      assert.deepEqual([mx.rcode, mx.answer], ["NOERROR", []]);
      const other = ask(world, { name: "netcinema.fra-1.edge.kingcdn.test", type: "A" });
      assert.equal(other.rcode, "NXDOMAIN");
    });

    it("without them there is no such name", () => {
      const plain = snapshotOf([built()], new FixedSteering({ addresses: ["192.0.2.99"] }));
      assert.equal(ask(plain, { name, type: "A" }).rcode, "NXDOMAIN");
    });

    it("RFC 1035 s.2.3.4: a domain that leaves no room for them is refused", () => {
      const domain = `${"a".repeat(60)}.${"b".repeat(59)}`;
      const edges = [{ name: "e".repeat(63), address: "::1" }];
      const longest = { ...OPTIONS, edges, hasNamesBelowEdges: true, domain };
      const fitting = buildCdnZone(longest);
      assert.ok(fitting.ok);
      const longName = `${"s".repeat(63)}.${"e".repeat(63)}.edge.${domain}`;
      const seen = ask(snapshotOf([fitting.value], new FixedSteering({ addresses: [] })), {
        name: longName,
        type: "AAAA",
      });
      assert.equal(seen.answer.length, 1);
      assert.equal(buildCdnZone({ ...longest, domain: `a${domain}` }).ok, false);
    });
  });

  it("throws on what a checked configuration cannot have", () => {
    assert.throws(() => built({ nameservers: [] }), /invariant/);
    assert.throws(() => built({ sites: ["a..b"] }), /invariant/);
    assert.throws(() => built({ edges: [{ name: "e", address: "nowhere" }] }), /invariant/);
  });
});
