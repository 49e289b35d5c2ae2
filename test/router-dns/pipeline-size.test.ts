import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { answerQuery, CNAME_CHAIN_MAX } from "../../router-dns/pipeline.ts";
import { ask, FixedSteering, ipBytes, queryBytes, snapshotOf, zoneOf } from "./dns-world.ts";
import { cdnWorld, cdnZone } from "./netcinema-world.ts";

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
in NS ns2.in
ns2.in A 192.0.2.2
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

  it("RFC 9471 s.3.1, RFC 2181 s.9: in-domain glue that does not fit sets TC, RRsets stay whole", () => {
    const seen = ask(world, { name: "x.in.many.test" });
    assert.equal(seen.flags, "tc");
    assert.deepEqual(seen.authority, [
      "in.many.test 60 NS ns.in.many.test",
      "in.many.test 60 NS ns2.in.many.test",
    ]);
    assert.deepEqual(seen.additional, ["ns2.in.many.test 60 A 192.0.2.2"]);
  });

  it("RFC 9471 s.3.2, RFC 2181 s.9: other glue is left out without TC, and not in part", () => {
    const seen = ask(world, { name: "x.out.many.test" });
    assert.equal(seen.flags, "");
    assert.deepEqual(seen.authority, ["out.many.test 60 NS ns.in.many.test"]);
    assert.deepEqual(seen.additional, []);
  });

  it("RFC 9609 s.4.1: addresses beside an NS answer that do not fit are no truncation", () => {
    const text = "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\n";
    const addresses = Array.from({ length: 60 }, (_, i) => `ns A 10.0.2.${i}`).join("\n");
    const zone = zoneOf(`$ORIGIN z.test.\n${text}${addresses}`);
    const seen = ask(snapshotOf([zone]), { name: "z.test", type: "NS" });
    assert.equal(seen.flags, "aa");
    assert.deepEqual(seen.answer, ["z.test 60 NS ns.z.test"]);
    assert.deepEqual(seen.additional, []);
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
