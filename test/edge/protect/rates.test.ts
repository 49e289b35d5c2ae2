import assert from "node:assert/strict";
import { suite, test } from "node:test";
import * as fc from "fast-check";
import { parseIp } from "../../../common/ip.ts";
import { clientOf, judgePace, Paces } from "../../../edge/protect/rates.ts";

const RATE = { requests: 4, per: 1_000, ipv4: 24, ipv6: 64, bucket: "shop" };

suite("rates", () => {
  test("never more than a burst and what has come in since, and never less", () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 2_000 }), { maxLength: 60 });
    const rates = fc.record({
      requests: fc.integer({ min: 1, max: 20 }),
      per: fc.integer({ min: 1_000, max: 60_000 }),
      burst: fc.integer({ min: 1, max: 20 }),
    });
    fc.assert(
      fc.property(rates, gaps, (rate, waits) => {
        let tokens = rate.burst;
        let busyUntil = 0;
        let now = 1_000_000;
        for (const wait of waits) {
          now += wait;
          tokens = Math.min(rate.burst, tokens + (wait * rate.requests) / rate.per);
          const verdict = judgePace(rate, busyUntil, now);
          // The model of a bucket and the one number differ by rounding only.
          if (Math.abs(tokens - 1) > 1e-6) assert.equal(verdict.kind === "on-time", tokens > 1);
          if (verdict.kind === "early") continue;
          busyUntil = verdict.busyUntil;
          tokens -= 1;
        }
      }),
    );
  });

  test("who has waited as long as it was told is on time", () => {
    let busyUntil = 0;
    for (let i = 0; i < 4; i += 1) {
      const verdict = judgePace(RATE, busyUntil, 5_000);
      assert.equal(verdict.kind, "on-time");
      if (verdict.kind === "on-time") busyUntil = verdict.busyUntil;
    }
    const early = judgePace(RATE, busyUntil, 5_000);
    assert.deepEqual(early, { kind: "early", waitMs: 250 });
    assert.equal(judgePace(RATE, busyUntil, 5_250).kind, "on-time");
  });

  test("one client is a network; the table has a bound, and forgets the longest silent", () => {
    const client = (text: string) => {
      const address = parseIp(text);
      assert.ok(address.ok);
      return clientOf(RATE, address.value);
    };
    assert.equal(client("192.0.2.1"), client("192.0.2.200"));
    assert.notEqual(client("192.0.2.1"), client("192.0.3.1"));
    assert.equal(client("2001:db8::1"), client("2001:db8:0:0:ffff::2"));
    const once = { ...RATE, requests: 1, per: 60_000 };
    const paces = new Paces(2);
    for (const name of ["a", "b", "c"]) assert.equal(paces.take(once, name, 0).kind, "on-time");
    assert.equal(paces.size, 2);
    assert.equal(paces.take(once, "c", 1).kind, "early");
    assert.equal(paces.take(once, "a", 1).kind, "on-time");
  });
});
