import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as dns from "dns-packet";
import { UNSIGNED } from "../../router-dns/signing.ts";
import { httpsService, serviceRdata } from "../../router-dns/wire/svcb.ts";
import { ask, FixedSteering, ipBytes, type Question, snapshotOf, zoneOf } from "./dns-world.ts";
import { cdnZone } from "./netcinema-world.ts";
import { signingOf } from "./sign/world.ts";

const SHOP = zoneOf(`
$ORIGIN shop.test.
$TTL 300
@      SOA ns1 hostmaster 7 3600 900 604800 60
       NS ns1
@      10 ALIAS netcinema.kingcdn.test.
ns1    A 192.0.2.1
www    CNAME netcinema.kingcdn.test.
host   60 A 192.0.2.80
host   60 HTTPS 1 . alpn=h2
copy   ALIAS host
own    ALIAS host
own    HTTPS 1 . alpn=h3
none   ALIAS ns1
gone   ALIAS nobody.kingcdn.test.
`);

const SERVICE = httpsService({ alpn: ["h2", "http/1.1"], port: 8443, hasHints: true });
const V4 = ["127.0.10.2", "127.0.10.1"];
const V6 = ["2001:db8::2"];

function world(options: { addresses?: string[]; isSigned?: boolean; hasService?: boolean } = {}) {
  const { addresses = [...V4, ...V6], isSigned = false, hasService = true } = options;
  const services = new Map(hasService ? [["netcinema", SERVICE]] : []);
  const steering = new FixedSteering({ addresses });
  const signing = isSigned ? signingOf("shop.test", "kingcdn.test") : UNSIGNED;
  return snapshotOf([SHOP, cdnZone({ services })], steering, signing);
}

/** The HTTPS records of an answer: owner, TTL and data in hexadecimal. */
function services(snapshot: ReturnType<typeof world>, name: string, more: Partial<Question> = {}) {
  const seen = ask(snapshot, { name, type: "HTTPS", udpBytes: 1232, ...more });
  const records = (dns.decode(Buffer.from(seen.bytes)).answers ?? []) as dns.BaseAnswer<
    string,
    Buffer
  >[];
  const lines = records
    .filter(({ type }) => type === "UNKNOWN_65")
    .map(({ name: owner, ttl, data }) => `${owner} ${ttl} ${data.toString("hex")}`);
  return { seen, records, lines };
}

function hex(v4: readonly string[], v6: readonly string[]): string {
  const rdata = serviceRdata(SERVICE, v4.map(ipBytes), v6.map(ipBytes));
  return Buffer.from(rdata).toString("hex");
}

describe("HTTPS of a steered name", () => {
  it("RFC 9460 s.7.3: has as hints what this client gets for A and AAAA, in that order", () => {
    const { seen, lines } = services(world(), "netcinema.kingcdn.test");
    assert.deepEqual(lines, [`netcinema.kingcdn.test 20 ${hex(V4, V6)}`]);
    assert.equal(seen.flags, "aa");
    const a = ask(world(), { name: "netcinema.kingcdn.test", type: "A" }).answer;
    assert.deepEqual(
      a.map((line) => line.split(" ").at(-1)),
      V4,
    );
    assert.equal(seen.outcome.steered?.site, "netcinema");
  });

  it("has the hints of one family where the PoP has no more", () => {
    const { lines } = services(world({ addresses: V4 }), "netcinema.kingcdn.test");
    assert.deepEqual(lines, [`netcinema.kingcdn.test 20 ${hex(V4, [])}`]);
  });

  it("tells clients apart with the scope of the map", () => {
    const options = [[8, "0001 18 00 815e00"]] as const;
    const { seen } = services(world(), "netcinema.kingcdn.test", { options });
    const echo = seen.opt?.options.find(({ code }) => code === 8) as { data: Buffer } | undefined;
    assert.equal(echo?.data.toString("hex"), "00011810815e00");
  });

  it("is not there where no edge is, and may be asked for again soon", () => {
    const { seen, lines } = services(world({ addresses: [] }), "netcinema.kingcdn.test");
    assert.deepEqual(lines, []);
    assert.match(seen.authority.join(), /^kingcdn\.test 20 SOA/);
  });

  it("is not there where nothing says so: the type is denied, for as long as the zone says", () => {
    const unset = world({ hasService: false, isSigned: true });
    const { seen, lines } = services(unset, "netcinema.kingcdn.test", { isDnssecOk: true });
    assert.deepEqual(lines, []);
    assert.match(seen.authority[0] ?? "", /^kingcdn\.test 60 SOA/);
    const nsec = seen.authority.find((line) => line.includes(" NSEC "));
    assert.match(nsec ?? "", / A,AAAA,RRSIG,NSEC$/);
    assert.equal(seen.outcome.steered, undefined);
  });

  it("can be what a CNAME leads to, and the records are the site's", () => {
    const { lines } = services(world(), "www.shop.test");
    assert.deepEqual(lines, [`netcinema.kingcdn.test 20 ${hex(V4, V6)}`]);
  });

  it("is signed by the zone of its owner, and listed by its denials", () => {
    const signed = world({ isSigned: true });
    for (const [name, ttl, labels, zone] of [
      ["netcinema.kingcdn.test", 20, 3, "kingcdn.test"],
      ["shop.test", 10, 2, "shop.test"],
    ] as const) {
      const { records, lines } = services(signed, name, { isDnssecOk: true });
      assert.deepEqual(lines, [`${name} ${ttl} ${hex(V4, V6)}`]);
      const rrsig = records.find(({ type }) => type === "RRSIG")?.data as unknown as {
        readonly typeCovered: string;
        readonly labels: number;
        readonly signersName: string;
      };
      const { typeCovered, signersName } = rrsig;
      assert.deepEqual([typeCovered, rrsig.labels, signersName], ["UNKNOWN_65", labels, zone]);
      const text = ask(signed, { name, type: "TXT", udpBytes: 1232, isDnssecOk: true });
      assert.match(text.authority.join(), / NSEC .*UNKNOWN_65/);
    }
  });

  it("whose edges are all down is denied without itself, and with the others", () => {
    const down = world({ addresses: [], isSigned: true });
    const { seen } = services(down, "shop.test", { isDnssecOk: true });
    const nsec = seen.authority.find((line) => line.includes(" NSEC ")) ?? "";
    assert.match(nsec, /AAAA/);
    assert.doesNotMatch(nsec, /UNKNOWN_65/);
  });
});

describe("HTTPS of an alias", () => {
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    ["is that of the site, as its own", "shop.test", [`shop.test 10 ${hex(V4, V6)}`]],
    [
      "of a static name is that of this",
      "copy.shop.test",
      ["copy.shop.test 60 00010000010003026832"],
    ],
    ["is its own where it has one", "own.shop.test", ["own.shop.test 300 00010000010003026833"]],
    ["is not there where the target has none", "none.shop.test", []],
  ];
  for (const [title, name, expected] of cases) {
    it(title, () => assert.deepEqual(services(world(), name).lines, expected));
  }

  it("that leads nowhere is SERVFAIL", () => {
    assert.equal(services(world(), "gone.shop.test").seen.rcode, "SERVFAIL");
  });
});
