import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CachedSignatures, SignatureCache } from "../../../router-dns/sign/signature-cache.ts";
import { TYPE } from "../../../router-dns/wire/codes.ts";

const RRSET = { type: TYPE.A, ttlSeconds: 20, rdatas: [] };

function signatures(staleAt = 100): CachedSignatures {
  return { rrset: RRSET, rrsigs: [], dueAt: 50, staleAt };
}

const always = () => true;

describe("a cache of signatures", () => {
  it("gives out what is good, and nothing that ends soon", () => {
    const cache = new SignatureCache();
    const kept = signatures();
    cache.put("a", kept);
    assert.equal(cache.get("a", 99), kept);
    assert.equal(cache.get("a", 100), undefined);
    assert.equal(cache.peek("a"), kept);
    cache.replaceAhead(new Map([["b", kept]]), always);
    assert.equal(cache.get("b", 99), kept);
    assert.equal(cache.get("b", 100), undefined);
    assert.equal(cache.hits, 2);
  });

  it("prefers one that a query made to one that was made ahead and is too old", () => {
    const cache = new SignatureCache();
    cache.replaceAhead(new Map([["a", signatures(100)]]), always);
    const newer = signatures(200);
    cache.put("a", newer);
    assert.equal(cache.get("a", 150), newer);
  });

  it("keeps no more than its limit of what queries made, and those that are used longest", () => {
    const cache = new SignatureCache(3);
    for (const key of ["a", "b", "c"]) cache.put(key, signatures());
    cache.get("a", 0);
    cache.put("d", signatures());
    assert.deepEqual(
      ["a", "b", "c", "d"].map((key) => cache.peek(key) !== undefined),
      [true, false, true, true],
    );
    for (let i = 0; i < 100; i += 1) cache.put(`flood ${i}`, signatures());
    assert.equal(cache.counts.made, 3);
  });

  it("throws something out also when everything is used", () => {
    const cache = new SignatureCache(50);
    for (let i = 0; i < 50; i += 1) cache.put(`${i}`, signatures());
    for (let i = 0; i < 50; i += 1) cache.get(`${i}`, 0);
    cache.put("new", signatures());
    assert.equal(cache.counts.made, 50);
    assert.ok(cache.peek("new"));
  });

  it("a flood of made ones does not touch those that were made ahead", () => {
    const cache = new SignatureCache(10);
    cache.replaceAhead(new Map([["steered", signatures()]]), always);
    for (let i = 0; i < 1_000; i += 1) cache.put(`${i}`, signatures());
    assert.ok(cache.get("steered", 0));
    assert.deepEqual(cache.counts, { ahead: 1, made: 10 });
  });

  it("what is no longer made ahead may come back soon, if its key is alive", () => {
    const cache = new SignatureCache();
    const before = new Map([
      ["old key", signatures()],
      ["new key", signatures()],
    ]);
    cache.replaceAhead(before, always);
    cache.replaceAhead(new Map(), (key) => key.startsWith("new"));
    assert.equal(cache.peek("old key"), undefined);
    assert.ok(cache.peek("new key"));
  });
});
