import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { answerQuery, CNAME_CHAIN_MAX } from "../../router-dns/pipeline.ts";
import { buildCdnZone } from "../../router-dns/zone/cdn-zone.ts";
import {
  ask,
  askBytes,
  FixedSteering,
  ipBytes,
  type Question,
  queryBytes,
  type Seen,
  snapshotOf,
  words,
  zoneOf,
} from "./dns-world.ts";

const CUSTOMER = zoneOf(`
$ORIGIN netcinema.test.
$TTL 300
@      IN SOA ns1 hostmaster 7 3600 900 604800 60
       IN NS ns1
ns1    IN A 192.0.2.1
       IN AAAA 2001:db8::1
video  IN CNAME netcinema.kingcdn.test.
alias  IN CNAME www
www    IN A 192.0.2.80
       IN TXT "hello" "world"
gone   IN CNAME nowhere
away   IN CNAME www.example.com.
loop-a IN CNAME loop-b
loop-b IN CNAME loop-a
self   IN CNAME self
mail   IN MX 10 mx.mail
mx.mail IN A 192.0.2.25
_sip._tcp IN SRV 1 2 5060 www
@      IN CAA 0 issue "ca.test"
*.wild IN TXT "any"
*.wild IN MX 5 www
deep.a.b IN PTR www
sub    IN NS ns.sub
sub    IN NS ns.other
ns.sub IN A 192.0.2.53
other  IN NS ns.other
ns.other IN A 192.0.2.54
to-sub IN CNAME x.sub
c0     IN CNAME c1
c1     IN CNAME c2
c2     IN CNAME c3
c3     IN CNAME c4
c4     IN CNAME c5
c5     IN CNAME c6
c6     IN CNAME c7
c7     IN CNAME c8
c8     IN CNAME c9
c9     IN CNAME www
`);

const SOA =
  "netcinema.test 60 SOA ns1.netcinema.test hostmaster.netcinema.test 7 3600 900 604800 60";

const CDN_SOA =
  "kingcdn.test 60 SOA ns1.kingcdn.test hostmaster.kingcdn.test 9 7200 900 1209600 60";

function cdnZone(options: { readonly anyNameSite?: string } = {}) {
  const zone = buildCdnZone({
    domain: "kingcdn.test",
    nameservers: [{ name: "ns1.kingcdn.test", address: "127.0.0.1" }],
    ttlSeconds: 20,
    serial: 9,
    sites: ["netcinema"],
    edges: [{ name: "syd-1", address: "127.0.10.1" }],
    ...options,
  });
  assert.ok(zone.ok);
  return zone.value;
}

function cdnWorld(steering = new FixedSteering({ addresses: ["127.0.10.1", "127.0.10.2"] })) {
  return snapshotOf([CUSTOMER, cdnZone()], steering);
}

/** One query and what must come back; what is left out must be empty. */
interface Case {
  readonly title: string;
  readonly ask: Question;
  readonly rcode?: string;
  readonly flags?: string;
  readonly answer?: readonly string[];
  readonly authority?: readonly string[];
  readonly additional?: readonly string[];
}

const CASES: readonly Case[] = [
  {
    title: "RFC 1034 s.4.3.2 step 3a: data at the name",
    ask: { name: "www.netcinema.test" },
    answer: ["www.netcinema.test 300 A 192.0.2.80"],
  },
  {
    title: "RFC 1035 s.3.3.14: character strings of TXT stay apart",
    ask: { name: "www.netcinema.test", type: "TXT" },
    answer: ['www.netcinema.test 300 TXT "hello" "world"'],
  },
  {
    title: "RFC 2782: SRV",
    ask: { name: "_sip._tcp.netcinema.test", type: "SRV" },
    answer: ["_sip._tcp.netcinema.test 300 SRV 1 2 5060 www.netcinema.test"],
  },
  {
    title: "RFC 8659: CAA",
    ask: { name: "netcinema.test", type: "CAA" },
    answer: ["netcinema.test 300 CAA 0 issue ca.test false"],
  },
  {
    title: "RFC 1035 s.3.3.9: MX, and no address records beside it",
    ask: { name: "mail.netcinema.test", type: "MX" },
    answer: ["mail.netcinema.test 300 MX 10 mx.mail.netcinema.test"],
  },
  {
    title: "RFC 1035 s.3.3.13: the SOA itself has its own TTL",
    ask: { name: "netcinema.test", type: "SOA" },
    answer: [SOA.replace(" 60 SOA", " 300 SOA")],
  },
  {
    title: "RFC 1035 s.4.1.1: RD is copied, RA is clear",
    ask: { name: "www.netcinema.test", flags: 0x0100 },
    flags: "aa rd",
    answer: ["www.netcinema.test 300 A 192.0.2.80"],
  },
  {
    title: "RFC 4035 s.3.1.6: CD is copied, AD is not",
    ask: { name: "www.netcinema.test", flags: 0x0030 },
    flags: "aa cd",
    answer: ["www.netcinema.test 300 A 192.0.2.80"],
  },
  {
    title: "RFC 2308 s.2.2: NODATA has the SOA with the smaller of its TTL and MINIMUM",
    ask: { name: "www.netcinema.test", type: "AAAA" },
    authority: [SOA],
  },
  {
    title: "RFC 2308 s.2.1: NXDOMAIN has the SOA",
    ask: { name: "nope.netcinema.test" },
    rcode: "NXDOMAIN",
    authority: [SOA],
  },
  {
    title: "RFC 4592 s.2.2.2: an empty non-terminal exists",
    ask: { name: "b.netcinema.test" },
    authority: [SOA],
  },
  {
    title: "RFC 8020 s.2: below a name without children there is nothing",
    ask: { name: "x.www.netcinema.test" },
    rcode: "NXDOMAIN",
    authority: [SOA],
  },
  {
    title: "RFC 4592 s.3.3.1: a wildcard answers in the name asked for",
    ask: { name: "x.wild.netcinema.test", type: "TXT" },
    answer: ['x.wild.netcinema.test 300 TXT "any"'],
  },
  {
    title: "RFC 4592 s.2.2.1: a wildcard stands for several labels",
    ask: { name: "x.y.wild.netcinema.test", type: "MX" },
    answer: ["x.y.wild.netcinema.test 300 MX 5 www.netcinema.test"],
  },
  {
    title: "RFC 4592 s.2.2.1: a wildcard without the type is NODATA",
    ask: { name: "x.wild.netcinema.test" },
    authority: [SOA],
  },
  {
    title: "RFC 1034 s.4.3.2 step 3a: CNAME is followed",
    ask: { name: "alias.netcinema.test" },
    answer: [
      "alias.netcinema.test 300 CNAME www.netcinema.test",
      "www.netcinema.test 300 A 192.0.2.80",
    ],
  },
  {
    title: "RFC 1034 s.3.6.2: a query for CNAME is not followed",
    ask: { name: "alias.netcinema.test", type: "CNAME" },
    answer: ["alias.netcinema.test 300 CNAME www.netcinema.test"],
  },
  {
    title: "RFC 6604 s.3: the code is that of the last name of the chain",
    ask: { name: "gone.netcinema.test" },
    rcode: "NXDOMAIN",
    answer: ["gone.netcinema.test 300 CNAME nowhere.netcinema.test"],
    authority: [SOA],
  },
  {
    title: "RFC 2308 s.2.2: a chain can end without data",
    ask: { name: "alias.netcinema.test", type: "AAAA" },
    answer: ["alias.netcinema.test 300 CNAME www.netcinema.test"],
    authority: [SOA],
  },
  {
    title: "RFC 1034 s.3.6.2: a chain that leaves our zones is the resolver's to follow",
    ask: { name: "away.netcinema.test" },
    answer: ["away.netcinema.test 300 CNAME www.example.com"],
  },
  {
    title: "RFC 1034 s.3.6.2: a loop of two is answered once around",
    ask: { name: "loop-a.netcinema.test" },
    answer: [
      "loop-a.netcinema.test 300 CNAME loop-b.netcinema.test",
      "loop-b.netcinema.test 300 CNAME loop-a.netcinema.test",
    ],
  },
  {
    title: "RFC 1034 s.3.6.2: a loop of one is answered once",
    ask: { name: "self.netcinema.test" },
    answer: ["self.netcinema.test 300 CNAME self.netcinema.test"],
  },
  {
    title: "RFC 1034 s.4.2.1: below a delegation, a referral without AA, in-domain glue first",
    ask: { name: "www.sub.netcinema.test" },
    flags: "",
    authority: [
      "sub.netcinema.test 300 NS ns.sub.netcinema.test",
      "sub.netcinema.test 300 NS ns.other.netcinema.test",
    ],
    additional: [
      "ns.sub.netcinema.test 300 A 192.0.2.53",
      "ns.other.netcinema.test 300 A 192.0.2.54",
    ],
  },
  {
    title: "RFC 1034 s.4.2.1: the NS records of a delegation are not ours to answer",
    ask: { name: "other.netcinema.test", type: "NS" },
    flags: "",
    authority: ["other.netcinema.test 300 NS ns.other.netcinema.test"],
    additional: ["ns.other.netcinema.test 300 A 192.0.2.54"],
  },
  {
    title: "RFC 1034 s.4.2.1: glue is not an answer",
    ask: { name: "ns.sub.netcinema.test" },
    flags: "",
    authority: [
      "sub.netcinema.test 300 NS ns.sub.netcinema.test",
      "sub.netcinema.test 300 NS ns.other.netcinema.test",
    ],
    additional: [
      "ns.sub.netcinema.test 300 A 192.0.2.53",
      "ns.other.netcinema.test 300 A 192.0.2.54",
    ],
  },
  {
    title: "RFC 4035 s.3.1.4.1: DS at a delegation is answered by the zone above",
    ask: { name: "other.netcinema.test", type: "DS" },
    authority: [SOA],
  },
  {
    title:
      "RFC 1034 s.4.3.2 step 3b: a chain into a delegation ends in a referral, AA for its start",
    ask: { name: "to-sub.netcinema.test" },
    answer: ["to-sub.netcinema.test 300 CNAME x.sub.netcinema.test"],
    authority: [
      "sub.netcinema.test 300 NS ns.sub.netcinema.test",
      "sub.netcinema.test 300 NS ns.other.netcinema.test",
    ],
    additional: [
      "ns.sub.netcinema.test 300 A 192.0.2.53",
      "ns.other.netcinema.test 300 A 192.0.2.54",
    ],
  },
  {
    title: "RFC 8482 s.4.2: ANY gets one small record",
    ask: { name: "www.netcinema.test", type: "ANY" },
    answer: ["www.netcinema.test 3600 HINFO RFC8482 "],
  },
  {
    title: "RFC 8482 s.4: ANY at a CNAME gets the CNAME",
    ask: { name: "alias.netcinema.test", type: "ANY" },
    answer: ["alias.netcinema.test 300 CNAME www.netcinema.test"],
  },
  {
    title: "RFC 8482 s.4: ANY at an empty non-terminal is NODATA",
    ask: { name: "b.netcinema.test", type: "ANY" },
    authority: [SOA],
  },
  {
    title: "RFC 1035 s.4.1.1: REFUSED outside our zones",
    ask: { name: "www.example.com" },
    rcode: "REFUSED",
    flags: "",
  },
  {
    title: "RFC 5936 s.2.2.1: a transfer is refused",
    ask: { name: "netcinema.test", type: "AXFR", transport: "tcp" },
    rcode: "REFUSED",
    flags: "",
  },
  {
    title: "RFC 1995 s.2: an incremental transfer is refused",
    ask: { name: "netcinema.test", type: "IXFR" },
    rcode: "REFUSED",
    flags: "",
  },
  {
    title: "RFC 1035 s.3.2.4: class CH is refused",
    ask: { name: "version.bind", type: "TXT", rrclass: 3 },
    rcode: "REFUSED",
    flags: "",
  },
  {
    title: "RFC 6895 s.2.2: opcode STATUS is not implemented, and comes back",
    ask: { name: "www.netcinema.test", flags: 2 << 11 },
    rcode: "NOTIMP",
    flags: "",
  },
  {
    title: "RFC 6895 s.3.1: OPT is no type to ask for",
    ask: { name: "www.netcinema.test", type: "OPT" },
    rcode: "FORMERR",
    flags: "",
  },
  {
    title: "RFC 1034 s.3.6.1: a steered name has the addresses of its edges",
    ask: { name: "netcinema.kingcdn.test" },
    answer: ["netcinema.kingcdn.test 20 A 127.0.10.1", "netcinema.kingcdn.test 20 A 127.0.10.2"],
  },
  {
    title: "RFC 2308 s.2.2: a steered name has no MX",
    ask: { name: "netcinema.kingcdn.test", type: "MX" },
    authority: [CDN_SOA],
  },
  {
    title: "RFC 2308 s.2.2: no edge of the family is NODATA",
    ask: { name: "netcinema.kingcdn.test", type: "AAAA" },
    authority: [CDN_SOA],
  },
  {
    title: "RFC 8482 s.4.2: ANY at a steered name",
    ask: { name: "netcinema.kingcdn.test", type: "ANY" },
    answer: ["netcinema.kingcdn.test 3600 HINFO RFC8482 "],
  },
  {
    title: "RFC 1034 s.3.6.2: a customer's CNAME leads to a steered name in one answer",
    ask: { name: "video.netcinema.test" },
    answer: [
      "video.netcinema.test 300 CNAME netcinema.kingcdn.test",
      "netcinema.kingcdn.test 20 A 127.0.10.1",
      "netcinema.kingcdn.test 20 A 127.0.10.2",
    ],
  },
  {
    title: "RFC 2308 s.2.2: a chain to a steered name of the other family",
    ask: { name: "video.netcinema.test", type: "AAAA" },
    answer: ["video.netcinema.test 300 CNAME netcinema.kingcdn.test"],
    authority: [CDN_SOA],
  },
  {
    title: "RFC 1034 s.3.6.1: a single edge",
    ask: { name: "syd-1.edge.kingcdn.test" },
    answer: ["syd-1.edge.kingcdn.test 20 A 127.0.10.1"],
  },
];

describe("answers over UDP and TCP", () => {
  for (const { title, ask: question, ...expected } of CASES) {
    it(title, () => {
      for (const transport of ["udp", "tcp"] as const) {
        const seen = ask(cdnWorld(), { ...question, transport });
        assert.equal(seen.rcode, expected.rcode ?? "NOERROR");
        assert.equal(seen.flags, expected.flags ?? "aa");
        assert.deepEqual(seen.answer, expected.answer ?? []);
        assert.deepEqual(seen.authority, expected.authority ?? []);
        assert.deepEqual(seen.additional, expected.additional ?? []);
        assert.equal(seen.opt, undefined);
      }
    });
  }
});

describe("the question", () => {
  it("RFC 4343 s.4.1: comes back octet for octet, and owns the records", () => {
    const seen = ask(cdnWorld(), { name: "NetCINEMA.kingCDN.tesT" });
    assert.equal(seen.question, "NetCINEMA.kingCDN.tesT A");
    assert.equal(seen.answer[0], "NetCINEMA.kingCDN.tesT 20 A 127.0.10.1");
  });

  it("RFC 4343 s.4.1: other names keep the case of the zone", () => {
    const seen = ask(cdnWorld(), { name: "Nope.NETCINEMA.test" });
    assert.deepEqual(seen.authority, [SOA]);
  });

  it("RFC 1035 s.4.1.1: the id comes back, and what is too short or a response gets nothing", () => {
    const context = {
      peer: ipBytes("192.0.2.1"),
      transport: "udp" as const,
      snapshot: cdnWorld(),
      maxUdpBytes: 1232,
    };
    const out = new Uint8Array(512);
    const query = queryBytes({ name: "www.netcinema.test" }, 0xbeef);
    assert.notEqual(answerQuery(query, context, out).length, 0);
    assert.deepEqual([...out.subarray(0, 2)], [0xbe, 0xef]);
    assert.equal(answerQuery(query.subarray(0, 11), context, out).length, 0);
    query[2] = 0x80;
    assert.equal(answerQuery(query, context, out).length, 0);
  });

  it("RFC 1035 s.4.1.1: none or two questions are FORMERR with a header only", () => {
    for (const count of [0, 2]) {
      const query = queryBytes({ name: "www.netcinema.test" });
      query[5] = count;
      const seen = askBytes(cdnWorld(), query);
      assert.equal(seen.rcode, "FORMERR");
      assert.equal(seen.bytes.length, 12);
    }
  });
});

describe("size", () => {
  const MANY = zoneOf(`$ORIGIN many.test.
$TTL 60
@ SOA ns h 1 2 3 4 5
@ NS ns
ns A 192.0.2.1
${Array.from({ length: 200 }, (_, i) => `big A 10.0.0.${i}`).join("\n")}
${Array.from({ length: 40 }, (_, i) => `some A 10.0.1.${i}`).join("\n")}
hop CNAME big
in NS ns.in
${Array.from({ length: 60 }, (_, i) => `ns.in A 10.0.2.${i}`).join("\n")}
out NS ns.in
`);
  const world = snapshotOf([MANY]);

  it("RFC 1035 s.4.2.1: more than 512 octets without EDNS is TC and no records", () => {
    const seen = ask(world, { name: "some.many.test" });
    assert.equal(seen.flags, "aa tc");
    assert.deepEqual(seen.answer, []);
    assert.equal(seen.outcome.truncated, true);
    assert.equal(seen.bytes.length, 12 + 20);
  });

  it("RFC 6891 s.6.2.3: the client's size counts, below 512 means 512", () => {
    assert.equal(ask(world, { name: "some.many.test", udpBytes: 700 }).answer.length, 40);
    assert.equal(ask(world, { name: "some.many.test", udpBytes: 100 }).flags, "aa tc");
    assert.equal(ask(world, { name: "ns.many.test", udpBytes: 0 }).answer.length, 1);
  });

  it("RFC 6891 s.6.2.5: our own limit counts, whatever the client says", () => {
    const seen = ask(world, { name: "big.many.test", udpBytes: 65_535 });
    assert.equal(seen.flags, "aa tc");
    assert.equal(seen.opt?.udpPayloadSize, 1232);
  });

  it("RFC 1035 s.4.2.2: over TCP all of it", () => {
    const seen = ask(world, { name: "big.many.test", transport: "tcp" });
    assert.equal(seen.flags, "aa");
    assert.equal(seen.answer.length, 200);
  });

  it("RFC 2181 s.9: a chain that does not fit loses its start too", () => {
    const seen = ask(world, { name: "hop.many.test" });
    assert.equal(seen.flags, "aa tc");
    assert.deepEqual(seen.answer, []);
  });

  it("RFC 9471 s.3.1: in-domain glue that does not fit sets TC and what fits stays", () => {
    const seen = ask(world, { name: "x.in.many.test" });
    assert.equal(seen.flags, "tc");
    assert.deepEqual(seen.authority, ["in.many.test 60 NS ns.in.many.test"]);
    assert.equal(seen.additional.length, 28);
  });

  it("RFC 9471 s.3.2: other glue is left out without TC", () => {
    const seen = ask(world, { name: "x.out.many.test" });
    assert.equal(seen.flags, "");
    assert.deepEqual(seen.authority, ["out.many.test 60 NS ns.in.many.test"]);
    assert.ok(seen.additional.length < 60);
  });

  it("RFC 1035 s.4.1.4: eight addresses of a 62-octet name take 207 octets", () => {
    const name = `${"a".repeat(49)}.kingcdn.test`;
    const addresses = Array.from({ length: 8 }, (_, i) => `127.0.10.${i}`);
    const snapshot = snapshotOf(
      [cdnZone({ anyNameSite: "any" })],
      new FixedSteering({ addresses }),
    );
    const seen = ask(snapshot, { name });
    assert.equal(name.length, 62);
    assert.equal(seen.answer.length, 8);
    // Header, name with length octets, type and class; then pointer, ten fixed octets and address.
    assert.equal(seen.bytes.length, 12 + 64 + 4 + 8 * 16);
  });

  it("a buffer that is too small is respected: less, then nothing", () => {
    assert.equal(ask(world, { name: "ns.many.test", outBytes: 40 }).flags, "aa tc");
    const context = {
      peer: ipBytes("192.0.2.1"),
      transport: "udp" as const,
      snapshot: world,
      maxUdpBytes: 1232,
    };
    const question = { name: "ns.many.test", udpBytes: 1232 };
    for (const bytes of [0, 11, 12, 29, 30, 40]) {
      const outcome = answerQuery(queryBytes(question), context, new Uint8Array(bytes));
      assert.equal(outcome.length, 0);
    }
  });

  it(`a CNAME chain is followed ${CNAME_CHAIN_MAX} times`, () => {
    const seen = ask(cdnWorld(), { name: "c0.netcinema.test" });
    assert.equal(seen.answer.length, CNAME_CHAIN_MAX + 1);
    assert.equal(seen.answer.at(-1), "c8.netcinema.test 300 CNAME c9.netcinema.test");
  });
});

describe("steering", () => {
  const ECS = 8;

  /** The client subnet of the answer as hexadecimal, or undefined. */
  function echoed({ opt }: Seen): string | undefined {
    const option = opt?.options.find(({ code }) => code === ECS) as { data: Buffer } | undefined;
    return option?.data.toString("hex");
  }

  const cases: readonly {
    readonly title: string;
    readonly option?: string;
    readonly name?: string;
    readonly peer?: string;
    readonly client?: string;
    readonly source?: string;
    readonly echo?: string;
    readonly scope?: number;
  }[] = [
    {
      title: "RFC 7871 s.7.2.1: the client subnet is whom the answer is for",
      option: "0001 18 00 815e00",
      client: "129.94.0.0/24",
      source: "ecs",
      echo: "00011810815e00",
    },
    {
      title: "RFC 7871 s.6: a source that ends inside an octet",
      option: "0001 14 00 815e10",
      client: "129.94.16.0/20",
      source: "ecs",
      echo: "00011410815e10",
    },
    {
      title: "RFC 7871 s.7.2.1: the scope may be longer than the source",
      option: "0001 08 00 81",
      client: "129.0.0.0/8",
      source: "ecs",
      echo: "0001081881",
      scope: 24,
    },
    {
      title: "RFC 7871 s.6: IPv6",
      option: "0002 38 00 20010db8000001",
      client: "2001:db8:0:100::/56",
      source: "ecs",
      echo: "0002381020010db8000001",
    },
    {
      title: "RFC 7871 s.6: IPv4 inside IPv6 is IPv4, and its scope counts from the front",
      option: "0002 78 00 00000000000000000000ffff815e00",
      client: "129.94.0.0/24",
      source: "ecs",
      echo: "0002787000000000000000000000ffff815e00",
    },
    {
      title: "RFC 7871 s.6: a scope that is too long for the family is cut",
      option: "0001 18 00 815e00",
      client: "129.94.0.0/24",
      source: "ecs",
      echo: "00011820815e00",
      scope: 99,
    },
    {
      title: "RFC 7871 s.7.1.2: length 0 is steered by the resolver's address, scope 0",
      option: "0001 00 00",
      client: "198.51.100.1/32",
      source: "resolver",
      echo: "00010000",
    },
    {
      title: "RFC 7871 s.7.1.2: length 0 without a family",
      option: "0000 00 00",
      client: "198.51.100.1/32",
      source: "resolver",
      echo: "00000000",
    },
    {
      title: "RFC 7871 s.6: an unknown family is as if the option were not there",
      option: "0003 18 00 815e00",
      client: "198.51.100.1/32",
      source: "resolver",
    },
    {
      title: "RFC 7871 s.7.2.1: without the option, the resolver's address, and no echo",
      peer: "2001:db8::7",
      client: "2001:db8::7/128",
      source: "resolver",
    },
    {
      title: "RFC 7871 s.7.2.1: a static answer has scope 0",
      name: "syd-1.edge.kingcdn.test",
      option: "0001 18 00 815e00",
      echo: "00011800815e00",
    },
    {
      title: "RFC 7871 s.7.4: a name that does not exist has scope 0",
      name: "nope.kingcdn.test",
      option: "0001 18 00 815e00",
      echo: "00011800815e00",
    },
    {
      title: "RFC 7871 s.7.2.1: a chain to a steered name has the scope of its end",
      name: "video.netcinema.test",
      option: "0001 18 00 815e00",
      client: "129.94.0.0/24",
      source: "ecs",
      echo: "00011810815e00",
    },
  ];
  for (const { title, option, name = "netcinema.kingcdn.test", ...expected } of cases) {
    it(title, () => {
      const scopePrefixLength = expected.scope ?? 16;
      const steering = new FixedSteering({ addresses: ["127.0.10.1"], scopePrefixLength });
      const options = option === undefined ? [] : [[ECS, option] as const];
      const peer = expected.peer ?? "198.51.100.1";
      const seen = ask(cdnWorld(steering), { name, options, peer });
      const [asked] = steering.asked;
      if (expected.client === undefined) {
        assert.equal(asked, undefined);
        assert.equal(seen.outcome.steered, undefined);
      } else {
        const [address = "", length] = expected.client.split("/");
        const client = {
          bytes: ipBytes(address),
          prefixLength: Number(length),
          source: expected.source,
        };
        assert.deepEqual(asked, { site: "netcinema", client, family: 4 });
        assert.equal(seen.outcome.steered?.site, "netcinema");
        assert.equal(seen.outcome.steered?.answer.pop, "syd");
      }
      assert.equal(echoed(seen), expected.echo);
    });
  }

  it("RFC 1035 s.3.4.1: AAAA asks for the other family", () => {
    const steering = new FixedSteering({ addresses: ["2001:db8::a"] });
    const seen = ask(cdnWorld(steering), { name: "netcinema.kingcdn.test", type: "AAAA" });
    assert.deepEqual(seen.answer, ["netcinema.kingcdn.test 20 AAAA 2001:db8::a"]);
    assert.equal(steering.asked[0]?.family, 6);
  });

  it("more addresses than fit are TC", () => {
    const addresses = Array.from({ length: 40 }, (_, i) => `127.0.10.${i}`);
    const snapshot = cdnWorld(new FixedSteering({ addresses }));
    const seen = ask(snapshot, { name: "netcinema.kingcdn.test" });
    assert.equal(seen.flags, "aa tc");
    assert.deepEqual(seen.answer, []);
    assert.equal(ask(snapshot, { name: "video.netcinema.test" }).flags, "aa tc");
  });

  it("RFC 8914 s.4.1: steering that throws is SERVFAIL for one query, and reported", () => {
    const failure = new Error("map is gone");
    for (const thrown of [failure, undefined]) {
      const steering = {
        steer: () => {
          throw thrown;
        },
      };
      const snapshot = snapshotOf([cdnZone(), CUSTOMER], steering);
      const seen = ask(snapshot, {
        name: "video.netcinema.test",
        options: [[8, "00011800815e00"]],
      });
      assert.equal(seen.rcode, "SERVFAIL");
      assert.equal(seen.flags, "");
      assert.deepEqual(seen.answer, []);
      assert.equal(echoed(seen), "00011800815e00");
      if (thrown === undefined) assert.ok(seen.outcome.failure instanceof Error);
      else assert.equal(seen.outcome.failure, failure);
    }
  });

  it("quick mode: any name below the domain, one label or more, but not what has data", () => {
    const steering = new FixedSteering({ addresses: ["127.0.10.1"] });
    const snapshot = snapshotOf([cdnZone({ anyNameSite: "any" })], steering);
    for (const name of ["x.kingcdn.test", "a.b.c.kingcdn.test"]) {
      assert.deepEqual(ask(snapshot, { name }).answer, [`${name} 20 A 127.0.10.1`]);
    }
    assert.deepEqual(
      steering.asked.map(({ site }) => site),
      ["any", "any"],
    );
    assert.deepEqual(ask(snapshot, { name: "ns1.kingcdn.test" }).answer, [
      "ns1.kingcdn.test 3600 A 127.0.0.1",
    ]);
    assert.equal(ask(snapshot, { name: "x.edge.kingcdn.test" }).rcode, "NXDOMAIN");
    assert.deepEqual(ask(snapshot, { name: "kingcdn.test" }).authority, [CDN_SOA]);
  });
});

describe("EDNS", () => {
  const world = cdnWorld();
  const name = "www.netcinema.test";

  function extendedError({ opt }: Seen): number | undefined {
    const option = opt?.options.find(({ code }) => Number(code) === 15) as
      | { data: Buffer }
      | undefined;
    return option?.data.readUInt16BE(0);
  }

  it("RFC 6891 s.6.1.1: an OPT record comes back if one was sent", () => {
    const { opt, answer } = ask(world, { name, udpBytes: 4096 });
    assert.equal(answer.length, 1);
    assert.equal(opt?.udpPayloadSize, 1232);
    assert.equal(opt?.ednsVersion, 0);
    assert.deepEqual(opt?.options, []);
  });

  it("RFC 3225 s.3: the DO bit is copied", () => {
    assert.equal(ask(world, { name, udpBytes: 1232, isDnssecOk: true }).opt?.flag_do, true);
    assert.equal(ask(world, { name, udpBytes: 1232 }).opt?.flag_do, false);
  });

  it("RFC 6891 s.6.1.2: unknown options are ignored and not sent back", () => {
    const seen = ask(world, {
      name,
      options: [
        [65_001, "aabb"],
        [10, "0102030405060708"],
      ],
    });
    assert.equal(seen.rcode, "NOERROR");
    assert.deepEqual(seen.opt?.options, []);
  });

  it("RFC 6891 s.6.1.3: another version is BADVERS with version 0, options unread", () => {
    const seen = ask(world, { name, version: 1, options: [[8, "ff"]] });
    assert.equal(seen.rcode, "BADVERS");
    assert.equal(seen.bytes[3], 0, "lower four bits of BADVERS");
    assert.equal(seen.opt?.extendedRcode, 1);
    assert.equal(seen.opt?.ednsVersion, 0);
    assert.deepEqual(seen.answer, []);
  });

  it("RFC 7871 s.7.2.1: a malformed client subnet is FORMERR, with OPT and without echo", () => {
    const seen = ask(world, { name, options: [[8, "0001180081"]] });
    assert.equal(seen.rcode, "FORMERR");
    assert.deepEqual(seen.opt?.options, []);
  });

  it("RFC 8914 s.4: a refusal says why", () => {
    const udpBytes = 1232;
    const cases = [
      [{ name: "www.example.com", udpBytes }, 20],
      [{ name: "netcinema.test", type: "AXFR", udpBytes }, 18],
      [{ name: "version.bind", rrclass: 3, udpBytes }, 21],
      [{ name, flags: 4 << 11, udpBytes }, 21],
      [{ name: "nope.netcinema.test", udpBytes }, undefined],
    ] as const;
    for (const [question, code] of cases) assert.equal(extendedError(ask(world, question)), code);
  });

  it("RFC 6891 s.6.1.1: what is not about OPT is stepped over, what cannot be is FORMERR", () => {
    const query = queryBytes({ name });
    const tsig = Buffer.concat([Buffer.from([1, 0x78, 0]), words(250, 255, 0, 0, 2, 0xabcd)]);
    const withRecord = (section: number, count: number, record: Uint8Array) => {
      const bytes = Buffer.concat([query, record]);
      bytes.writeUInt16BE(count, 6 + 2 * section);
      return askBytes(world, bytes).rcode;
    };
    const opt = Buffer.concat([Buffer.from([0]), words(41, 1232, 0, 0, 0)]);
    assert.equal(withRecord(2, 1, tsig), "NOERROR");
    assert.equal(withRecord(0, 1, tsig), "NOERROR");
    assert.equal(withRecord(2, 2, tsig), "FORMERR", "one record is missing");
    assert.equal(withRecord(2, 0, tsig), "FORMERR", "octets behind the message");
    assert.equal(withRecord(2, 1, Buffer.concat([tsig, tsig])), "FORMERR", "octets behind it");
    assert.equal(withRecord(2, 1, opt), "NOERROR");
    assert.equal(withRecord(2, 2, Buffer.concat([opt, opt])), "FORMERR", "two OPT records");
    assert.equal(withRecord(0, 1, opt), "FORMERR", "OPT in the answer section");
    assert.equal(
      withRecord(2, 1, Buffer.concat([Buffer.from([1, 0x78]), opt])),
      "FORMERR",
      "OPT of another name",
    );
  });
});
