import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ask, askBytes, queryBytes, type Seen, words } from "./dns-world.ts";
import { cdnWorld } from "./netcinema-world.ts";

describe("EDNS", () => {
  const world = cdnWorld();
  const name = "www.netcinema.test";

  function extendedError({ opt }: Seen): number | undefined {
    const options: readonly { code: number }[] = opt?.options ?? [];
    const option = options.find(({ code }) => code === 15) as { data: Buffer } | undefined;
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
