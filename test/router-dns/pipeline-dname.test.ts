import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ask, type Question, snapshotOf, zoneOf } from "./dns-world.ts";

const L63 = "l".repeat(63);

const ZONE = `$ORIGIN x.test.
$TTL 300
@ SOA ns h 1 2 3 4 60
@ NS ns
ns A 192.0.2.1
old 120 DNAME new
old TXT "stays"
www.new A 192.0.2.2
alias.new CNAME www.old
to-old CNAME www.old
away DNAME elsewhere.example.
long DNAME ${L63}.${L63}.${L63}.x.test.
circle DNAME below.circle2
circle2 DNAME circle
here DNAME .
`;

const snapshot = snapshotOf([zoneOf(ZONE)]);

const SOA = "x.test 60 SOA ns.x.test h.x.test 1 2 3 4 60";

const OLD = "old.x.test 120 DNAME new.x.test";

/** A query, and the records and code of the answer; what is left out is empty. */
const CASES: readonly {
  readonly title: string;
  readonly ask: Question;
  readonly rcode?: string;
  readonly answer?: readonly string[];
  readonly authority?: readonly string[];
}[] = [
  {
    title: "RFC 6672 s.3.1: the DNAME, the CNAME that it makes, and what that leads to",
    ask: { name: "www.old.x.test" },
    answer: [OLD, "www.old.x.test 120 CNAME www.new.x.test", "www.new.x.test 300 A 192.0.2.2"],
  },
  {
    title: "RFC 6672 s.2.3: its owner is not moved",
    ask: { name: "old.x.test", type: "TXT" },
    answer: ['old.x.test 300 TXT "stays"'],
  },
  { title: "RFC 6672 s.2.3: nor denied", ask: { name: "old.x.test" }, authority: [SOA] },
  {
    title: "RFC 6672 s.2.3: it can be asked for",
    ask: { name: "old.x.test", type: "DNAME" },
    answer: [OLD],
  },
  {
    title: "RFC 6672 s.3.1: a denial is about the name that the chain ends at",
    ask: { name: "no.old.x.test" },
    rcode: "NXDOMAIN",
    answer: [OLD, "no.old.x.test 120 CNAME no.new.x.test"],
    authority: [SOA],
  },
  {
    title: "RFC 6672 s.3.2: who asks for CNAME has what it asked for",
    ask: { name: "www.old.x.test", type: "CNAME" },
    answer: [OLD, "www.old.x.test 120 CNAME www.new.x.test"],
  },
  {
    title: "RFC 4343 s.4.1: labels that stay keep their case",
    ask: { name: "WwW.oLD.x.test", type: "CNAME" },
    answer: [OLD, "WwW.oLD.x.test 120 CNAME WwW.new.x.test"],
  },
  {
    title: "RFC 6672 s.3.2: in the middle of a chain",
    ask: { name: "to-old.x.test" },
    answer: [
      "to-old.x.test 300 CNAME www.old.x.test",
      OLD,
      "www.old.x.test 120 CNAME www.new.x.test",
      "www.new.x.test 300 A 192.0.2.2",
    ],
  },
  {
    title: "RFC 2181 s.5: met twice, written once",
    ask: { name: "alias.old.x.test" },
    answer: [
      OLD,
      "alias.old.x.test 120 CNAME alias.new.x.test",
      "alias.new.x.test 300 CNAME www.old.x.test",
      "www.old.x.test 120 CNAME www.new.x.test",
      "www.new.x.test 300 A 192.0.2.2",
    ],
  },
  {
    title: "RFC 1034 s.3.6.2: a target elsewhere is left to the resolver",
    ask: { name: "a.b.away.x.test" },
    answer: [
      "away.x.test 300 DNAME elsewhere.example",
      "a.b.away.x.test 300 CNAME a.b.elsewhere.example",
    ],
  },
  {
    title: "RFC 6672 s.2.2: YXDOMAIN when the name would be too long",
    ask: { name: `${"q".repeat(60)}.long.x.test` },
    rcode: "YXDOMAIN",
    answer: [`long.x.test 300 DNAME ${L63}.${L63}.${L63}.x.test`],
  },
  {
    title: "RFC 6672 s.2.2: the root as target",
    ask: { name: "example.here.x.test" },
    answer: ["here.x.test 300 DNAME .", "example.here.x.test 300 CNAME example"],
  },
];

describe("DNAME", () => {
  for (const { title, ask: question, rcode = "NOERROR", answer = [], authority = [] } of CASES) {
    it(title, () => {
      const seen = ask(snapshot, { ...question, transport: "tcp" });
      assert.equal(seen.rcode, rcode);
      assert.deepEqual(seen.answer, answer);
      assert.deepEqual(seen.authority, authority);
      assert.equal(seen.flags, "aa");
    });
  }

  it("a circle that grows ends, and each DNAME is there once", () => {
    const { answer } = ask(snapshot, { name: "www.circle.x.test", transport: "tcp" });
    assert.equal(answer.filter((record) => record.includes(" DNAME ")).length, 2);
    assert.equal(answer.filter((record) => record.includes(" CNAME ")).length, 9);
  });

  it("RFC 2181 s.9: TC and nothing else when DNAME and CNAME do not fit", () => {
    const name = "q".repeat(51);
    const { flags, answer } = ask(snapshot, { name: `${name}.long.x.test`, outBytes: 300 });
    assert.equal(flags, "aa tc");
    assert.deepEqual(answer, []);
  });
});
