import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { EvictionOrder } from "../../../edge/store/eviction-order.ts";
import { EvictionOutcomes } from "../../../edge/store/eviction-outcomes.ts";
import type { QueueNode } from "../../../edge/store/eviction-queue.ts";

/** A cache of keys and sizes around the order. */
class ModelCache {
  readonly order: EvictionOrder<QueueNode>;
  readonly inside = new Map<string, QueueNode>();
  readonly #bytesMax: number;
  hits = 0;

  constructor(bytesMax: number) {
    this.order = new EvictionOrder(bytesMax);
    this.#bytesMax = bytesMax;
  }

  request(key: string, bytes: number): void {
    const held = this.inside.get(key);
    if (held !== undefined) {
      this.hits += 1;
      this.order.touch(held);
      return;
    }
    const links = { newer: undefined, older: undefined, entered: 0 };
    const node: QueueNode = { key, bytes, uses: 0, queue: "none", ...links };
    this.inside.set(key, node);
    this.order.insert(node);
    while (this.order.bytes - this.order.sideBytes > this.#bytesMax) {
      const victim = this.order.evict();
      assert.ok(victim !== undefined && this.inside.delete(victim.key));
    }
    assert.equal(this.order.count, this.inside.size);
  }
}

/** Every object is asked for twice, `gap` requests apart, and then never again: LRU's case. */
function* twice(requests: number, gap: number): Generator<string> {
  for (let i = 0; i < requests; i += 1) {
    yield `k${i}`;
    if (i >= gap) yield `k${i - gap}`;
  }
}

suite("eviction order", () => {
  test("where what was used last is what is used next, it turns to recency, and hits", () => {
    const cache = new ModelCache(1_000);
    for (const key of twice(60_000, 470)) cache.request(key, 1);
    assert.equal(cache.order.mode.by, "recency");
    const before = cache.hits;
    for (const key of twice(10_000, 470)) cache.request(`later ${key}`, 1);
    assert.ok(cache.hits - before > 8_000, `${cache.hits - before} hits of 9,530 that LRU has`);
  });

  test("where uses count, it stays with frequency", () => {
    const cache = new ModelCache(1_000);
    // A thousand objects in turn, and as many again that are asked for once.
    for (let i = 0; i < 100_000; i += 1) {
      cache.request(i % 2 === 0 ? `hot ${(i / 2) % 900}` : `once ${i}`, 1);
    }
    assert.equal(cache.order.mode.by, "frequency");
    assert.ok(cache.hits > 30_000, `${cache.hits} hits`);
  });

  test("it samples fewer keys when more fit, and what it takes beside is bounded", () => {
    const cache = new ModelCache(40_000);
    for (const key of twice(150_000, 18_000)) cache.request(key, 1);
    // Two ghosts of at most twice 8 bytes an object, and four trials of 2,048 objects.
    assert.ok(cache.order.sideBytes < 40_000 * 32 + 4 * 2_049 * 300, `${cache.order.sideBytes}`);
    assert.equal(cache.order.mode.by, "recency", "the sample says so as the whole would");
  });

  test("a smaller budget is a smaller one for the trials too", () => {
    const cache = new ModelCache(1_000);
    for (const key of twice(5_000, 900)) cache.request(key, 1);
    const before = cache.order.sideBytes;
    cache.order.resize(100);
    assert.ok(cache.order.sideBytes < before - 4 * 800 * 256, "they let go of what no longer fits");
    while (cache.order.count > 0) cache.order.evict();
  });
});

suite("outcomes of a contest", () => {
  test("who hits more leads, by what chance would not do", () => {
    const outcomes = new EvictionOutcomes(2);
    for (let i = 0; i < 75; i += 1) outcomes.add(0b01, 10);
    for (let i = 0; i < 25; i += 1) outcomes.add(0b10, 10);
    for (let i = 0; i < 500; i += 1) outcomes.add(i % 2 === 0 ? 0b11 : 0b00, 10);
    assert.equal(outcomes.leadByRequests(0, 1), 5, "50 more, and the square root of 100");
    assert.equal(outcomes.leadByRequests(1, 0), -5);
    assert.equal(outcomes.leadByBytes(0, 1), 5);
    outcomes.fade();
    assert.equal(outcomes.total, 300);
    assert.ok(outcomes.leadByRequests(0, 1) < 5, "half as much evidence");
  });

  test("one large object is no proof", () => {
    const outcomes = new EvictionOutcomes(2);
    outcomes.add(0b10, 1_000_000);
    for (let i = 0; i < 50; i += 1) outcomes.add(0b01, 1_000);
    assert.ok(outcomes.leadByBytes(1, 0) < 1);
    assert.ok(outcomes.leadByRequests(0, 1) > 6);
    assert.equal(new EvictionOutcomes(2).leadByBytes(0, 1), 0);
  });
});
