import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Snapshot } from "../../router-dns/pipeline.ts";
import { ALIAS_CHAIN_MAX } from "../../router-dns/zone/alias.ts";
import { ask, FixedSteering, keyOf, snapshotOf, words, zoneOf } from "./dns-world.ts";
import { cdnZone } from "./netcinema-world.ts";
import { signingOf } from "./sign/world.ts";

const SHOP = zoneOf(`
$ORIGIN shop.test.
$TTL 300
@       SOA ns1 hostmaster 7 3600 900 604800 60
        NS ns1
        MX 10 mail
        TXT "apex"
@       600 ALIAS netcinema.kingcdn.test.
ns1     A 192.0.2.1
mail    A 192.0.2.25
fast    5 ALIAS netcinema.kingcdn.test.
static  ALIAS host.other.test.
short   ALIAS brief.other.test.
v4      ALIAS only4.other.test.
text    ALIAS text.other.test.
via     ALIAS www.other.test.
twice   ALIAS fast
*.wild  ALIAS netcinema.kingcdn.test.
www     CNAME @
own     ALIAS host.other.test.
own     HTTPS 1 . alpn=h3
gone    ALIAS nobody.kingcdn.test.
`);

const OTHER = zoneOf(`
$ORIGIN other.test.
$TTL 100
@       SOA ns1 hostmaster 7 3600 900 604800 30
        NS ns1
ns1     A 192.0.2.2
host    A 192.0.2.80
        A 192.0.2.81
        AAAA 2001:db8::80
        HTTPS 1 . alpn=h2
brief   7 A 192.0.2.82
only4   A 192.0.2.83
text    TXT "no address"
www     50 CNAME host
sub     NS ns.sub
ns.sub  A 192.0.2.53
tree    DNAME other2.test.
`);

const ADDRESSES = ["127.0.10.1", "127.0.10.2"];

function world(steering = new FixedSteering({ addresses: ADDRESSES })): Snapshot {
  return snapshotOf([SHOP, OTHER, cdnZone()], steering);
}

function signedWorld(): Snapshot {
  const steering = new FixedSteering({ addresses: ADDRESSES });
  const signing = signingOf("shop.test", "kingcdn.test");
  return snapshotOf([SHOP, OTHER, cdnZone()], steering, signing);
}

describe("an alias", () => {
  const cases: readonly {
    readonly title: string;
    readonly name: string;
    readonly type?: "A" | "AAAA" | "MX" | "TXT" | "NS" | "CNAME";
    readonly answer: readonly string[];
  }[] = [
    {
      title: "at the apex has the addresses of the site, with the lesser TTL",
      name: "shop.test",
      answer: ["shop.test 20 A 127.0.10.1", "shop.test 20 A 127.0.10.2"],
    },
    {
      title: "has its own TTL where that is the lesser",
      name: "fast.shop.test",
      answer: ["fast.shop.test 5 A 127.0.10.1", "fast.shop.test 5 A 127.0.10.2"],
    },
    {
      title: "leaves the other records of the name as they are",
      name: "shop.test",
      type: "MX",
      answer: ["shop.test 300 MX 10 mail.shop.test"],
    },
    {
      title: "leaves the servers",
      name: "shop.test",
      type: "NS",
      answer: ["shop.test 300 NS ns1.shop.test"],
    },
    { title: "leaves texts", name: "shop.test", type: "TXT", answer: ['shop.test 300 TXT "apex"'] },
    { title: "is no CNAME", name: "shop.test", type: "CNAME", answer: [] },
    {
      title: "of a static name has its addresses",
      name: "static.shop.test",
      answer: ["static.shop.test 100 A 192.0.2.80", "static.shop.test 100 A 192.0.2.81"],
    },
    {
      title: "of a static name has its IPv6 addresses",
      name: "static.shop.test",
      type: "AAAA",
      answer: ["static.shop.test 100 AAAA 2001:db8::80"],
    },
    {
      title: "has the TTL of the target where that is the lesser",
      name: "short.shop.test",
      answer: ["short.shop.test 7 A 192.0.2.82"],
    },
    {
      title: "has what the target has, and no more",
      name: "v4.shop.test",
      type: "AAAA",
      answer: [],
    },
    { title: "of a name without addresses has none", name: "text.shop.test", answer: [] },
    {
      title: "goes through CNAMEs, with the least TTL of all",
      name: "via.shop.test",
      answer: ["via.shop.test 50 A 192.0.2.80", "via.shop.test 50 A 192.0.2.81"],
    },
    {
      title: "goes through other aliases",
      name: "twice.shop.test",
      answer: ["twice.shop.test 5 A 127.0.10.1", "twice.shop.test 5 A 127.0.10.2"],
    },
    {
      title: "at a wildcard stands for every name below",
      name: "any.wild.shop.test",
      answer: ["any.wild.shop.test 20 A 127.0.10.1", "any.wild.shop.test 20 A 127.0.10.2"],
    },
    {
      title: "can be what a CNAME points at",
      name: "www.shop.test",
      answer: [
        "www.shop.test 300 CNAME shop.test",
        "shop.test 20 A 127.0.10.1",
        "shop.test 20 A 127.0.10.2",
      ],
    },
  ];
  for (const { title, name, type = "A", answer } of cases) {
    it(title, () => {
      const seen = ask(world(), { name, type });
      assert.equal(seen.rcode, "NOERROR");
      assert.equal(seen.flags, "aa");
      assert.deepEqual(seen.answer, answer);
      const isEmpty = answer.length === 0;
      assert.equal(seen.authority.length, isEmpty ? 1 : 0);
      assert.deepEqual(seen.additional.length, type === "NS" ? 1 : 0);
    });
  }

  it("tells its answers apart by client, with the scope of the map", () => {
    const steering = new FixedSteering({ addresses: ADDRESSES });
    const snapshot = world(steering);
    const options = [[8, "0001 18 00 815e00"]] as const;
    const seen = ask(snapshot, { name: "shop.test", options });
    const echo = seen.opt?.options.find(({ code }) => code === 8) as { data: Buffer } | undefined;
    assert.equal(echo?.data.toString("hex"), "00011810815e00");
    assert.equal(steering.asked[0]?.site, "netcinema");
    assert.equal(seen.outcome.steered?.site, "netcinema");
    const fixed = ask(snapshot, { name: "static.shop.test", options });
    const scope = fixed.opt?.options.find(({ code }) => code === 8) as { data: Buffer } | undefined;
    assert.equal(scope?.data.toString("hex"), "00011800815e00", "static: the same for everybody");
  });

  it("whose site has no edge now is answered so for no longer than addresses", () => {
    const none = world(new FixedSteering({ addresses: [] }));
    const seen = ask(none, { name: "shop.test", udpBytes: 1232 });
    assert.deepEqual(seen.answer, []);
    assert.match(seen.authority.join(), /^shop\.test 20 SOA /);
  });

  it("has ANY answered like any name, and is no type that can be asked for", () => {
    const any = ask(world(), { name: "static.shop.test", type: "ANY" });
    assert.match(any.answer.join(), /RFC8482/);
    const pseudo = ask(world(), { name: "static.shop.test", type: 65_401 });
    assert.deepEqual([pseudo.rcode, pseudo.answer], ["NOERROR", []]);
  });

  it("that leads nowhere any more is SERVFAIL, not an answer that may be kept", () => {
    for (const type of ["A", "AAAA", "HTTPS"] as const) {
      const seen = ask(world(), { name: "gone.shop.test", type, udpBytes: 1232 });
      assert.equal(seen.rcode, "SERVFAIL");
      assert.deepEqual([seen.answer, seen.authority, seen.flags], [[], [], ""]);
    }
    const text = ask(world(), { name: "gone.shop.test", type: "TXT" });
    assert.equal(text.rcode, "NOERROR", "its other types are no worse for it");
  });

  it("into a zone of a primary that is not there yet is SERVFAIL, Not Ready", () => {
    const snapshot = snapshotOf([SHOP]);
    const missing = new Set([keyOf("other.test")]);
    const waiting = { ...snapshot, zones: { ...snapshot.zones, missing } };
    const seen = ask(waiting, { name: "static.shop.test", udpBytes: 1232 });
    assert.equal(seen.rcode, "SERVFAIL");
    const options = seen.opt?.options as unknown as { code: number; data: Buffer }[];
    assert.deepEqual(
      options.find(({ code }) => code === 15)?.data,
      words(14),
      "RFC 8914: Not Ready",
    );
  });

  it("chain is bounded", () => {
    const chain = (links: number) =>
      zoneOf(
        [
          "$ORIGIN c.test.\n$TTL 60\n@ SOA ns1 h 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.1",
          ...Array.from({ length: links }, (_, i) => `a${i} ALIAS a${i + 1}`),
          `a${links} A 192.0.2.9`,
        ].join("\n"),
      );
    const long = snapshotOf([chain(ALIAS_CHAIN_MAX)]);
    assert.equal(ask(long, { name: "a0.c.test" }).answer.join(), "a0.c.test 60 A 192.0.2.9");
    const longer = snapshotOf([chain(ALIAS_CHAIN_MAX + 1)]);
    assert.equal(ask(longer, { name: "a0.c.test" }).rcode, "SERVFAIL");
  });
});

describe("an alias in a signed zone", () => {
  function types(name: string, type: "A" | "AAAA" | "TXT" | "CNAME") {
    const seen = ask(signedWorld(), { name, type, udpBytes: 1232, isDnssecOk: true });
    return { answer: seen.answer, authority: seen.authority };
  }

  it("is signed as records of its own name, by its own zone", () => {
    const { answer } = types("shop.test", "A");
    assert.equal(answer.length, 3);
    // Type covered, algorithm, labels, TTL ... signer.
    assert.match(answer[2] ?? "", /^shop\.test 20 RRSIG A 15 2 20 .* shop\.test /);
    const wild = types("any.wild.shop.test", "A").answer;
    assert.match(wild[2] ?? "", /^any\.wild\.shop\.test 20 RRSIG A 15 4 20 /);
  });

  it("has its missing types denied, and never those that it has", () => {
    const nsec = (name: string, type: "A" | "AAAA" | "TXT" | "CNAME") =>
      types(name, type).authority.find((line) => line.includes(" NSEC ")) ?? "";
    const denied = nsec("shop.test", "CNAME");
    for (const type of ["A", "AAAA", "UNKNOWN_65", "MX", "SOA", "DNSKEY"]) {
      assert.match(denied, new RegExp(`[ ,]${type}(,|$)`), type);
    }
    const noV6 = nsec("v4.shop.test", "AAAA");
    assert.match(noV6, /[ ,]A,/);
    assert.doesNotMatch(noV6, /AAAA/);
  });
});
