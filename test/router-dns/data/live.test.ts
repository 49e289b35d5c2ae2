import assert from "node:assert/strict";
import { test } from "node:test";
import { delegatedName } from "../../../common/acme-names.ts";
import { type Logger, silentLogger } from "../../../common/log.ts";
import { LiveSnapshot } from "../../../router-dns/data/live.ts";
import { compileMap } from "../../../router-dns/geo/compile.ts";
import { noCoverage } from "../../../router-dns/geo/coverage.ts";
import { PlaceSet } from "../../../router-dns/geo/place-set.ts";
import { newEdgeHealth, nextHealth } from "../../../router-dns/health/board.ts";
import { TYPE } from "../../../router-dns/wire/codes.ts";
import { nameKey, parseName } from "../../../router-dns/wire/name.ts";
import { parseZoneFile } from "../../../router-dns/zone/zone-file.ts";
import { fivePops, siteConfig } from "../support.ts";

const POPS = fivePops({});
const MAP = compileMap({
  pops: [],
  locations: { places: new PlaceSet(), v4: undefined, v6: undefined, sources: [] },
  coverage: noCoverage(),
});

const challenges = new Map();

function sites(...names: string[]) {
  return new Map(names.map((name) => [name, siteConfig(name)]));
}

function start(version = 0, options: { zone?: string; log?: Logger } = {}): LiveSnapshot {
  const { zone, log = silentLogger } = options;
  return new LiveSnapshot(
    {
      domain: "kingcdn.test",
      nameservers: [{ name: "ns1.kingcdn.test", address: "127.0.0.1" }],
      ttlSeconds: 20,
      pops: POPS,
      anyName: false,
      answersMax: 4,
      log,
    },
    {
      fileZones: zone === undefined ? [] : [fileZone(zone)],
      built: { map: MAP, sources: [], broken: [] },
      sites: sites("first"),
      version,
      health: new Map(),
    },
  );
}

/** The zone shop.test with these further records. */
function fileZone(records: string) {
  const head = "$ORIGIN shop.test.\n$TTL 60\n@ SOA ns1 h 1 2 3 4 5\n  NS ns1\nns1 A 192.0.2.1\n";
  const zone = parseZoneFile(`${head}${records}\n`, "shop.zone");
  assert.ok(zone.ok);
  return zone.value;
}

/** A logger that remembers what it is told as `<event> <reason>`. */
function remembering(): { readonly log: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  const keep = ({ event, reason = "" }: { event: string; reason?: string }) => {
    lines.push(`${event} ${reason}`);
  };
  const log = { ...silentLogger, info: keep, warn: keep, error: keep };
  return { log, lines };
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
  live.setSites({ sites: sites("first", "second"), challenges, version: 12 });
  assert.equal(serial(live), 13);
  assert.equal(zoneOf(live)?.nodes.get(key("second.kingcdn.test"))?.steered, "second");
  live.setSites({ sites: sites("first"), challenges, version: 2 });
  assert.equal(serial(live), 13, "a store that begins again does not turn it back");
  assert.equal(zoneOf(live)?.nodes.get(key("second.kingcdn.test")), undefined);
});

test("a snapshot that a query holds does not change under it", () => {
  const live = start();
  const held = live.snapshot();
  const failed = { kind: "probe", number: 1, works: false, detail: "", at: 1 } as const;
  const down = nextHealth(newEdgeHealth(0, false), failed, { rise: 2, fall: 3 });
  live.setHealth(new Map([["syd-1", down]]));
  live.setSites({ sites: sites(), challenges, version: 3 });
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

test("an alias that nothing but its file can mend is refused, with its place", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    [
      "@ ALIAS www.example.com.",
      /^shop\.zone:6:1: shop\.test\. is an ALIAS of www\.example\.com\., which is in no zone/,
    ],
    ["\nwww ALIAS nowhere", /^shop\.zone:7:1: .* has no such name$/],
    ["a ALIAS b\nb ALIAS a", /^shop\.zone:6:1: .* in a circle/],
    ["a ALIAS x.sub\nsub NS ns1.example.com.", /^shop\.zone:6:1: .* delegated to other servers/],
    ["a ALIAS x.tree\ntree DNAME example.com.", /^shop\.zone:6:1: .* below a DNAME/],
  ];
  for (const [zone, message] of cases) {
    assert.throws(() => start(0, { zone }), { name: "RouterFilesError", message }, zone);
  }
});

test("an alias of a site that is not there is said once, and once that it is mended", () => {
  const { log, lines } = remembering();
  const live = start(0, { zone: "@ ALIAS second.kingcdn.test.", log });
  const broken =
    /^alias-broken shop\.zone:6:1: shop\.test\. is an ALIAS of second\.kingcdn\.test\., and/;
  assert.match(lines.join("\n"), broken);
  live.setSites({ sites: sites("first", "third"), challenges, version: 1 });
  assert.equal(lines.length, 1, "it is known");
  live.setSites({ sites: sites("first", "second"), challenges, version: 2 });
  assert.match(lines[1] ?? "", /^alias-mended shop\.zone:6:1: /);
  live.setSites({ sites: sites("first"), challenges, version: 3 });
  assert.match(lines[2] ?? "", broken);
});

test("a zone file with an alias that leads nowhere leaves the zones of before", () => {
  const { log, lines } = remembering();
  const live = start(0, { zone: "@ ALIAS first.kingcdn.test.", log });
  const before = zoneOf(live, "shop.test");
  live.setFileZones([fileZone("@ ALIAS www.example.com.")]);
  assert.equal(zoneOf(live, "shop.test"), before);
  assert.match(lines.join("\n"), /^zones-refused shop\.zone:6:1: /);
});

test("RFC 8555 s.8.4: a challenge has a TXT record, in the zone or where it is led to", () => {
  const live = start();
  const base = { kind: "dns-01", expiresAt: 9 } as const;
  const all = [
    { ...base, token: "a", host: "kingcdn.test", value: "of-the-domain" },
    { ...base, token: "b", host: "kingcdn.test", value: "of-the-wildcard" },
    { ...base, token: "c", host: "www.shop.example", value: "of-a-customer" },
    { ...base, token: "d", host: "..kingcdn.test", value: "of-nothing" },
    { ...base, token: "e", host: "kingcdn.test", value: "x".repeat(256) },
    { ...base, token: "f", kind: "http-01", host: "kingcdn.test", value: "for-edges" },
  ] as const;
  const texts = (name: string): string[] => {
    const sets = zoneOf(live)?.nodes.get(key(name))?.rrsets ?? [];
    const rdatas = sets.find(({ type }) => type === TYPE.TXT)?.rdatas ?? [];
    return rdatas.map(({ prefix }) => Buffer.from(prefix).toString("latin1", 1));
  };
  assert.deepEqual(texts("_acme-challenge.kingcdn.test"), []);
  const put = new Map(all.map((one) => [one.token, one]));
  live.setSites({ sites: sites(), challenges: put, version: 5 });
  assert.deepEqual(texts("_acme-challenge.kingcdn.test"), ["of-the-domain", "of-the-wildcard"]);
  assert.deepEqual(texts(delegatedName("www.shop.example", "kingcdn.test")), ["of-a-customer"]);
  live.setSites({ sites: sites(), challenges, version: 6 });
  assert.deepEqual(texts("_acme-challenge.kingcdn.test"), []);
});
