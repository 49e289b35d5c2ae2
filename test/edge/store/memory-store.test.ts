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
    generation: store.purges.generation,
    reservedBytes: 0,
    ...others,
  };
}

suite("memory store", () => {
  test("unique keys never take it beyond its budget, and every eviction has its reason", () => {
    const reasons = new Map<EvictionReason, number>();
    const store = new MemoryStore(MIB, {
      onEviction: (_object, reason) => {
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      },
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
      undefined,
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
    store.put({ ...anObject(store, "b"), site: "other" });
    store.purges.site("shop").purge({ kind: "all" }, { soft: false });
    assert.equal(store.lookup("a"), undefined);
    assert.ok(store.lookup("b"));
    assert.equal(store.put(late), undefined);
    assert.ok(store.put(anObject(store, "a")));
  });

  test("when purges may have been missed all must be validated, until a 304 confirms it", () => {
    const store = new MemoryStore(MIB);
    const standing = (key: string) => store.lookup(key)?.standings.map(({ kind }) => kind);
    store.put(anObject(store, "a"));
    store.put(anObject(store, "b"));
    store.purges.doubtAll();
    assert.deepEqual(standing("a"), ["unsure"]);
    const object = store.lookup("a")?.objects[0] ?? assert.fail("a is gone");
    assert.ok(store.update(object, aStored(["etag: x"]), store.purges.generation));
    assert.deepEqual(standing("a"), ["current"]);
    assert.deepEqual(standing("b"), ["unsure"]);
    store.put(anObject(store, "b"));
    assert.deepEqual(standing("b"), ["current"]);
  });

  test("a purge of a tag drops the variants that carry it when they are next looked up", () => {
    const dropped: string[] = [];
    const store = new MemoryStore(MIB, {
      onEviction: ({ response }, reason) => {
        dropped.push(`${reason} ${response.varyOn[0]?.[1]}`);
      },
    });
    for (const [value, tag] of [
      ["1", "surrogate-key: red big"],
      ["2", "cache-tag: blue,big one"],
    ] as const) {
      const response = aStored(["vary: a", tag], { varyOn: [["a", value]] });
      store.put(anObject(store, "v", { response }));
    }
    const purge = (...tags: string[]) =>
      store.purges.site("shop").purge({ kind: "tags", tags }, { soft: false });
    purge("one", "green");
    assert.equal(store.lookup("v")?.objects.length, 2);
    purge("red");
    assert.deepEqual(
      store.lookup("v")?.responses.map(({ varyOn }) => varyOn[0]?.[1]),
      ["2"],
    );
    purge("big one");
    assert.equal(store.lookup("v"), undefined);
    assert.deepEqual(dropped, ["purged 1", "purged 2"]);
    assert.equal(store.usage().objects, 0);
  });

  test("a soft purge of a key is in force until an exchange that began after it confirms it", () => {
    const store = new MemoryStore(MIB);
    store.put(anObject(store, "a"));
    assert.equal(store.softPurge("a", 1_000), 1);
    assert.equal(store.softPurge("a", 2_000), 1);
    assert.deepEqual(store.lookup("a")?.standings, [{ kind: "stale", since: 1_000 }]);
    const object = store.lookup("a")?.objects[0] ?? assert.fail("a is gone");
    const byHead = store.update(object, aStored(["etag: x"])) ?? assert.fail("a is gone");
    assert.deepEqual(store.lookup("a")?.standings, [{ kind: "stale", since: 1_000 }]);
    store.update(byHead, aStored(["etag: x"]), store.purges.generation);
    assert.deepEqual(store.lookup("a")?.standings, [{ kind: "current" }]);
    assert.equal(store.softPurge("nothing", 1), 0);
  });

  test("what was on its way before a soft purge arrives stale, and never over newer bytes", () => {
    const store = new MemoryStore(MIB);
    const late = anObject(store, "a");
    const later = anObject(store, "b");
    store.purges.site("shop").purge({ kind: "all" }, { soft: true, at: 7 });
    assert.ok(store.put(late));
    assert.deepEqual(store.lookup("a")?.standings, [{ kind: "stale", since: 7 }]);
    assert.ok(store.put(anObject(store, "b")));
    assert.equal(store.put(later), undefined);
    assert.deepEqual(store.lookup("b")?.standings, [{ kind: "current" }]);
  });

  test("a confirmation that began before a purge does not save what it purged", () => {
    const store = new MemoryStore(MIB);
    store.put(anObject(store, "a", { response: aStored(["surrogate-key: red"]) }));
    const object = store.lookup("a")?.objects[0] ?? assert.fail("a is gone");
    const began = store.purges.generation;
    store.purges.site("shop").purge({ kind: "tags", tags: ["red"] }, { soft: false });
    assert.equal(store.update(object, aStored(["surrogate-key: blue"]), began), undefined);
    assert.equal(store.lookup("a"), undefined);
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
