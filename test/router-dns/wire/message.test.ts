import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RCODE, TYPE } from "../../../router-dns/wire/codes.ts";
import { decodeQuery } from "../../../router-dns/wire/message.ts";
import { keyOf, queryBytes, words } from "../dns-world.ts";

/** A header that asks one question, and the question. */
function packetOf(question: readonly number[]): Buffer {
  return Buffer.concat([words(1, 0, 1, 0, 0, 0), Buffer.from(question)]);
}

const A_LABEL = [1, 97];

const QUESTIONS: readonly (readonly [title: string, bytes: readonly number[], isRead: boolean])[] =
  [
    ["the root", [0, 0, 1, 0, 1], true],
    [
      "a name of 255 octets",
      [...Array.from({ length: 127 }, () => A_LABEL).flat(), 0, 0, 1, 0, 1],
      true,
    ],
    [
      "a name of 256 octets",
      [...Array.from({ length: 126 }, () => A_LABEL).flat(), 2, 97, 97, 0, 0, 1, 0, 1],
      false,
    ],
    ["a label of 64 octets", [64, ...new Uint8Array(64), 0, 0, 1, 0, 1], false],
    ["a pointer at itself", [0xc0, 12, 0, 1, 0, 1], false],
    ["a pointer at the header", [1, 97, 0xc0, 0, 0, 1, 0, 1], false],
    ["a name without an end", [1, 97], false],
    ["a label that is cut off", [9, 97], false],
    ["nothing", [], false],
    ["half a type", [0, 0], false],
    ["no class", [0, 0, 1], false],
  ];

describe("decodeQuery", () => {
  for (const [title, bytes, isRead] of QUESTIONS) {
    it(`RFC 1035 s.4.1.2: a question with ${title} is ${isRead ? "read" : "FORMERR"}`, () => {
      const query = decodeQuery(packetOf(bytes));
      assert.equal(query?.rcode, isRead ? RCODE.NOERROR : RCODE.FORMERR);
      assert.equal(query.questionEnd, isRead ? 12 + bytes.length : 12);
      assert.equal(query.qtype, isRead ? TYPE.A : 0);
    });
  }

  it("RFC 4343 s.3: the name is read in lower case", () => {
    const query = decodeQuery(queryBytes({ name: "WwW.\\200@[Z.TEST", type: "AAAA" }, 99));
    assert.equal(query?.qname, keyOf("www.\\200@[z.test"));
    assert.equal(query.qtype, TYPE.AAAA);
    assert.equal(query.id, 99);
    assert.equal(query.edns, undefined);
  });

  it("RFC 1035 s.4.1.1: 11 octets and responses are not answered", () => {
    assert.equal(decodeQuery(new Uint8Array(11)), undefined);
    assert.equal(decodeQuery(queryBytes({ name: "a.test", flags: 0x8000 })), undefined);
  });

  it("RFC 6895 s.2.2: of another opcode, broken or not, only the opcode is judged", () => {
    const query = queryBytes({ name: "a.test", flags: 5 << 11, udpBytes: 1232 });
    assert.equal(decodeQuery(query)?.rcode, RCODE.NOTIMP);
    assert.equal(decodeQuery(query)?.edns?.udpBytes, 1232);
    assert.equal(decodeQuery(query.subarray(0, 12))?.rcode, RCODE.NOTIMP);
    assert.equal(decodeQuery(query.subarray(0, -1))?.rcode, RCODE.NOTIMP);
  });

  it("RFC 6891 s.6.1.2: every field of OPT arrives", () => {
    const query = queryBytes({ name: "a.test", udpBytes: 4096, isDnssecOk: true, options: [] });
    assert.deepEqual(decodeQuery(query)?.edns, {
      udpBytes: 4096,
      version: 0,
      isDnssecOk: true,
      isCompactOk: false,
      clientSubnet: undefined,
      cookie: undefined,
      asksNsid: false,
      asksPadding: false,
      asksKeepalive: false,
      rcode: RCODE.NOERROR,
    });
  });

  it("RFC 1035 s.4.1.3: a record that is cut off at any octet is FORMERR", () => {
    const query = queryBytes({ name: "a.test", options: [[8, "00011800815e00"]] });
    const questionEnd = decodeQuery(query)?.questionEnd ?? 0;
    for (let length = questionEnd; length < query.length; length += 1) {
      assert.equal(decodeQuery(query.subarray(0, length))?.rcode, RCODE.FORMERR, `${length}`);
    }
    assert.equal(decodeQuery(query)?.rcode, RCODE.NOERROR);
  });
});
