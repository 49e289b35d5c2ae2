import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatDnsDecision } from "../../../control/cli/decision-text.ts";
import { answeredEdges, type DnsMessage, readDnsDecision } from "../../../control/dns-decision.ts";
import { AnswerNotes, explainSections } from "../../../router-dns/admin/explain-answer.ts";
import { answerQuery } from "../../../router-dns/pipeline.ts";
import { httpsService } from "../../../router-dns/wire/svcb.ts";
import {
  FixedSteering,
  ipBytes,
  type Question,
  queryBytes,
  snapshotOf,
  zoneOf,
} from "../dns-world.ts";
import { cdnZone } from "../netcinema-world.ts";
import { signingOf } from "../sign/world.ts";

const SHOP = zoneOf(`$ORIGIN shop.test.
$TTL 300
@      SOA ns1 hostmaster 7 3600 900 604800 60
       NS ns1
@      10 ALIAS netcinema.kingcdn.test.
ns1    A 192.0.2.1
www    CNAME netcinema.kingcdn.test.
*.wild TXT "w"
old    DNAME wild
copy   ALIAS ns1
sub    NS ns.sub
ns.sub A 192.0.2.53
sec    NS ns.sub
       DS 12345 13 2 00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF
`);

const service = httpsService({ alpn: ["h2"], port: 443, hasHints: true });
const snapshot = snapshotOf(
  [SHOP, cdnZone({ services: new Map([["netcinema", service]]) })],
  new FixedSteering({ addresses: ["127.0.10.1"] }),
  signingOf("shop.test"),
);

/** The records of an answer in short, each with its reason. */
function explained(question: Question): readonly string[] {
  const notes = new AnswerNotes();
  const out = new Uint8Array(4096);
  const context = {
    peer: ipBytes("192.0.2.7"),
    transport: "tcp",
    snapshot,
    maxUdpBytes: 1232,
    recorder: notes,
  } as const;
  const { length, steered } = answerQuery(queryBytes(question), context, out);
  const chosen = steered && { site: steered.site, ...steered.answer };
  const sections = explainSections(out.subarray(0, length), notes, chosen);
  return (["answer", "authority", "additional"] as const).flatMap((section) =>
    sections[section].map(({ name, type, why }) => `${section} ${name} ${type}: ${why.text}`),
  );
}

const SITE = "site netcinema: syd, because: closest";

describe("why each record is in an answer", () => {
  const cases: readonly (readonly [string, Question, readonly (string | RegExp)[]])[] = [
    [
      "a zone file, by line",
      { name: "ns1.shop.test" },
      ["answer ns1.shop.test. A: line 6 of test.zone"],
    ],
    [
      "a wildcard",
      { name: "x.wild.shop.test", type: "TXT" },
      ["answer x.wild.shop.test. TXT: made of *.wild.shop.test., line 8 of test.zone"],
    ],
    [
      "steering, behind a CNAME",
      { name: "www.shop.test" },
      [
        "answer www.shop.test. CNAME: line 7 of test.zone",
        `answer netcinema.kingcdn.test. A: ${SITE}`,
      ],
    ],
    [
      "an alias of a site",
      { name: "shop.test", type: "HTTPS" },
      [`answer shop.test. HTTPS: ALIAS of netcinema.kingcdn.test., line 5 of test.zone; ${SITE}`],
    ],
    [
      "an alias of a static name",
      { name: "copy.shop.test" },
      ["answer copy.shop.test. A: ALIAS of ns1.shop.test., line 10 of test.zone"],
    ],
    [
      "a DNAME and its CNAME",
      { name: "x.old.shop.test", type: "TXT" },
      [
        "answer old.shop.test. DNAME: line 9 of test.zone",
        "answer x.old.shop.test. CNAME: made of the DNAME above, for those who do not know DNAME",
        "answer x.wild.shop.test. TXT: made of *.wild.shop.test., line 8 of test.zone",
      ],
    ],
    [
      "a negative answer",
      { name: "nothing.shop.test" },
      [
        "authority shop.test. SOA: no such name, and no wildcard that would stand for it; the SOA says for how long that may be remembered (line 3 of test.zone)",
      ],
    ],
    [
      "a name without records",
      { name: "wild.shop.test" },
      [/^authority shop\.test\. SOA: the name has no records, only names below it; /],
    ],
    [
      "a delegation with glue",
      { name: "x.sub.shop.test" },
      [
        "authority sub.shop.test. NS: the name belongs to these servers",
        "additional ns.sub.shop.test. A: address of a name server that is named above (glue)",
      ],
    ],
    [
      "what the configuration makes",
      { name: "syd-1.edge.kingcdn.test" },
      ["answer syd-1.edge.kingcdn.test. A: from the configuration, or from a primary"],
    ],
    [
      "ANY",
      { name: "ns1.shop.test", type: "ANY" },
      ["answer ns1.shop.test. HINFO: stands for all types (RFC 8482)"],
    ],
    [
      "signatures and denials",
      { name: "copy.shop.test", type: "TXT", udpBytes: 1232, isDnssecOk: true },
      [
        /^authority shop\.test\. SOA: nothing of this type for this client; the name has A, AAAA, HTTPS; the SOA says/,
        /^authority shop\.test\. RRSIG: signs the SOA records: key \d+ of shop\.test\., good from 2026\d+ until 2026\d+$/,
        "authority copy.shop.test. NSEC: proves that the name has no other types than A, AAAA, HTTPS (RFC 9824)",
        /^authority copy\.shop\.test\. RRSIG: signs the NSEC records/,
      ],
    ],
    [
      "keys",
      { name: "shop.test", type: "DNSKEY" },
      ["answer shop.test. DNSKEY: from the keys of the zone", /DNSKEY: from the keys/],
    ],
    [
      "a signed child",
      { name: "x.sec.shop.test", udpBytes: 1232, isDnssecOk: true },
      [
        "authority sec.shop.test. NS: the name belongs to these servers",
        "authority sec.shop.test. DS: names the key that the child zone is signed with (line 14 of test.zone)",
        /^authority sec\.shop\.test\. RRSIG: signs the DS/,
        /^additional ns\.sub\.shop\.test\. A: address of a name server/,
      ],
    ],
  ];
  for (const [title, question, expected] of cases) {
    it(title, () => {
      const lines = explained(question);
      assert.equal(lines.length, expected.length, lines.join("\n"));
      for (const [index, line] of lines.entries()) {
        const wanted = expected[index] ?? "";
        if (typeof wanted === "string") assert.equal(line, wanted);
        else assert.match(line, wanted);
      }
    });
  }

  it("is asked of the code that answers: without a recorder the octets are the same", () => {
    for (const [, question] of cases) {
      const answers = [new AnswerNotes(), undefined].map((recorder) => {
        const out = new Uint8Array(4096);
        const context = {
          peer: ipBytes("192.0.2.7"),
          transport: "tcp" as const,
          snapshot,
          maxUdpBytes: 1232,
          ...(recorder && { recorder }),
        };
        const { length } = answerQuery(queryBytes(question), context, out);
        return Buffer.from(out.subarray(0, length)).toString("hex");
      });
      assert.equal(answers[0], answers[1]);
    }
  });
});

describe("an explanation for people", () => {
  const record = {
    name: "shop.test.",
    ttl: 20,
    type: "A",
    data: "127.0.10.1",
    why: { source: "made", text: "because" },
  };
  const message: DnsMessage = {
    rcode: "NOERROR",
    flags: ["qr", "aa"],
    bytes: 77,
    zone: "shop.test.",
    edns: {
      udpBytes: 1232,
      dnssecOk: true,
      clientSubnet: { source: "192.0.2.0/24", scopePrefixLength: 20 },
      extendedError: null,
    },
    answer: [record],
    authority: [],
    additional: [],
  };
  const body = {
    query: { name: "shop.test", type: "A", client: "192.0.2.0/24", takenFor: "client" },
    site: null,
    answer: { rcode: "NOERROR", records: [], scopePrefixLength: null },
    message,
  };

  it("has the header, the OPT record, and each record with its reason", () => {
    const text = formatDnsDecision(body);
    assert.match(text, /message +qr aa, 77 octets, from the zone shop\.test\./);
    assert.match(
      text,
      /OPT +EDNS, 1232 octets over UDP; DO; client subnet 192\.0\.2\.0\/24, scope 20/,
    );
    assert.match(text, / {2}answer section\n {4}shop\.test\. 20 A 127\.0\.10\.1\n {6}; because\n/);
    assert.doesNotMatch(text, /authority section/);
    const known = readDnsDecision(body);
    assert.deepEqual(known && answeredEdges(known), []);
  });
});
