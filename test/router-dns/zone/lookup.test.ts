import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TYPE } from "../../../router-dns/wire/codes.ts";
import { formatName } from "../../../router-dns/wire/name.ts";
import { findZone, lookUp } from "../../../router-dns/zone/lookup.ts";
import { buildZoneTable, type ZoneTable } from "../../../router-dns/zone/zone.ts";
import { keyOf, zoneOf } from "../dns-world.ts";

function emptyZone(origin: string): string {
  return `$ORIGIN ${origin}\n$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n`;
}

function tableOf(...texts: string[]): ZoneTable {
  const table = buildZoneTable(texts.map(zoneOf));
  assert.ok(table.ok);
  return table.value;
}

function zoneNameFor(table: ZoneTable, name: string, type: number = TYPE.A): string | undefined {
  const zone = findZone(table, keyOf(name), type);
  return zone && formatName(zone.origin);
}

describe("findZone", () => {
  const table = tableOf(emptyZone("test."), emptyZone("a.test."), emptyZone("c.b.a.test."));

  it("RFC 1034 s.4.3.2 step 2: the zone with the longest apex above the name", () => {
    const cases = [
      ["test", "test."],
      ["x.test", "test."],
      ["a.test", "a.test."],
      ["b.a.test", "a.test."],
      ["c.b.a.test", "c.b.a.test."],
      ["z.y.x.c.b.a.test", "c.b.a.test."],
      ["xa.test", "test."],
      ["example", undefined],
      [".", undefined],
    ] as const;
    for (const [name, zone] of cases) assert.equal(zoneNameFor(table, name), zone, name);
  });

  it("RFC 4035 s.3.1.4.1: DS is asked of the zone above, if we have it", () => {
    assert.equal(zoneNameFor(table, "a.test", TYPE.DS), "test.");
    assert.equal(zoneNameFor(table, "b.a.test", TYPE.DS), "a.test.");
    assert.equal(zoneNameFor(table, "c.b.a.test", TYPE.DS), "a.test.");
    assert.equal(zoneNameFor(table, "test", TYPE.DS), "test.");
  });

  it("RFC 1034 s.3.1: the root zone is above everything", () => {
    assert.equal(zoneNameFor(tableOf(emptyZone("."), emptyZone("test.")), "example"), ".");
    assert.equal(zoneNameFor(tableOf(emptyZone(".")), "."), ".");
  });

  it("no zone answers for nothing", () => {
    assert.equal(zoneNameFor(tableOf(), "test"), undefined);
  });
});

/** RFC 4592 section 2.2.1, word for word, with a delegation that has servers elsewhere. */
const EXAMPLE = `
$ORIGIN example.
$TTL 3600
example.            SOA   ns.else. h.else. 1 2 3 4 5
example.            NS    ns.example.com.
example.            NS    ns.example.net.
*.example.          TXT   "this is a wildcard"
*.example.          MX    10 host1.example.
sub.*.example.      TXT   "this is not a wildcard"
host1.example.      A     192.0.2.1
_ssh._tcp.host1.example.  SRV  0 0 22 host1
_ssh._tcp.host2.example.  SRV  0 0 22 host1
subdel.example.     NS    ns.example.com.
subdel.example.     NS    ns.example.net.
`;

describe("lookUp", () => {
  const zone = zoneOf(EXAMPLE);
  const cases = [
    ["host3.example", "MX", "hit"],
    ["host3.example", "A", "nodata"],
    ["foo.bar.example", "TXT", "hit"],
    ["host1.example", "MX", "nodata"],
    ["sub.*.example", "MX", "nodata"],
    ["_telnet._tcp.host1.example", "SRV", "nxdomain"],
    ["host.subdel.example", "A", "delegation"],
    ["ghost.*.example", "MX", "nxdomain"],
    ["*.example", "MX", "hit"],
    ["host2.example", "TXT", "nodata"],
    ["subdel.example", "NS", "delegation"],
    ["subdel.example", "DS", "nodata"],
    ["host.subdel.example", "DS", "delegation"],
    ["example", "SOA", "hit"],
    ["host1.example", "ANY", "any"],
    ["host2.example", "ANY", "nodata"],
  ] as const;
  for (const [name, type, kind] of cases) {
    it(`RFC 4592 s.2.2.1: ${name} ${type} is ${kind}`, () => {
      assert.equal(lookUp(zone, keyOf(name), TYPE[type]).kind, kind);
    });
  }

  it("RFC 4035 s.3.1.4.1: the DS of a delegation is the answer at its name, and only there", () => {
    const signed = zoneOf(`${EXAMPLE}subdel.example. DS 258 13 2 ab`);
    const kind = (name: string, type: number) => lookUp(signed, keyOf(name), type).kind;
    assert.equal(kind("subdel.example", TYPE.DS), "hit");
    assert.equal(kind("subdel.example", TYPE.A), "delegation");
    assert.equal(kind("host.subdel.example", TYPE.DS), "delegation");
    assert.deepEqual(signed.warnings, []);
  });

  it("throws if it is asked about a name that the zone does not enclose", () => {
    assert.throws(() => lookUp(zone, keyOf("test"), TYPE.A), /invariant/);
  });
});
