import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as dns from "dns-packet";
import { TYPE } from "../../../router-dns/wire/codes.ts";
import { type Name, parseName, ROOT } from "../../../router-dns/wire/name.ts";
import { fixedRdata, mxRdata, nameRdata } from "../../../router-dns/wire/rdata.ts";
import { MessageWriter, QUESTION_NAME, SECTION } from "../../../router-dns/wire/writer.ts";
import { queryBytes } from "../dns-world.ts";

function nameOf(text: string): Name {
  const name = parseName(text);
  assert.ok(name.ok);
  return name.value;
}

/** A message with the question `name`, what `write` puts behind it, and its octets. */
function messageOf(name: string, limit: number, write: (writer: MessageWriter) => void): Buffer {
  const query = queryBytes({ name });
  const out = new Uint8Array(limit + 100).fill(0xee);
  const writer = new MessageWriter();
  assert.ok(writer.start(out, limit, query, query.length));
  write(writer);
  const length = writer.finish(1, 0x8000);
  assert.ok(length <= limit);
  assert.ok(
    out.subarray(limit).every((octet) => octet === 0xee),
    "written beyond the limit",
  );
  return Buffer.from(out.subarray(0, length));
}

function ns(owner: string, target: string) {
  const head = { owner: nameOf(owner), type: TYPE.NS, ttl: 60 };
  return [SECTION.AUTHORITY, head, nameRdata(nameOf(target))] as const;
}

describe("MessageWriter", () => {
  it("RFC 1035 s.4.1.4: names point at the question, at owners and at record data", () => {
    const bytes = messageOf("www.kingcdn.test", 512, (writer) => {
      assert.ok(writer.record(...ns("kingcdn.test", "ns1.kingcdn.test")));
      assert.ok(writer.record(...ns("kingcdn.test", "ns2.other.test")));
      assert.ok(writer.record(...ns("other.test", "ns2.other.test")));
    });
    const fixed = 12 + 18 + 4;
    // Pointer and fixed part; then `ns1` and a pointer, `ns2.other` and a pointer, a pointer.
    assert.equal(bytes.length, fixed + (12 + 6) + (12 + 12) + (12 + 2));
    const { authorities } = dns.decode(bytes);
    assert.deepEqual(
      authorities?.map(({ name, ...rest }) => [name, "data" in rest && rest.data]),
      [
        ["kingcdn.test", "ns1.kingcdn.test"],
        ["kingcdn.test", "ns2.other.test"],
        ["other.test", "ns2.other.test"],
      ],
    );
  });

  it("RFC 4343 s.4.1: a name in another case is written out", () => {
    const bytes = messageOf("www.KINGCDN.test", 512, (writer) => {
      assert.ok(writer.record(...ns("kingcdn.test", "NS.kingcdn.TEST")));
    });
    const [record] = dns.decode(bytes).authorities ?? [];
    assert.equal(record?.name, "kingcdn.test");
    assert.equal(record?.type === "NS" && record.data, "NS.kingcdn.TEST");
  });

  it("RFC 1035 s.4.1.4: a name whose start only is the same is not a target", () => {
    const bytes = messageOf("www.kingcdn.test", 512, (writer) => {
      assert.ok(writer.record(...ns("www.kingcdn.tesu", "www.kingcdn.test.tesu")));
    });
    const [record] = dns.decode(bytes).authorities ?? [];
    assert.equal(record?.name, "www.kingcdn.tesu");
    assert.equal(record?.type === "NS" && record.data, "www.kingcdn.test.tesu");
  });

  it("RFC 3597 s.4: names inside fixed data are not compressed", () => {
    const target = nameOf("www.kingcdn.test");
    const head = { owner: QUESTION_NAME, type: 65_280, ttl: 0 };
    const plain = messageOf("www.kingcdn.test", 512, (writer) => {
      writer.record(SECTION.ANSWER, head, fixedRdata(target));
    });
    const compressed = messageOf("www.kingcdn.test", 512, (writer) => {
      writer.record(SECTION.ANSWER, head, mxRdata(1, target));
    });
    assert.equal(plain.length - compressed.length, target.length - 4);
  });

  it("takes back a record that does not fit, and the names in it", () => {
    const bytes = messageOf("a.test", 12 + 12 + 24, (writer) => {
      assert.equal(writer.record(...ns("b.example", "c.example")), false);
      assert.equal(writer.length, 24);
      assert.equal(writer.record(...ns("b.example", ".")), true);
    });
    assert.deepEqual(
      dns.decode(bytes).authorities?.map(({ name }) => name),
      ["b.example"],
      "not a pointer into what was taken back",
    );
  });

  it("stops at every octet: a limit of n never gives more than n", () => {
    const write = (writer: MessageWriter) => {
      writer.record(
        SECTION.ANSWER,
        { owner: QUESTION_NAME, type: TYPE.MX, ttl: 1 },
        mxRdata(1, nameOf("m.test")),
      );
      writer.record(...ns("kingcdn.test", "ns1.kingcdn.example"));
      writer.plainRecord(
        SECTION.ANSWER,
        { owner: ROOT, type: TYPE.TXT, ttl: 1 },
        new Uint8Array(40),
      );
    };
    const whole = messageOf("a.test", 512, write).length;
    for (let limit = 24; limit <= whole; limit += 1) {
      const bytes = messageOf("a.test", limit, write);
      assert.doesNotThrow(() => dns.decode(bytes));
    }
    assert.equal(messageOf("a.test", whole, write).length, whole);
  });

  it("RFC 1035 s.4.1.4: no pointer beyond 16,383, and no end to names", () => {
    const owners = Array.from({ length: 700 }, (_, i) => `n${i}.zone-${i}.test`);
    const bytes = messageOf("a.test", 65_535, (writer) => {
      for (const owner of owners) assert.ok(writer.record(...ns(owner, `ns.${owner}`)));
      writer.plainRecord(
        SECTION.AUTHORITY,
        { owner: ROOT, type: TYPE.TXT, ttl: 0 },
        new Uint8Array(256),
      );
    });
    assert.ok(bytes.length > 16_383);
    const records = dns.decode(bytes).authorities ?? [];
    assert.deepEqual(
      records.slice(0, -1).map(({ name }) => name),
      owners,
    );
  });

  it("RFC 1035 s.4.1.4: positions beyond 16,383 are no targets", () => {
    const filler = { owner: ROOT, type: TYPE.TXT, ttl: 0 };
    const bytes = messageOf("a.test", 65_535, (writer) => {
      assert.ok(writer.plainRecord(SECTION.ANSWER, filler, new Uint8Array(17_000)));
      assert.ok(writer.record(...ns("b.example", "c.b.example")));
    });
    const [record] = dns.decode(bytes).authorities ?? [];
    assert.equal(record?.type === "NS" && record.data, "c.b.example");
  });

  it("starts only if the question fits", () => {
    const query = queryBytes({ name: "a.test" });
    const writer = new MessageWriter();
    assert.equal(writer.start(new Uint8Array(100), 23, query, query.length), false);
    assert.equal(writer.start(new Uint8Array(23), 100, query, query.length), false);
    assert.equal(writer.start(new Uint8Array(24), 100, query, query.length), true);
  });
});
