import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { cacheSeconds } from "../../../router-dns/wire/cache-seconds.ts";
import { ask, type Question, snapshotOf, words, zoneOf } from "../dns-world.ts";

const WORLD = snapshotOf([
  zoneOf(`$ORIGIN a.test.
@ 3600 IN SOA ns1 hostmaster 1 7200 900 1209600 60
@ 3600 IN NS ns1
ns1 3600 IN A 192.0.2.1
www 300 IN CNAME short
short 30 IN A 192.0.2.2
sub 120 IN NS ns1.sub
ns1.sub 40 IN A 192.0.2.3
`),
]);

const seconds = (question: Question) => cacheSeconds(ask(WORLD, question).bytes);

describe("RFC 8484 s.5.1: for how long an answer may be kept", () => {
  it("the smallest TTL of its answer", () => {
    assert.equal(seconds({ name: "ns1.a.test" }), 3_600);
    assert.equal(seconds({ name: "www.a.test" }), 30);
    assert.equal(seconds({ name: "www.a.test", udpBytes: 1232, isDnssecOk: true }), 30);
  });

  it("RFC 2308 s.5: that of the SOA if the answer is no", () => {
    assert.equal(seconds({ name: "nope.a.test" }), 60);
    assert.equal(seconds({ name: "ns1.a.test", type: "MX", udpBytes: 1232 }), 60);
  });

  it("that of a delegation, without its glue", () => {
    assert.equal(seconds({ name: "x.sub.a.test" }), 120);
  });

  it("not at all: errors, what is cut, what has no records or is none", () => {
    assert.equal(seconds({ name: "www.example.com", udpBytes: 1232 }), 0);
    const cut = Buffer.from(ask(WORLD, { name: "ns1.a.test" }).bytes);
    cut[2] = (cut[2] ?? 0) | 0x02;
    assert.equal(cacheSeconds(cut), 0);
    assert.equal(cacheSeconds(words(0, 0x8400, 0, 0, 0, 0)), 0);
    assert.equal(cacheSeconds(new Uint8Array(11)), 0);
  });

  it("no message makes it read behind its end", () => {
    const whole = ask(WORLD, { name: "www.a.test" }).bytes;
    for (let length = 12; length < whole.length; length += 1) {
      assert.equal(cacheSeconds(whole.subarray(0, length)), 0);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (noise) => {
        assert.ok(cacheSeconds(noise) >= 0);
      }),
    );
  });
});
