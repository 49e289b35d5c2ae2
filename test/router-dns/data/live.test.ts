import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../../common/log.ts";
import { LiveSnapshot } from "../../../router-dns/data/live.ts";
import { compileMap } from "../../../router-dns/geo/compile.ts";
import { PlaceSet } from "../../../router-dns/geo/place-set.ts";
import { newEdgeHealth, nextHealth } from "../../../router-dns/health/board.ts";
import { nameKey, parseName } from "../../../router-dns/wire/name.ts";
import { parseZoneFile } from "../../../router-dns/zone/zone-file.ts";
import { fivePops, siteConfig } from "../support.ts";

const POPS = fivePops({});
const MAP = compileMap({
  pops: [],
  locations: { places: new PlaceSet(), v4: undefined, v6: undefined, sources: [] },
  coverage: [],
});

function sites(...names: string[]) {
  return new Map(names.map((name) => [name, siteConfig(name)]));
}

function start(version = 0): LiveSnapshot {
  return new LiveSnapshot(
    {
      domain: "kingcdn.test",
      nameservers: [{ name: "ns1.kingcdn.test", address: "127.0.0.1" }],
      ttlSeconds: 20,
      pops: POPS,
      anyName: false,
      answersMax: 4,
      log: silentLogger,
    },
    {
      fileZones: [],
      built: { map: MAP, sources: [], broken: [] },
      sites: sites("first"),
      version,
      health: new Map(),
    },
  );
}

function key(text: string): string {
  const name = parseName(text);
  assert.ok(name.ok);
  return nameKey(name.value);
}

function zoneOf(live: LiveSnapshot, name = "kingcdn.test") {
  return live.snapshot().zones.byApex.get(key(name));
}

/** The serial is what follows the two names in SOA data (RFC 1035 section 3.3.13). */
function serial(live: LiveSnapshot): number {
  const numbers = zoneOf(live)?.soa.rdatas[0]?.suffix;
  assert.ok(numbers !== undefined);
  return Buffer.from(numbers).readUInt32BE(0);
}

test("sites become names as they come and go, and the serial only rises", () => {
  const live = start(7);
  assert.equal(serial(live), 8);
  live.setSites(sites("first", "second"), 12);
  assert.equal(serial(live), 13);
  assert.equal(zoneOf(live)?.nodes.get(key("second.kingcdn.test"))?.steered, "second");
  live.setSites(sites("first"), 2);
  assert.equal(serial(live), 13, "a store that begins again does not turn it back");
  assert.equal(zoneOf(live)?.nodes.get(key("second.kingcdn.test")), undefined);
});

test("a snapshot that a query holds does not change under it", () => {
  const live = start();
  const held = live.snapshot();
  const failed = { kind: "probe", number: 1, works: false, detail: "", at: 1 } as const;
  const down = nextHealth(newEdgeHealth(0, false), failed, { rise: 2, fall: 3 });
  live.setHealth(new Map([["syd-1", down]]));
  live.setSites(sites(), 3);
  assert.notEqual(live.snapshot(), held);
  assert.ok(held.zones.byApex.get(key("kingcdn.test"))?.nodes.has(key("first.kingcdn.test")));
  assert.equal(live.view().pops[0]?.edges[0]?.standing, "down");
});

test("zones that cannot be served together leave the last good ones", () => {
  const live = start();
  const text = `$TTL 60
@ IN SOA ns1.kingcdn.test. h.kingcdn.test. 1 2 3 4 5
@ IN NS ns1.kingcdn.test.
ns1 IN A 192.0.2.1
`;
  const zone = parseZoneFile(text, "z", { origin: "kingcdn.test" });
  assert.ok(zone.ok, zone.ok ? "" : JSON.stringify(zone.error));
  const before = live.snapshot();
  live.setFileZones([zone.value]);
  assert.equal(live.snapshot(), before);
});
