import assert from "node:assert/strict";
import { suite, test } from "node:test";
import * as fc from "fast-check";
import { sliceChunks } from "../../../edge/serve/send-chunks.ts";
import { packChunks } from "../../../edge/store/chunks.ts";
import { chunkCost } from "../../../edge/store/cost.ts";

suite("bodies as they are kept", () => {
  test("packing never changes the bytes", () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 3_000 }), { maxLength: 60 });
    fc.assert(
      fc.property(pieces, (arrays) => {
        const chunks = arrays.map((array) => Buffer.from(array)).filter(({ length }) => length > 0);
        const whole = Buffer.concat(chunks);
        assert.deepEqual(Buffer.concat(packChunks(chunks, whole.length)), whole);
      }),
    );
  });

  test("no kept piece pins much more memory than its own bytes", () => {
    const slab = Buffer.alloc(1_000_000, "s");
    const pinning = Array.from({ length: 20 }, (_, i) =>
      slab.subarray(i * 9_000, i * 9_000 + 9_000),
    );
    const packed = packChunks(pinning, 180_000);
    const cost = packed.reduce((sum, chunk) => sum + chunkCost(chunk), 0);
    assert.ok(cost < 1.1 * 180_000, `${cost}`);
  });

  test("a range over chunks is what it is over the whole", () => {
    const input = fc.record({
      sizes: fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 }),
      from: fc.nat(1_000),
      count: fc.integer({ min: 1, max: 1_000 }),
    });
    fc.assert(
      fc.property(input, ({ sizes, from, count }) => {
        const whole = Buffer.from(
          Array.from({ length: sizes.reduce((a, b) => a + b) }, (_, i) => i),
        );
        const chunks: Buffer[] = [];
        let at = 0;
        for (const size of sizes) {
          chunks.push(whole.subarray(at, at + size));
          at += size;
        }
        const first = from % whole.length;
        const last = Math.min(whole.length - 1, first + count - 1);
        assert.deepEqual(
          Buffer.concat(sliceChunks(chunks, { first, last })),
          whole.subarray(first, last + 1),
        );
      }),
    );
  });
});
