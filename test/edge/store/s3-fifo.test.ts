import assert from "node:assert/strict";
import { suite, test } from "node:test";
import * as fc from "fast-check";
import { type QueueNode, S3Fifo } from "../../../edge/store/s3-fifo.ts";

const CAPACITY = 20_000;

function aNode(key: string, bytes: number): QueueNode {
  return { key, bytes, uses: 0, queue: "none", newer: undefined, older: undefined };
}

/** A cache of only keys and sizes around the order, which checks whatever the order says. */
class ModelCache {
  readonly order = new S3Fifo(CAPACITY);
  readonly inside = new Map<string, QueueNode>();
  readonly victims: string[] = [];
  peak = 0;

  request(key: string, bytes: number): void {
    const held = this.inside.get(key);
    if (held !== undefined) {
      this.order.touch(held);
      return;
    }
    const node = aNode(key, bytes);
    this.inside.set(key, node);
    this.order.insert(node);
    this.peak = Math.max(this.peak, this.inside.size);
    while (this.order.bytes - this.order.sideBytes > CAPACITY) this.evict();
  }

  remove(key: string): void {
    const node = this.inside.get(key);
    if (node === undefined) return;
    this.order.remove(node);
    this.inside.delete(key);
  }

  evict(): void {
    const victim = this.order.evict();
    assert.equal(victim === undefined, this.inside.size === 0);
    if (victim === undefined) return;
    assert.equal(this.inside.get(victim.key), victim);
    this.inside.delete(victim.key);
    this.victims.push(victim.key);
  }

  check(): void {
    const sum = [...this.inside.values()].reduce((total, each) => total + each.bytes, 0);
    assert.ok(sum <= CAPACITY);
    assert.equal(this.order.bytes - this.order.sideBytes, sum);
    assert.equal(this.order.count, this.inside.size);
  }
}

const STEPS = fc.array(
  fc.record({
    key: fc.integer({ min: 0, max: 60 }).map((number) => `k${number}`),
    bytes: fc.oneof(
      fc.constantFrom(0, 1, CAPACITY - 1, CAPACITY, CAPACITY + 1, CAPACITY * 100),
      fc.integer({ min: 1, max: 5_000 }),
    ),
    action: fc.constantFrom("request", "request", "request", "remove", "evict"),
  }),
  { maxLength: 300 },
);

type Step = typeof STEPS extends fc.Arbitrary<readonly (infer S)[]> ? S : never;

function run(steps: readonly Step[]): ModelCache {
  const cache = new ModelCache();
  for (const { key, bytes, action } of steps) {
    if (action === "request") cache.request(key, bytes);
    else if (action === "remove") cache.remove(key);
    else cache.evict();
    cache.check();
  }
  return cache;
}

suite("S3-FIFO with sizes", () => {
  test("what was never used leaves first, in the order in which it came", () => {
    const order = new S3Fifo(100_000);
    for (const key of ["a", "b", "c"]) order.insert(aNode(key, 4_000));
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

  test("a large object makes room before smaller ones that came a little earlier", () => {
    const order = new S3Fifo(100_000);
    for (const key of ["a", "b", "c"]) order.insert(aNode(key, 500));
    order.insert(aNode("large", 50_000));
    order.insert(aNode("d", 500));
    assert.deepEqual([order.evict()?.key, order.evict()?.key], ["large", "a"]);
  });

  test("a use changes nothing but a counter, which has a top", () => {
    const order = new S3Fifo(100_000);
    const [node, next] = [aNode("a", 10), aNode("b", 10)];
    order.insert(node);
    order.insert(next);
    const before = { ...node };
    for (let i = 1; i <= 20; i += 1) {
      order.touch(node);
      assert.deepEqual({ ...node }, { ...before, uses: Math.min(i, 7) });
    }
  });

  test("an object that is used each time it comes up is never evicted", () => {
    const cache = new ModelCache();
    for (let i = 0; i < 5_000; i += 1) {
      cache.request("hot", 1_000);
      cache.request(`once${i}`, 1_000);
    }
    assert.ok(cache.inside.has("hot"));
    assert.ok(!cache.victims.includes("hot"));
  });

  test("misses that a larger small queue would have avoided make it larger", () => {
    const cache = new ModelCache();
    // Pairs of requests, three others apart: LRU's case, in which a tiny small queue hits nothing.
    let late = 0;
    for (let i = 0; i < 4_000; i += 1) {
      cache.request(`k${i}`, 1_000);
      if (i >= 2_000 && cache.inside.has(`k${i - 3}`)) late += 1;
      if (i >= 3) cache.request(`k${i - 3}`, 1_000);
    }
    assert.ok(late > 1_500, `${late} of 2000 second requests hit`);
  });

  test("whatever happens, it is within its budget and holds what it says it holds", () => {
    fc.assert(
      fc.property(STEPS, (steps) => {
        const cache = run(steps);
        while (cache.inside.size > 0) cache.evict();
        cache.evict();
        assert.equal(cache.order.bytes, cache.order.sideBytes);
      }),
    );
  });

  test("the same requests always have the same victims", () => {
    fc.assert(
      fc.property(STEPS, (steps) => {
        assert.deepEqual(run(steps).victims, run(steps).victims);
      }),
      { numRuns: 30 },
    );
  });

  test("what it remembers is bounded by the objects it has held, however many pass", () => {
    const cache = new ModelCache();
    for (let i = 0; i < 100_000; i += 1) cache.request(`once${i}`, 10);
    assert.ok(cache.peak > 2_000 && cache.peak <= 2_001, `${cache.peak} objects`);
    assert.ok(cache.order.sideBytes <= 32 * cache.peak, `${cache.order.sideBytes} bytes`);
  });
});

test("what takes the place of another stays in its queue, with its uses", () => {
  const cache = new ModelCache();
  cache.request("proven", 100);
  cache.request("proven", 100);
  for (let i = 0; cache.inside.get("proven")?.queue !== "main"; i += 1) cache.request(`x${i}`, 500);
  const before = cache.inside.get("proven");
  assert.ok(before);
  cache.order.touch(before);
  const after = aNode("proven", 120);
  cache.order.replace(before, after);
  cache.inside.set("proven", after);
  assert.deepEqual([before.queue, after.queue, after.uses], ["none", "main", before.uses]);
  cache.check();
});

test("a node that has left already is succeeded like a new one", () => {
  const order = new S3Fifo(CAPACITY);
  const successor = aNode("a", 10);
  order.replace(aNode("a", 10), successor);
  assert.deepEqual([successor.queue, order.count], ["small", 1]);
});
