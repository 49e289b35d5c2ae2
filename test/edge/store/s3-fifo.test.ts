import assert from "node:assert/strict";
import { suite, test } from "node:test";
import * as fc from "fast-check";
import { type QueueNode, S3Fifo } from "../../../edge/store/s3-fifo.ts";

function aNode(key: string, bytes: number): QueueNode {
  return { key, bytes, uses: 0, queue: "none", newer: undefined, older: undefined };
}

suite("S3-FIFO by bytes", () => {
  test("what was never used leaves first, in the order in which it came", () => {
    const order = new S3Fifo(100_000);
    const nodes = ["a", "b", "c"].map((key) => aNode(key, 4_000));
    for (const node of nodes) order.insert(node);
    assert.deepEqual([order.evict()?.key, order.evict()?.key], ["a", "b"]);
  });

  test("what was used while new moves on, what comes back soon enters main", () => {
    const order = new S3Fifo(100_000);
    const used = aNode("used", 8_000);
    order.insert(used);
    order.touch(used);
    order.insert(aNode("once", 8_000));
    assert.equal(order.evict()?.key, "once");
    assert.equal(used.queue, "main");
    const back = aNode("once", 8_000);
    order.insert(back);
    assert.equal(back.queue, "main");
  });

  test("whatever happens, bytes and count are those of what is inside", () => {
    const step = fc.record({
      key: fc.integer({ min: 0, max: 30 }),
      bytes: fc.integer({ min: 1, max: 5_000 }),
      action: fc.constantFrom("insert", "touch", "remove", "evict"),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const order = new S3Fifo(20_000);
        const empty = order.bytes;
        const inside = new Map<string, QueueNode>();
        for (const { key, bytes, action } of steps) {
          const name = `k${key}`;
          const node = inside.get(name);
          if (action === "evict") {
            const victim = order.evict();
            assert.equal(victim === undefined, inside.size === 0);
            if (victim !== undefined) assert.ok(inside.delete(victim.key));
          } else if (node === undefined) {
            if (action !== "insert") continue;
            const fresh = aNode(name, bytes);
            inside.set(name, fresh);
            order.insert(fresh);
          } else if (action === "touch") {
            order.touch(node);
          } else if (action === "remove") {
            order.remove(node);
            inside.delete(name);
          }
          const sum = [...inside.values()].reduce((total, each) => total + each.bytes, 0);
          assert.equal(order.bytes - empty, sum);
          assert.equal(order.count, inside.size);
        }
        while (inside.size > 0) assert.ok(inside.delete(order.evict()?.key ?? ""));
        assert.equal(order.evict(), undefined);
      }),
    );
  });
});
