import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { type BlendedPop, blendedOrder, MS_PER_KM } from "../../../router-dns/geo/blend.ts";

const NONE = { marginMs: 0 };

function pops(...ways: readonly (readonly [km: number | undefined, ms?: number])[]): BlendedPop[] {
  return ways.map(([km, ms], pop) => ({ pop, km, ms }));
}

const candidates = fc
  .array(
    fc.record({
      km: fc.integer({ min: 0, max: 20_000 }),
      ms: fc.option(fc.integer({ min: 0, max: 500 }), { nil: undefined }),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((ways) => ways.sort((a, b) => a.km - b.km).map((way, pop) => ({ pop, ...way })));

describe("blending of measured round trips with distance", () => {
  test("without a measurement the order is that of the distance", () => {
    fc.assert(
      fc.property(candidates, fc.nat(100), (ways, marginMs) => {
        const unmeasured = ways.map(({ pop, km }) => ({ pop, km, ms: undefined }));
        assert.deepEqual(
          blendedOrder(unmeasured, { marginMs }),
          ways.map(({ pop }) => pop),
        );
      }),
    );
  });

  test("measured ones are in the order of their times, and everybody is there once", () => {
    fc.assert(
      fc.property(candidates, (ways) => {
        const order = blendedOrder(ways, NONE);
        assert.deepEqual(
          order.toSorted((a, b) => a - b),
          ways.map(({ pop }) => pop),
        );
        const times = order.flatMap((pop) => ways[pop]?.ms ?? []);
        assert.deepEqual(
          times,
          times.toSorted((a, b) => a - b),
        );
      }),
    );
  });

  test("a detour is left, also for a PoP that nobody has measured", () => {
    assert.deepEqual(blendedOrder(pops([100, 90], [400, 12]), NONE), [1, 0]);
    // 400 km at 0.02 ms each, and the 10 ms that the network itself takes.
    assert.deepEqual(blendedOrder(pops([100, 90], [300], [1_000, 30]), NONE), [1, 2, 0]);
  });

  test("a network that is slow to everywhere moves nobody", () => {
    assert.deepEqual(blendedOrder(pops([100, 300], [400], [900]), NONE), [0, 1, 2]);
  });

  test("who is first stays while nobody is faster by the margin", () => {
    const ways = pops([100, 30], [400, 21]);
    assert.deepEqual(blendedOrder(ways, { marginMs: 10 }), [0, 1]);
    assert.deepEqual(blendedOrder(ways, { marginMs: 9 }), [1, 0]);
    assert.deepEqual(blendedOrder(ways, { marginMs: 10, incumbent: 1 }), [1, 0]);
  });

  test("times that move by less than the margin never change who is first", () => {
    fc.assert(
      fc.property(
        candidates,
        fc.array(fc.array(fc.double({ min: 0, max: 9.9, noNaN: true }), { minLength: 8 })),
        (ways, rounds) => {
          const measured = ways.map((way) => ({ ...way, ms: way.ms ?? way.km * MS_PER_KM }));
          let [incumbent] = blendedOrder(measured, { marginMs: 10 });
          const fastest = Math.min(...measured.map(({ ms }) => ms));
          if ((measured[incumbent ?? 0]?.ms ?? 0) > fastest) return;
          const start = incumbent;
          for (const noise of rounds) {
            const now = measured.map((way, i) => ({ ...way, ms: way.ms + (noise[i] ?? 0) }));
            [incumbent] = blendedOrder(now, { marginMs: 10, incumbent });
            assert.equal(incumbent, start);
          }
        },
      ),
    );
  });

  test("where nobody knows the place what is measured comes first", () => {
    assert.deepEqual(
      blendedOrder(pops([undefined], [undefined, 40], [undefined, 20]), NONE),
      [2, 1, 0],
    );
  });
});
