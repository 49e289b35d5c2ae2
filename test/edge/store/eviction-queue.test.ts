import assert from "node:assert/strict";
import { suite, test } from "node:test";
import * as fc from "fast-check";
import { type QueueNode, SizedQueue } from "../../../edge/store/eviction-queue.ts";

function aNode(key: string, bytes: number): QueueNode {
  return { key, bytes, uses: 0, queue: "none", newer: undefined, older: undefined };
}

/** Keys in the order in which they leave, when all entered one tick after the other. */
function orderOf(sizes: readonly number[]): string[] {
  const queue = new SizedQueue("main");
  for (const [i, bytes] of sizes.entries()) queue.push(aNode(`${i}`, bytes), i);
  const keys: string[] = [];
  for (
    let node = queue.shift(sizes.length, "root");
    node !== undefined;
    node = queue.shift(sizes.length, "root")
  ) {
    keys.push(node.key);
  }
  return keys;
}

suite("queue by waiting time and size", () => {
  test("objects of one size leave in the order in which they came", () => {
    for (const bytes of [0, 1, 1_000, 2 ** 33, 2 ** 50]) {
      assert.deepEqual(orderOf([bytes, bytes, bytes, bytes]), ["0", "1", "2", "3"]);
    }
  });

  test("four times the bytes is given half the time", () => {
    // At tick 9 they have waited 10 and 5, or 10 and 4, of which the larger one's count twice.
    const leaving = (enteredAt: number): string | undefined => {
      const queue = new SizedQueue("main");
      queue.push(aNode("small", 256), 0);
      queue.push(aNode("large", 1_024), enteredAt);
      return queue.shift(9, "root")?.key;
    };
    assert.equal(leaving(4), "large");
    assert.equal(leaving(6), "small");
  });

  test("whatever leaves, bytes and count are those of what stays", () => {
    const size = fc.oneof(fc.constantFrom(0, 1, 2 ** 40), fc.integer({ min: 0, max: 10_000 }));
    fc.assert(
      fc.property(fc.array(fc.tuple(size, fc.boolean())), (nodes) => {
        const queue = new SizedQueue("small");
        const inside = nodes.map(([bytes], i) => aNode(`${i}`, bytes));
        for (const [i, node] of inside.entries()) queue.push(node, i);
        const stay = inside.filter((_, i) => nodes[i]?.[1]);
        for (const node of inside) if (!stay.includes(node)) queue.unlink(node);
        assert.equal(queue.count, stay.length);
        assert.equal(
          queue.bytes,
          stay.reduce((sum, { bytes }) => sum + bytes, 0),
        );
        const left = stay.map(() => queue.shift(inside.length, "none"));
        assert.deepEqual(new Set(left), new Set(stay));
        assert.equal(queue.shift(inside.length, "none"), undefined);
        assert.equal(queue.bytes, 0);
      }),
    );
  });
});
