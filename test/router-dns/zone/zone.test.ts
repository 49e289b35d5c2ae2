import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TYPE } from "../../../router-dns/wire/codes.ts";
import { parseName } from "../../../router-dns/wire/name.ts";
import { fixedRdata, nameRdata, soaRdata } from "../../../router-dns/wire/rdata.ts";
import {
  buildZone,
  buildZoneTable,
  groupByOwner,
  type ZoneRecord,
} from "../../../router-dns/zone/zone.ts";
import { keyOf, zoneOf } from "../dns-world.ts";

function nameOf(text: string): Uint8Array {
  const name = parseName(text);
  assert.ok(name.ok);
  return name.value;
}

function soa(ttlSeconds: number, minimumSeconds: number): ZoneRecord {
  const rdata = soaRdata({
    primary: nameOf("ns.test"),
    hostmaster: nameOf("h.test"),
    serial: 1,
    refreshSeconds: 2,
    retrySeconds: 3,
    expireSeconds: 4,
    minimumSeconds,
  });
  return { owner: nameOf("x.test"), type: TYPE.SOA, ttlSeconds, rdata };
}

const origin = nameOf("x.test");

describe("buildZone", () => {
  it("RFC 2308 s.3: negative answers live as long as the smaller of TTL and MINIMUM", () => {
    const negativeTtl = (ttl: number, minimum: number) =>
      buildZone({ origin, records: groupByOwner([soa(ttl, minimum)]) }).negativeSoa.ttlSeconds;
    assert.equal(negativeTtl(100, 50), 50);
    assert.equal(negativeTtl(50, 100), 50);
    assert.equal(negativeTtl(100, 4_000_000_000), 100);
  });

  it("RFC 4592 s.2.2.2: names between the apex and a record are there and empty", () => {
    const zone = zoneOf("$ORIGIN x.test.\n$TTL 5\n@ SOA n. h. 1 2 3 4 5\n@ NS n.\na.b.c TXT t");
    assert.deepEqual(
      [...zone.nodes].map(([key, { rrsets }]) => [key, rrsets.length]),
      [
        [keyOf("x.test"), 2],
        [keyOf("c.x.test"), 0],
        [keyOf("b.c.x.test"), 0],
        [keyOf("a.b.c.x.test"), 1],
      ],
    );
  });

  it("RFC 1034 s.4.2.1: of two delegations the upper one counts", () => {
    const zone = zoneOf(
      "$ORIGIN x.test.\n$TTL 5\n@ SOA n. h. 1 2 3 4 5\n@ NS n.\nb.a NS n.\na NS n.\nc.b.a A 192.0.2.1",
    );
    for (const name of ["a", "b.a", "c.b.a"]) {
      assert.equal(zone.nodes.get(keyOf(`${name}.x.test`))?.cut?.key, keyOf("a.x.test"), name);
    }
    assert.equal(zone.nodes.get(zone.key)?.cut, undefined);
  });

  it("throws if its source is not a zone", () => {
    const elsewhere = {
      owner: nameOf("y.test"),
      type: 1,
      ttlSeconds: 1,
      rdata: fixedRdata(origin),
    };
    const other = { ...soa(1, 2), rdata: nameRdata(origin) };
    const cases: readonly (readonly ZoneRecord[])[] = [
      [],
      [soa(1, 1), soa(1, 2)],
      [soa(1, 1), elsewhere],
      [other],
    ];
    for (const records of cases)
      assert.throws(() => buildZone({ origin, records: groupByOwner(records) }), /invariant/);
    const steered = [{ owner: nameOf("y.test"), site: "s" }];
    assert.throws(
      () => buildZone({ origin, records: groupByOwner([soa(1, 1)]), steered }),
      /invariant/,
    );
  });
});

describe("buildZoneTable", () => {
  it("refuses two zones for one name", () => {
    const zone = buildZone({ origin, records: groupByOwner([soa(1, 1)]) });
    assert.deepEqual(buildZoneTable([zone, zone]), {
      ok: false,
      error: "there are two zones for x.test.",
    });
  });
});
