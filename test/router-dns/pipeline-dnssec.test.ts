import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as dns from "dns-packet";
import type { Snapshot } from "../../router-dns/pipeline.ts";
import { ask, FixedSteering, type Question, snapshotOf, zoneOf } from "./dns-world.ts";
import { cdnZone } from "./netcinema-world.ts";
import { signingOf } from "./sign/world.ts";

const SIGNED = zoneOf(`
$ORIGIN signed.test.
$TTL 300
@      SOA ns1 hostmaster 7 3600 900 604800 60
       NS ns1
       NS ns.sub
ns1    A 192.0.2.1
Www    A 192.0.2.80
       A 192.0.2.81
video  CNAME netcinema.kingcdn.test.
out    CNAME www.plain.test.
*.wild TXT "any"
x.a.b  PTR www
sub    NS ns.sub
ns.sub A 192.0.2.53
sec    NS ns.sub
       DS 12345 13 2 00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF
big    TXT "${"x".repeat(255)}" "${"y".repeat(255)}" "${"z".repeat(200)}"
many   TXT "${"x".repeat(255)}" "${"y".repeat(255)}" "${"z".repeat(255)}" "${"v".repeat(255)}" "${"w".repeat(100)}"
`);

const PLAIN = zoneOf(`
$ORIGIN plain.test.
$TTL 300
@   SOA ns1 hostmaster 7 3600 900 604800 60
    NS ns1
ns1 A 192.0.2.1
www A 192.0.2.90
`);

const ADDRESSES = ["127.0.10.1", "127.0.10.2"];

function world(steering = new FixedSteering({ addresses: ADDRESSES })): Snapshot {
  const zones = [SIGNED, PLAIN, cdnZone()];
  return snapshotOf(zones, steering, signingOf("signed.test", "kingcdn.test"));
}

/** A record in short: `www.signed.test 300 A`, and what matters of signatures and denials. */
function short(record: dns.Answer): string {
  const { name, ttl, type, data } = record as dns.BaseAnswer<string, never>;
  const head = `${name} ${ttl} ${type}`;
  if (type === "RRSIG") {
    const { typeCovered, labels, originalTTL, signersName } = data as unknown as {
      typeCovered: string;
      labels: number;
      originalTTL: number;
      signersName: string;
    };
    return `${head} ${typeCovered} ${labels} ${originalTTL} ${signersName}`;
  }
  if (type === "NSEC") {
    const { nextDomain, rrtypes } = data as unknown as { nextDomain: string; rrtypes: string[] };
    return `${head} ${nextDomain} ${rrtypes.join(" ")}`;
  }
  return head;
}

function asked(question: Question, snapshot = world()) {
  const seen = ask(snapshot, { udpBytes: 1232, isDnssecOk: true, ...question });
  const packet = dns.decode(Buffer.from(seen.bytes));
  return {
    rcode: seen.rcode,
    flags: seen.flags,
    answer: (packet.answers ?? []).map(short),
    authority: (packet.authorities ?? []).map(short),
    additional: (packet.additionals ?? []).filter(({ type }) => type !== "OPT").map(short),
  };
}

const SOA_PROOF = [
  "signed.test 60 SOA",
  // RFC 4034 s.3.1.4: the TTL that the zone has is signed, also where less of it is left.
  "signed.test 60 RRSIG SOA 2 300 signed.test",
];

describe("signatures", () => {
  it("RFC 4035 s.3.1: stand behind each set, for who has set DO", () => {
    const seen = asked({ name: "www.signed.test" });
    assert.deepEqual(seen.answer, [
      "www.signed.test 300 A",
      "www.signed.test 300 A",
      "www.signed.test 300 RRSIG A 3 300 signed.test",
    ]);
    assert.equal(seen.flags, "aa");
  });

  it("RFC 3225 s.3: go to nobody else", () => {
    for (const question of [
      { name: "www.signed.test", isDnssecOk: false },
      { name: "nope.signed.test", isDnssecOk: false },
      { name: "x.sec.signed.test", isDnssecOk: false },
    ]) {
      const { answer, authority } = asked(question);
      const text = [...answer, ...authority].join("\n");
      assert.doesNotMatch(text, /RRSIG|NSEC|DS/, question.name);
    }
    assert.equal(asked({ name: "nope.signed.test", isDnssecOk: false }).rcode, "NXDOMAIN");
  });

  it("are not there for zones that are not signed", () => {
    assert.deepEqual(asked({ name: "www.plain.test" }).answer, ["www.plain.test 300 A"]);
    const missing = asked({ name: "nope.plain.test" });
    assert.deepEqual([missing.rcode, missing.authority], ["NXDOMAIN", ["plain.test 60 SOA"]]);
  });

  it("of a chain are made by the zone of each link", () => {
    assert.deepEqual(asked({ name: "video.signed.test" }).answer, [
      "video.signed.test 300 CNAME",
      "video.signed.test 300 RRSIG CNAME 3 300 signed.test",
      "netcinema.kingcdn.test 20 A",
      "netcinema.kingcdn.test 20 A",
      "netcinema.kingcdn.test 20 RRSIG A 3 20 kingcdn.test",
    ]);
    assert.deepEqual(asked({ name: "out.signed.test" }).answer, [
      "out.signed.test 300 CNAME",
      "out.signed.test 300 RRSIG CNAME 3 300 signed.test",
      "www.plain.test 300 A",
    ]);
  });

  it("of a wildcard's records are those of the name that was asked for: nothing is to be proved", () => {
    assert.deepEqual(asked({ name: "a.b.wild.signed.test", type: "TXT" }).answer, [
      "a.b.wild.signed.test 300 TXT",
      "a.b.wild.signed.test 300 RRSIG TXT 5 300 signed.test",
    ]);
    assert.deepEqual(asked({ name: "*.wild.signed.test", type: "TXT" }).answer, [
      "*.wild.signed.test 300 TXT",
      "*.wild.signed.test 300 RRSIG TXT 3 300 signed.test",
    ]);
  });

  it("of additional records are there as far as these are the zone's own", () => {
    const seen = asked({ name: "signed.test", type: "NS" });
    assert.deepEqual(seen.answer, [
      "signed.test 300 NS",
      "signed.test 300 NS",
      "signed.test 300 RRSIG NS 2 300 signed.test",
    ]);
    assert.deepEqual(seen.additional.toSorted(), [
      "ns.sub.signed.test 300 A",
      "ns1.signed.test 300 A",
      "ns1.signed.test 300 RRSIG A 3 300 signed.test",
    ]);
  });

  it("RFC 8482: ANY gets one signed record", () => {
    assert.deepEqual(asked({ name: "www.signed.test", type: "ANY" }).answer, [
      "www.signed.test 3600 HINFO",
      "www.signed.test 3600 RRSIG HINFO 3 3600 signed.test",
    ]);
  });

  it("RFC 2181 s.9: that do not fit take the records along, and TCP has them", () => {
    const fits = asked({ name: "big.signed.test", type: "TXT" });
    assert.equal(fits.answer.length, 2);
    const cut = asked({ name: "many.signed.test", type: "TXT" });
    assert.deepEqual([cut.flags, cut.answer], ["aa tc", []]);
    const without = asked({ name: "many.signed.test", type: "TXT", isDnssecOk: false });
    assert.deepEqual([without.flags, without.answer.length], ["aa", 1], "it is the signature");
    assert.equal(
      asked({ name: "many.signed.test", type: "TXT", transport: "tcp" }).answer.length,
      2,
    );
  });
});

describe("keys", () => {
  it("are at the apex, with DO and without, signed by the KSK", () => {
    const seen = asked({ name: "signed.test", type: "DNSKEY" });
    assert.deepEqual(seen.answer, [
      "signed.test 3600 DNSKEY",
      "signed.test 3600 DNSKEY",
      "signed.test 3600 RRSIG DNSKEY 2 3600 signed.test",
    ]);
    assert.equal(
      asked({ name: "signed.test", type: "DNSKEY", isDnssecOk: false }).answer.length,
      2,
    );
    assert.deepEqual(asked({ name: "plain.test", type: "DNSKEY" }).answer, []);
  });

  it("RFC 7344: are what the parent is asked to name", () => {
    for (const type of ["CDS", "CDNSKEY"] as const) {
      assert.deepEqual(asked({ name: "signed.test", type }).answer, [
        `signed.test 3600 ${type}`,
        `signed.test 3600 RRSIG ${type} 2 3600 signed.test`,
      ]);
    }
  });

  it("are nowhere else", () => {
    const seen = asked({ name: "www.signed.test", type: "DNSKEY" });
    assert.deepEqual([seen.answer, seen.authority.length], [[], 4]);
  });
});

describe("RFC 9824: denial", () => {
  it("s.3.1: of a name is that it has nothing, not even the name", () => {
    const seen = asked({ name: "nope.signed.test" });
    assert.equal(seen.rcode, "NOERROR");
    assert.deepEqual(seen.authority, [
      ...SOA_PROOF,
      "nope.signed.test 60 NSEC \u0000.nope.signed.test RRSIG NSEC UNKNOWN_128",
      "nope.signed.test 60 RRSIG NSEC 3 60 signed.test",
    ]);
  });

  it("s.5.1: says NXDOMAIN to who has set CO, and that it knows what CO is", () => {
    const question = { name: "nope.signed.test", isCompactOk: true };
    const seen = ask(world(), { udpBytes: 1232, isDnssecOk: true, ...question });
    assert.equal(seen.rcode, "NXDOMAIN");
    assert.equal(seen.opt?.flags, 0xc000);
    assert.equal(asked(question).authority.length, 4);
    const plain = ask(world(), { ...question, udpBytes: 1232, name: "nope.plain.test" });
    assert.equal(plain.opt?.flags, 0, "not of a zone that is not signed");
    const found = ask(world(), {
      ...question,
      isDnssecOk: true,
      udpBytes: 1232,
      name: "signed.test",
    });
    assert.deepEqual([found.rcode, found.opt?.flags], ["NOERROR", 0xc000]);
  });

  it("s.3.2: of a type lists the others", () => {
    const expected: readonly (readonly [name: string, types: string])[] = [
      ["www.signed.test", "A RRSIG NSEC"],
      ["signed.test", "NS SOA RRSIG NSEC DNSKEY CDS CDNSKEY"],
      ["q.wild.signed.test", "TXT RRSIG NSEC"],
      ["wild.signed.test", "RRSIG NSEC"],
      ["b.signed.test", "RRSIG NSEC"],
    ];
    for (const [name, types] of expected) {
      const seen = asked({ name, type: "MX" });
      assert.equal(seen.rcode, "NOERROR");
      const labels = name.split(".").length;
      assert.deepEqual(seen.authority, [
        ...SOA_PROOF,
        `${name} 60 NSEC \u0000.${name} ${types}`,
        `${name} 60 RRSIG NSEC ${labels} 60 signed.test`,
      ]);
    }
  });

  it("s.2: NXNAME is in type bit maps only", () => {
    const seen = ask(world(), { name: "signed.test", type: "NXNAME", udpBytes: 1232 });
    assert.equal(seen.rcode, "FORMERR");
    const option = seen.opt?.options[0] as { code: number; data: Buffer } | undefined;
    assert.deepEqual([option?.code, option?.data.readUInt16BE(0)], [15, 30]);
  });

  it("is the answer to NSEC, and its signature the answer to RRSIG", () => {
    assert.deepEqual(asked({ name: "www.signed.test", type: "NSEC" }).answer, [
      "www.signed.test 60 NSEC \u0000.www.signed.test A RRSIG NSEC",
      "www.signed.test 60 RRSIG NSEC 3 60 signed.test",
    ]);
    assert.deepEqual(asked({ name: "www.signed.test", type: "RRSIG" }).answer, [
      "www.signed.test 60 RRSIG NSEC 3 60 signed.test",
    ]);
    const plain = asked({ name: "www.signed.test", type: "NSEC", isDnssecOk: false });
    assert.equal(plain.answer.length, 1);
    assert.equal(asked({ name: "x.sub.signed.test", type: "NSEC" }).flags, "", "not of a child");
    assert.equal(asked({ name: "www.plain.test", type: "NSEC" }).answer.length, 0);
  });
});

describe("delegations", () => {
  it("RFC 4035 s.3.1.4: the DS of a signed child is there and signed, its NS is not", () => {
    const seen = asked({ name: "www.sec.signed.test" });
    assert.equal(seen.flags, "");
    assert.deepEqual(seen.authority, [
      "sec.signed.test 300 NS",
      "sec.signed.test 300 DS",
      "sec.signed.test 300 RRSIG DS 3 300 signed.test",
    ]);
  });

  it("RFC 4035 s.3.1.4.1: of another child it is proved that there is no DS", () => {
    const seen = asked({ name: "www.sub.signed.test" });
    assert.deepEqual(seen.authority, [
      "sub.signed.test 300 NS",
      "sub.signed.test 60 NSEC \u0000.sub.signed.test NS RRSIG NSEC",
      "sub.signed.test 60 RRSIG NSEC 3 60 signed.test",
    ]);
    assert.deepEqual(seen.additional, ["ns.sub.signed.test 300 A"], "glue is not signed");
    const ds = asked({ name: "sub.signed.test", type: "DS" });
    assert.equal(ds.flags, "aa");
    assert.deepEqual(ds.authority, [...SOA_PROOF, ...seen.authority.slice(1)]);
  });
});

describe("steered names", () => {
  const name = "netcinema.kingcdn.test";

  it("are signed with the TTL of steering", () => {
    assert.deepEqual(asked({ name }).answer, [
      `${name} 20 A`,
      `${name} 20 A`,
      `${name} 20 RRSIG A 3 20 kingcdn.test`,
    ]);
  });

  it("without an address of a family say so for as long as steering says", () => {
    assert.deepEqual(asked({ name, type: "AAAA" }).authority, [
      "kingcdn.test 20 SOA",
      "kingcdn.test 20 RRSIG SOA 2 3600 kingcdn.test",
      `${name} 20 NSEC \u0000.${name} A RRSIG NSEC`,
      `${name} 20 RRSIG NSEC 3 20 kingcdn.test`,
    ]);
  });

  it("never say for another type that there are no addresses: somebody else may have some", () => {
    assert.equal(
      asked({ name, type: "TXT" }).authority[2],
      `${name} 60 NSEC \u0000.${name} A AAAA RRSIG NSEC`,
    );
  });
});
