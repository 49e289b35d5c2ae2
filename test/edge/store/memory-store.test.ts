import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { MemoryStore } from "../../../edge/store/memory-store.ts";
import type { EvictionReason, NewObject } from "../../../edge/store/store.ts";
import { aStored } from "../build.ts";

const MIB = 2 ** 20;

function anObject(store: MemoryStore, key: string, others: Partial<NewObject> = {}): NewObject {
  const body = Buffer.allocUnsafeSlow(1_024).fill("x");
  return {
    key,
    site: "shop",
    url: `http://shop.example/${key}`,
    response: aStored(["cache-control: max-age=60"]),
    chunks: [body],
    bodyBytes: body.length,
    generation: store.generation("shop"),
    reservedBytes: 0,
    ...others,
  };
}

suite("memory store", () => {
  test("unique keys never take it beyond its budget, and every eviction has its reason", () => {
    const reasons = new Map<EvictionReason, number>();
    const store = new MemoryStore(MIB, (_object, reason) => {
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    });
    for (let i = 0; i < 20_000; i += 1) {
      assert.ok(store.put(anObject(store, `k${i}`)));
      assert.ok(store.usage().bytes <= MIB);
    }
    const { objects } = store.usage();
    assert.ok(objects > 100, `${objects} objects`);
    assert.deepEqual([...reasons], [["space", 20_000 - objects]]);
  });

  test("what is used again outlives a flood of what is used once", () => {
    const store = new MemoryStore(MIB);
    const hot = Array.from({ length: 50 }, (_, i) => `hot${i}`);
    for (const key of hot) store.put(anObject(store, key));
    for (let i = 0; i < 5_000; i += 1) {
      store.put(anObject(store, `once${i}`));
      const object = store.lookup(hot[i % hot.length] ?? "")?.objects[0];
      if (object !== undefined) store.touch(object);
    }
    const alive = hot.filter((key) => store.lookup(key) !== undefined);
    assert.equal(alive.length, hot.length);
  });

  test("bytes reserved for bodies on their way count, and are bounded", () => {
    const store = new MemoryStore(MIB);
    for (let i = 0; i < 500; i += 1) store.put(anObject(store, `k${i}`));
    assert.ok(store.reserve(MIB / 4));
    assert.ok(store.usage().bytes <= MIB);
    assert.ok(store.reserve(MIB / 4));
    assert.equal(store.reserve(1), false, "half of the budget is the most that may be on its way");
    store.release(MIB / 2);
    assert.ok(store.reserve(1));
  });

  test("an object beyond the largest share is refused and takes nothing with it", () => {
    const store = new MemoryStore(MIB);
    store.put(anObject(store, "small"));
    const big = Buffer.allocUnsafeSlow(MIB / 3);
    assert.equal(
      store.put(anObject(store, "big", { chunks: [big], bodyBytes: big.length })),
      false,
    );
    assert.equal(store.lookup("big"), undefined);
    assert.ok(store.lookup("small"));
  });

  test("an evicted object can be read on by whoever holds it", () => {
    const store = new MemoryStore(MIB);
    store.put(anObject(store, "a"));
    const held = store.lookup("a")?.objects[0];
    store.remove("a", "purged");
    assert.equal(held?.chunks[0]?.toString(), "x".repeat(1_024));
  });

  test("RFC 9111 s.4.1: variants live side by side, the same one is replaced", () => {
    const store = new MemoryStore(MIB);
    const variant = (value: string) =>
      anObject(store, "v", { response: aStored(["vary: a"], { varyOn: [["a", value]] }) });
    for (const value of ["1", "2", "1"]) store.put(variant(value));
    const variants = store.lookup("v");
    assert.deepEqual(
      variants?.responses.map(({ varyOn }) => varyOn[0]?.[1]),
      ["2", "1"],
    );
    assert.equal(store.usage().objects, 2);
    for (let i = 0; i < 200; i += 1) store.put(variant(`many${i}`));
    assert.equal(store.lookup("v")?.objects.length, 64);
  });

  test("a purge of a site is seen by every lookup, and refuses what was on its way", () => {
    const store = new MemoryStore(MIB);
    const late = anObject(store, "late");
    store.put(anObject(store, "a"));
    store.put({ ...anObject(store, "b"), site: "other", generation: store.generation("other") });
    store.purgeSite("shop");
    assert.equal(store.lookup("a"), undefined);
    assert.ok(store.lookup("b"));
    assert.equal(store.put(late), false);
    assert.ok(store.put(anObject(store, "a")));
  });

  test("after a soft purge all must be validated, until a 304 confirms it", () => {
    const store = new MemoryStore(MIB);
    store.put(anObject(store, "a"));
    store.put(anObject(store, "b"));
    store.softPurgeAll();
    assert.equal(store.lookup("a")?.mustRevalidate, true);
    const object = store.lookup("a")?.objects[0] ?? assert.fail("a is gone");
    assert.ok(store.update(object, aStored(["etag: x"])));
    assert.equal(store.lookup("a")?.mustRevalidate, false);
    assert.equal(store.lookup("b")?.mustRevalidate, true);
    store.put(anObject(store, "b"));
    assert.equal(store.lookup("b")?.mustRevalidate, false);
  });

  test("an update of what has left the store brings nothing back", () => {
    const store = new MemoryStore(MIB);
    store.put(anObject(store, "a"));
    const object = store.lookup("a")?.objects[0] ?? assert.fail("a is gone");
    store.remove("a", "invalidated");
    assert.equal(store.update(object, aStored([])), undefined);
    assert.equal(store.lookup("a"), undefined);
  });
});
