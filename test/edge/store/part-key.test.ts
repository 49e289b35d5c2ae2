import assert from "node:assert/strict";
import { test } from "node:test";
import { joinKey } from "../../../edge/key/primary.ts";
import { MemoryStore } from "../../../edge/store/memory-store.ts";
import { isPartKey, partKey } from "../../../edge/store/store.ts";
import { aStored } from "../build.ts";

test("the keys of parts and of requests are told apart, whatever is asked for", () => {
  const object = new MemoryStore(2 ** 20).put({
    key: "shop shop.example/a b",
    site: "shop",
    url: "http://shop.example/a",
    response: aStored([]),
    chunks: [],
    bodyBytes: 0,
    generation: 0,
    reservedBytes: 0,
  });
  assert.ok(object);
  assert.ok(isPartKey(partKey(object.id, "0")));
  assert.ok(isPartKey(partKey(object.id, "gzip level 6")));
  assert.ok(!isPartKey(object.key));
  for (const target of ["/", "/a/b?c", "*", "/deadbeef-1/0"]) {
    assert.ok(!isPartKey(joinKey("shop", "shop.example", target)), target);
  }
});
