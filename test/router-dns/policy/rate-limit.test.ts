import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import {
  ANSWER_KIND,
  type LimitedAnswer,
  RateLimiter,
  type RateLimits,
} from "../../../router-dns/policy/rate-limit.ts";
import { ipBytes, keyOf } from "../dns-world.ts";

const LIMITS: RateLimits = {
  answersPerSecond: 10,
  extraBytesPerSecond: 10_000,
  burstMs: 1_000,
  slip: 2,
  leak: 0,
  entries: 1_024,
};

const WWW = keyOf("www.kingcdn.test");

/** A limiter, and answers as text: `192.0.2.1 www.kingcdn.test`. */
function limiter(limits: Partial<RateLimits> = {}, seed = 42) {
  const made = new RateLimiter({ ...LIMITS, ...limits }, seed);
  const judge = (answer: Partial<LimitedAnswer>, now: number) =>
    made.judge(
      { peer: ipBytes("192.0.2.1"), kind: ANSWER_KIND.ANSWER, name: WWW, extraBytes: 0, ...answer },
      now,
    );
  /** How many of `count` answers pass at one moment. */
  const burst = (count: number, answer: Partial<LimitedAnswer>, now: number) =>
    Array.from({ length: count }, () => judge(answer, now)).filter((it) => it === "pass").length;
  return { made, judge, burst };
}

describe("what shares a bucket", () => {
  const first: Partial<LimitedAnswer> = { peer: ipBytes("192.0.2.1"), name: WWW };
  for (const [what, second, shares] of [
    ["the same client", {}, true],
    ["another client of its /24", { peer: ipBytes("192.0.2.254") }, true],
    ["a client of another /24", { peer: ipBytes("192.0.3.1") }, false],
    ["another name", { name: keyOf("www2.kingcdn.test") }, false],
    ["another kind of answer", { kind: ANSWER_KIND.NODATA }, false],
  ] as const) {
    it(`${what}: ${shares ? "one" : "two"}`, () => {
      const { burst } = limiter();
      assert.equal(burst(20, first, 0), 10);
      assert.equal(burst(20, { ...first, ...second }, 0), shares ? 0 : 10);
    });
  }

  it("an IPv6 /56, which is what a customer has", () => {
    const { burst } = limiter();
    assert.equal(burst(20, { peer: ipBytes("2001:db8:0:1200::1") }, 0), 10);
    assert.equal(burst(20, { peer: ipBytes("2001:db8:0:12ff:ffff::9") }, 0), 0);
    assert.equal(burst(20, { peer: ipBytes("2001:db8:0:1300::1") }, 0), 10);
  });

  it("the octets of all names and kinds", () => {
    const { burst } = limiter({ answersPerSecond: 1_000, extraBytesPerSecond: 50_000 });
    const large = { extraBytes: 1_024 };
    assert.equal(burst(20, large, 0), 9, "each of these octets costs as much as five");
    const other = { ...large, kind: ANSWER_KIND.NXDOMAIN, name: keyOf("test") };
    assert.equal(burst(20, other, 0), 0);
    assert.equal(
      burst(20, { extraBytes: 0 }, 0),
      20,
      "answers as short as queries amplify nothing",
    );
    assert.equal(burst(20, { extraBytes: -5 }, 0), 20);
    assert.equal(burst(20, { ...large, peer: ipBytes("192.0.3.1") }, 0), 9);
    const short = { extraBytes: 16, peer: ipBytes("192.0.4.1") };
    assert.equal(burst(5_000, short, 0), 1_000, "short answers only by their number");
  });
});

describe("what refused answers become", () => {
  const refused = (limits: Partial<RateLimits>, count: number) => {
    const { judge, burst } = limiter(limits);
    assert.equal(burst(10, {}, 0), 10);
    return Array.from({ length: count }, () => judge({}, 0));
  };

  it("every second one is short by default", () => {
    assert.deepEqual(refused({}, 4), ["drop", "slip", "drop", "slip"]);
  });

  it("all of them, or none", () => {
    assert.deepEqual(refused({ slip: 1 }, 3), ["slip", "slip", "slip"]);
    assert.deepEqual(refused({ slip: 0 }, 3), ["drop", "drop", "drop"]);
  });

  it("some are leaked", () => {
    assert.deepEqual(refused({ slip: 0, leak: 3 }, 6), [
      "drop",
      "drop",
      "leak",
      "drop",
      "drop",
      "leak",
    ]);
    assert.equal(refused({ slip: 2 }, 1_000).filter((it) => it === "slip").length, 500);
  });
});

describe("properties", () => {
  /** Moments of answers, in order, in ms. */
  const moments = (maxGapMs: number) =>
    fc
      .array(fc.double({ min: 0, max: maxGapMs, noNaN: true }), { minLength: 1, maxLength: 400 })
      .map((gaps) => {
        let now = 0;
        return gaps.map((gap) => {
          now += gap;
          return now;
        });
      });

  it("never more than rate and burst get through", () => {
    fc.assert(
      fc.property(moments(150), (times) => {
        const { judge } = limiter();
        const passed = times.filter((now) => judge({ extraBytes: 1 }, now) === "pass");
        for (const [from, start] of passed.entries()) {
          for (const [offset, end] of passed.slice(from).entries()) {
            const most = 10 + ((end - start) / 1_000) * 10;
            assert.ok(offset + 1 <= most + 1e-6, `${offset + 1} in ${end - start} ms`);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it("a client that stays below its rate is never limited, whatever others do", () => {
    fc.assert(
      fc.property(moments(100), fc.nat(), (times, seed) => {
        const { judge } = limiter({}, seed);
        // Of moments as they come, one in 100 ms is left: ten a second.
        let last = Number.NEGATIVE_INFINITY;
        const calm = times.filter((now) => {
          if (now - last < 100) return false;
          last = now;
          return true;
        });
        for (const now of calm) {
          judge({ peer: ipBytes("198.51.100.7") }, now);
          judge({ peer: ipBytes("198.51.100.8") }, now);
          assert.equal(judge({}, now), "pass");
        }
      }),
    );
  });

  it("after a flood it takes a burst to be whole again, not longer", () => {
    const { judge, burst } = limiter();
    for (let i = 0; i < 100_000; i += 1) judge({}, i / 100);
    assert.equal(burst(20, {}, 1_000 + 1_000), 10);
  });
});

describe("a full table", () => {
  const stranger = (i: number) => ({ peer: Uint8Array.of(i >> 16, i >> 8, i, 1) });

  it("does not let go of those who are limited", () => {
    const { judge, burst, made } = limiter({ entries: 64 });
    assert.equal(burst(20, {}, 0), 10);
    // A flood of other clients, each for the first time, a hundred times what the table holds.
    let passed = 0;
    for (let i = 0; i < 6_400; i += 1) {
      judge(stranger(0x10_0000 + i), i / 100);
      if (i % 64 === 0 && judge({}, i / 100) === "pass") passed += 1;
    }
    assert.ok(passed <= 1, `${passed} of 100 answers in 64 ms, at 10 a second`);
    assert.ok(made.displaced > 0, "it is counted that the table is too small");
  });

  it("still answers everybody who comes for the first time", () => {
    const { judge } = limiter({ entries: 64 });
    for (let i = 0; i < 10_000; i += 1) {
      assert.equal(judge({ ...stranger(i * 7), extraBytes: 100 }, i / 1_000), "pass");
    }
  });

  it("displaces nobody while most buckets are full again", () => {
    const { judge, made } = limiter({ entries: 1_024 });
    for (let i = 0; i < 20_000; i += 1) judge(stranger(i * 31), i);
    assert.equal(made.displaced, 0);
  });
});

it("the seed decides who meets whom", () => {
  const shared = (seed: number) => {
    const { made, judge } = limiter({ entries: 8 * 4, burstMs: 1e9 }, seed);
    for (let i = 0; i < 24; i += 1) judge({ peer: Uint8Array.of(10, i, i, 1) }, 0);
    return made.displaced;
  };
  const counts = new Set(Array.from({ length: 50 }, (_, seed) => shared(seed * 7_919)));
  assert.ok(counts.size > 1, "whoever knows the table cannot aim at a bucket");
});
