import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { Awake, type Sleeper } from "../../../edge/store/awake.ts";
import { MemoryStore } from "../../../edge/store/memory-store.ts";
import { PACKED_BODY_MAX, pack, unpack } from "../../../edge/store/packed.ts";
import type { CacheObject } from "../../../edge/store/store.ts";

const KEY = "shop shop.example/a";
const NOW = Date.UTC(2026, 0, 1);

const pair = fc.tuple(
  fc.oneof(fc.constantFrom("etag", "content-type", "x-odd"), fc.string()),
  fc.oneof(
    fc.string(),
    fc.string({ unit: "binary" }),
    fc.constantFrom('"v1"', "é", "a\nb", "日本"),
  ),
);
const response = fc.record(
  {
    status: fc.integer({ min: 100, max: 599 }),
    fields: fc.array(pair, { maxLength: 12 }),
    times: fc.record(
      { requestTime: fc.constant(NOW), responseTime: fc.nat().map((n) => NOW + n) },
      { noNullPrototype: true },
    ),
    bodyBytes: fc.option(fc.nat(), { nil: undefined }),
    method: fc.constantFrom("GET", "POST", "HEAD"),
    varyOn: fc.array(pair, { maxLength: 3 }),
    ruleTtlSeconds: fc.option(fc.nat(), { nil: undefined }),
    sliceBytes: fc.nat(),
  },
  {
    noNullPrototype: true,
    requiredKeys: ["status", "fields", "times", "bodyBytes", "method", "varyOn", "ruleTtlSeconds"],
  },
);
const url = fc.oneof(
  fc.constantFrom("http://shop.example/a", "https://shop.example/a", "http://", ""),
  fc.string(),
);
const body = fc.option(
  fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  { nil: undefined },
);

describe("an object at rest", () => {
  test("is the same when it has been unpacked, whatever its fields and its body", () => {
    const property = fc.property(url, response, body, (address, facts, bytes) => {
      const chunks = bytes === undefined ? [] : [bytes];
      const text = pack({ url: address, response: facts, chunks }, KEY);
      assert.deepEqual(unpack(text, { key: KEY, larger: [] }), {
        url: address,
        response: facts,
        chunks,
      });
    });
    fc.assert(property, { numRuns: 1_000 });
  });

  test("is one octet for each character, and a larger body stays where it is", () => {
    const [larger, small] = [Buffer.alloc(PACKED_BODY_MAX + 1, 0xff), Buffer.alloc(9, 0xff)];
    const facts = aResponse(small.length);
    const packed = pack({ url: "http://shop.example/a", response: facts, chunks: [small] }, KEY);
    assert.equal(Math.max(...Buffer.from(packed, "utf16le").filter((_, i) => i % 2 === 1)), 0);
    const text = pack({ url: "http://shop.example/a", response: facts, chunks: [larger] }, KEY);
    assert.ok(text.length < packed.length);
    assert.equal(unpack(text, { key: KEY, larger: [larger] }).chunks[0], larger);
  });
});

function aResponse(bodyBytes: number): CacheObject["response"] {
  return {
    status: 200,
    fields: [["x-colour", "日本"]],
    times: { requestTime: NOW, responseTime: NOW + 1 },
    bodyBytes,
    method: "GET",
    varyOn: [],
    ruleTtlSeconds: undefined,
  };
}

class Someone implements Sleeper {
  wanted = false;
  awakeBytes = 10;
  slept = 0;
  sleep(): void {
    this.slept += 1;
  }
}

describe("who is awake", () => {
  test("falls asleep in the order of waking, but for those who were asked for since", () => {
    const awake = new Awake(25);
    const [a, b, c] = [new Someone(), new Someone(), new Someone()];
    awake.add(a);
    awake.add(b);
    a.wanted = true;
    awake.add(c);
    assert.deepEqual([a.slept, b.slept, c.slept], [0, 1, 0]);
    assert.equal(awake.bytes, 20);
    awake.add(b);
    assert.deepEqual([a.slept, b.slept, c.slept], [0, 1, 1]);
  });

  test("is counted until it is gone, and the last one stays", () => {
    const awake = new Awake(5);
    const [a, b] = [new Someone(), new Someone()];
    awake.add(a);
    assert.equal(a.slept, 0);
    awake.add(b);
    assert.deepEqual([a.slept, b.slept], [1, 0]);
    assert.equal(awake.remove(b), true);
    assert.equal(awake.remove(b), false);
    assert.equal(awake.bytes, 0);
  });
});

describe("a store of many small objects", () => {
  const store = new MemoryStore(2 ** 21);
  const keyOf = (i: number) => `shop shop.example/${i}`;
  const bytesOf = (i: number) => Buffer.alloc(700, i % 256);
  for (let i = 0; i < 1_000; i += 1) {
    store.put({
      key: keyOf(i),
      site: "shop",
      url: `http://shop.example/${i}`,
      response: aResponse(700),
      chunks: [bytesOf(i)],
      bodyBytes: 700,
      generation: 0,
      reservedBytes: 0,
    });
  }

  test("gives each as it was, and counts no more than it may hold", () => {
    assert.equal(store.usage().objects, 1_000);
    for (const round of [1, 2]) {
      for (let i = 0; i < 1_000; i += 1) {
        const [object] = store.lookup(keyOf(i))?.objects ?? [];
        assert.deepEqual(object?.response, aResponse(700), `round ${round}`);
        assert.deepEqual(object?.chunks, [bytesOf(i)]);
        assert.equal(object?.url, `http://shop.example/${i}`);
      }
    }
    assert.ok(store.usage().bytes <= 2 ** 21);
  });

  test("takes a 304's facts for one that was asleep", () => {
    const [object] = store.lookup(keyOf(3))?.objects ?? [];
    assert.ok(object);
    for (let i = 500; i < 1_000; i += 1) assert.ok(store.lookup(keyOf(i))?.responses);
    const fresh = { ...aResponse(700), fields: [["etag", '"v2"']] as const };
    assert.equal(store.update(object, fresh)?.id, object.id);
    for (let i = 500; i < 1_000; i += 1) assert.ok(store.lookup(keyOf(i))?.responses);
    const found = store.lookup(keyOf(3));
    assert.deepEqual(found?.responses, [fresh]);
    assert.deepEqual(found?.objects[0]?.chunks, [bytesOf(3)]);
  });

  test("keeps what is read of one that leaves", () => {
    const [object] = store.lookup(keyOf(4))?.objects ?? [];
    store.remove(keyOf(4), "purged");
    assert.deepEqual(object?.chunks, [bytesOf(4)]);
    assert.equal(store.lookup(keyOf(4)), undefined);
  });
});
