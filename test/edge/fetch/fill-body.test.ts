import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { DoNotCoalesce } from "../../../edge/fetch/do-not-coalesce.ts";
import { FillBody } from "../../../edge/fetch/fill-body.ts";
import { OriginHealth } from "../../../edge/fetch/origin-health.ts";
import { MemoryStore } from "../../../edge/store/memory-store.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const KIB = 1_024;

suite("a body that grows while it is read", () => {
  test("kept, it holds every chunk within reserved bytes and gives them back", () => {
    const store = new MemoryStore(1_024 * KIB);
    const empty = store.usage().bytes;
    const body = new FillBody(store);
    body.keep();
    for (let i = 0; i < 4; i += 1) assert.ok(body.append(Buffer.alloc(32 * KIB)));
    assert.ok(store.usage().bytes - empty >= 128 * KIB);
    assert.ok(body.hasStart);
    body.finish("complete");
    assert.equal(store.usage().bytes, empty);
  });

  test("not kept, it holds what the slowest reader needs, and no more than a window", () => {
    const body = new FillBody(new MemoryStore(1_024 * KIB));
    const [fast, slow] = [body.open(() => {}), body.open(() => {})];
    assert.ok(body.append(Buffer.alloc(10 * KIB, "a")));
    assert.equal(body.append(Buffer.alloc(10 * KIB, "b")), false);
    fast.next = 2;
    body.trim();
    assert.equal(body.mayGoOn(), false);
    assert.equal(body.chunkAt(slow.next)?.toString("latin1", 0, 1), "a");
    slow.next = 1;
    body.trim();
    assert.ok(body.mayGoOn());
    assert.equal(body.chunkAt(0), undefined);
    assert.equal(body.hasStart, false);
    body.close(slow);
    assert.equal(body.chunkAt(1), undefined);
  });

  test("a body that outgrows its share is let go, and what was reserved stays its window", () => {
    const store = new MemoryStore(256 * KIB);
    const empty = store.usage().bytes;
    const body = new FillBody(store);
    body.keep();
    const reader = body.open(() => {});
    for (let i = 0; i < 3; i += 1) body.append(Buffer.allocUnsafeSlow(30 * KIB));
    assert.equal(body.kept, false);
    assert.ok(body.hasStart, "the reader has not read anything");
    reader.next = 3;
    body.trim();
    assert.ok(body.mayGoOn());
    assert.equal(body.hasStart, false);
    body.finish("failed");
    assert.equal(store.usage().bytes, empty);
  });
});

suite("small memories of fixed size", () => {
  test("a key whose answers cannot be shared is remembered for a while", () => {
    const clock = new FakeClock();
    const keys = new DoNotCoalesce(clock);
    keys.note("a");
    assert.ok(keys.has("a"));
    assert.ok(!keys.has("b"));
    clock.advance(30_000);
    assert.ok(!keys.has("a"));
    keys.note("a");
    keys.forget("a");
    assert.ok(!keys.has("a"));
  });

  test("an address that could not be reached is tried last for a while", () => {
    const clock = new FakeClock();
    const seen: unknown[] = [];
    const health = new OriginHealth(clock, (...outcome) => seen.push(outcome));
    const urls = ["http://a", "http://b"];
    health.note("shop", "http://a", { up: false, reachable: false });
    assert.deepEqual(health.order(urls), ["http://b", "http://a"]);
    health.note("shop", "http://b", { up: false, reachable: true });
    assert.deepEqual(health.order(urls), ["http://b", "http://a"], "it answers, if badly");
    clock.advance(5_000);
    assert.deepEqual(health.order(urls), urls);
    assert.deepEqual(seen, [
      ["shop", "http://a", false],
      ["shop", "http://b", false],
    ]);
  });
});
