import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { answerQuery } from "../../router-dns/pipeline.ts";
import { ask, askBytes, ipBytes, type Question, queryBytes } from "./dns-world.ts";
import { CDN_SOA, cdnWorld, SOA } from "./netcinema-world.ts";

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

/** What negative answers carry that another moment's edges would change: the TTL of steering. */
const STEERED_SOA = CDN_SOA.replace(" 60 SOA", " 20 SOA");

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
    title: "RFC 9609 s.4.1, RFC 1035 s.3.3.11: the zone's servers come with their addresses",
    ask: { name: "netcinema.test", type: "NS" },
    answer: ["netcinema.test 300 NS ns1.netcinema.test"],
    additional: ["ns1.netcinema.test 300 A 192.0.2.1", "ns1.netcinema.test 300 AAAA 2001:db8::1"],
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
    title: "RFC 2308 s.2.2: no edge of the family is NODATA, for no longer than an edge would be",
    ask: { name: "netcinema.kingcdn.test", type: "AAAA" },
    authority: [STEERED_SOA],
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
    authority: [STEERED_SOA],
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
