import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { CacheObject } from "../../../../edge/store/store.ts";
import { NOW } from "../../build.ts";
import { anObject, Tiers } from "./tiers.ts";

const KIB = 1_024;

/** A body that only this key has in this version. */
const bodyOf = (key: string, bytes = 1_000) => `${key} `.repeat(bytes).slice(0, bytes);

async function stored(tiers: Tiers, key: string): Promise<CacheObject> {
  const [object] = (await tiers.find(key))?.objects ?? [];
  assert.ok(object !== undefined, `${key} is not there`);
  return object;
}

suite("what is stored outlives the process", () => {
  test("with all that is known of it, after an orderly end", async () => {
    const before = new Tiers();
    const fields = ["surrogate-key: a b", "x-text: caf\u00e9 \u{1f600}", "x-two: 1", "x-two: 2"];
    const varyOn = [["accept-language", "de"]] as const;
    const original = anObject(before, "k", { body: bodyOf("k"), fields, varyOn });
    const { id } = before.store.put(original) as CacheObject;
    const after = await before.restart();
    const found = await stored(after, "k");
    assert.deepEqual(found.response, original.response);
    assert.equal(found.id, id);
    assert.equal(found.url, original.url);
    assert.equal(found.site, "shop");
    assert.equal(Buffer.concat(found.chunks).toString(), bodyOf("k"));
    assert.deepEqual(after.counts.get("load loaded"), 1);
  });

  test("after a kill, but for what was still waiting", async () => {
    const before = new Tiers();
    before.put("early", bodyOf("early"));
    await before.clock.advanceAsync(200);
    await before.flush();
    before.put("late", bodyOf("late"));
    const after = before.kill();
    assert.equal(await after.body("early"), bodyOf("early"));
    assert.equal(await after.body("late"), undefined);
  });

  test("and is written within a fifth of a second without being asked to", async () => {
    const before = new Tiers();
    before.put("k", bodyOf("k"));
    await before.clock.advanceAsync(200);
    for (let i = 0; i < 5; i += 1) await before.clock.advanceAsync(0);
    assert.equal(await before.kill().body("k"), bodyOf("k"));
  });

  test("in all variants, and only the newest of each", async () => {
    const before = new Tiers();
    for (const value of ["br", "gzip", "br"]) {
      const varyOn = [["accept-encoding", value]] as const;
      before.store.put(
        anObject(before, "k", { body: `${value} ${before.counts.get("write written")}`, varyOn }),
      );
      await before.flush();
    }
    const after = await before.restart();
    const bodies = (await after.find("k"))?.objects.map(({ chunks }) => String(chunks[0]));
    assert.deepEqual(bodies, ["gzip 1", "br 2"]);
  });

  test("empty bodies and bodies of many pieces as well", async () => {
    const before = new Tiers({ segmentBytes: 4_096 * KIB });
    const pieces = Array.from({ length: 2_000 }, (_, i) => Buffer.from(`piece ${i},`.repeat(20)));
    const body = Buffer.concat(pieces);
    before.put("none", "");
    before.store.put(anObject(before, "many", { chunks: pieces, bodyBytes: body.length }));
    const after = await before.restart({ segmentBytes: 4_096 * KIB });
    assert.equal((await stored(after, "none")).chunks.length, 0);
    assert.ok(Buffer.concat((await stored(after, "many")).chunks).equals(body));
  });

  test("and can be read while it waits to be written", async () => {
    const tiers = new Tiers({ memoryBytes: 64 * KIB });
    for (let i = 0; i < 12; i += 1) tiers.put(`k${i}`, bodyOf(`k${i}`));
    const inMemory = Array.from({ length: 12 }, (_, i) => tiers.store.lookup(`k${i}`));
    const evicted = inMemory.findIndex((found) => found === undefined);
    assert.ok(evicted >= 0, "memory was to be too small");
    assert.equal(await tiers.body(`k${evicted}`), bodyOf(`k${evicted}`));
  });
});

suite("what is gone stays gone", () => {
  const ways: readonly (readonly [string, (tiers: Tiers) => unknown])[] = [
    ["removed", ({ store }) => store.remove("k", "invalidated")],
    ["its tag purged", ({ store }) => purge(store, { kind: "tags", tags: ["red"] })],
    ["its prefix purged", ({ store }) => purge(store, { kind: "prefixes", prefixes: ["k"] })],
    ["its site purged", ({ store }) => purge(store, { kind: "all" })],
    ["replaced by what the disk does not take", (tiers) => tiers.put("k", bodyOf("K", 70 * KIB))],
  ];
  const purge = (
    { purges }: Tiers["store"],
    target: Parameters<ReturnType<typeof purges.site>["purge"]>[0],
  ) => purges.site("shop").purge(target, { soft: false });

  for (const [title, act] of ways) {
    for (const end of ["restart", "kill"] as const) {
      test(`${title}, then ${end}`, async () => {
        const first = new Tiers();
        first.store.put(anObject(first, "k", { body: "old", fields: ["surrogate-key: red"] }));
        first.store.put(anObject(first, "other", { body: "other", site: "other" }));
        const second = await first.restart();
        act(second);
        const third = end === "kill" ? second.kill() : await second.restart();
        assert.equal(await third.body("k"), undefined);
        assert.equal(await third.body("other"), "other");
        // Also once the process has been started again without anything happening.
        const fourth = await third.restart();
        assert.equal(await fourth.body("k"), undefined);
        assert.ok(fourth.put("k", "new"), "the key can be stored again");
        assert.equal(await (await fourth.restart()).body("k"), "new");
      });
    }
  }

  test("soft purges stay soft until the origin confirms", async () => {
    for (const act of [
      ({ store }: Tiers) => store.softPurge("k", NOW + 5),
      ({ store }: Tiers) =>
        store.purges
          .site("shop")
          .purge({ kind: "tags", tags: ["red"] }, { soft: true, at: NOW + 5 }),
    ]) {
      const first = new Tiers();
      first.store.put(anObject(first, "k", { body: "old", fields: ["surrogate-key: red"] }));
      const second = await first.restart();
      act(second);
      const third = second.kill();
      assert.deepEqual((await third.find("k"))?.standings, [{ kind: "stale", since: NOW + 5 }]);
      const object = await stored(third, "k");
      const { generation } = third.store.purges;
      third.store.update(object, { ...object.response, ruleTtlSeconds: 7 }, generation);
      const fourth = await third.restart();
      const found = await fourth.find("k");
      assert.deepEqual(found?.standings, [{ kind: "current" }]);
      assert.equal(found?.responses[0]?.ruleTtlSeconds, 7);
      assert.equal(await fourth.body("k"), "old");
    }
  });

  test("generations go on where they were: a later purge concerns what was stored before", async () => {
    const first = new Tiers();
    for (let i = 0; i < 50; i += 1) {
      first.store.purges.site("other").purge({ kind: "all" }, { soft: false });
    }
    first.put("k", "old");
    const second = await first.restart();
    assert.equal(second.store.purges.generation, 50);
    second.store.purges.site("shop").purge({ kind: "all" }, { soft: false });
    assert.equal(await second.body("k"), undefined);
    assert.equal(await second.kill().body("k"), undefined);
  });

  test("a lost history makes everything doubtful, once", async () => {
    const first = new Tiers();
    first.put("k", "old");
    const second = await first.restart();
    second.store.purges.doubtAll();
    const third = second.kill();
    assert.deepEqual((await third.find("k"))?.standings, [{ kind: "unsure" }]);
    third.put("k2", "new");
    const fourth = await third.restart();
    assert.deepEqual((await fourth.find("k2"))?.standings, [{ kind: "current" }]);
  });
});

test("the position in the change log is kept behind the purges that it covers", async () => {
  const first = new Tiers();
  assert.equal(first.position, undefined);
  first.disk.reached({ epoch: "e", version: 7, mark: "m" });
  await first.clock.advanceAsync(1_000);
  const second = first.kill();
  assert.deepEqual(second.position, { epoch: "e", version: 7, mark: "m" });
  second.disk.reached({ epoch: "e", version: 9 });
  assert.deepEqual((await second.restart()).position, { epoch: "e", version: 9 });
});

suite("room", () => {
  /** Puts objects of 1,000 bytes and gives the highest number of bytes that there ever were. */
  async function fill(tiers: Tiers, from: number, to: number): Promise<number> {
    let most = 0;
    for (let i = from; i < to; i += 1) {
      tiers.put(`k${i}`, bodyOf(`k${i}`));
      if (i % 10 === 0) await tiers.flush();
      most = Math.max(most, tiers.folder.bytes);
    }
    await tiers.flush();
    return Math.max(most, tiers.folder.bytes);
  }

  test("is never exceeded, and the oldest make it", async () => {
    const bytesMax = 1_024 * KIB;
    const tiers = new Tiers({ bytesMax, memoryBytes: 256 * KIB });
    // Everything twice: what is seen for the first time is not written once the disk is full.
    const most = Math.max(await fill(tiers, 0, 1_500), await fill(tiers, 0, 1_500));
    assert.ok(most <= bytesMax, `${most} bytes`);
    assert.ok(most > bytesMax * 0.8, `only ${most} bytes`);
    assert.ok((tiers.counts.get("evicted space") ?? 0) > 0);
    const after = await tiers.restart({ bytesMax });
    assert.equal(await after.body("k1499"), bodyOf("k1499"));
    assert.equal(await after.body("k0"), undefined);
  });

  test("goes to what is asked for twice once the disk is full", async () => {
    const tiers = new Tiers({ bytesMax: 1_024 * KIB, memoryBytes: 256 * KIB });
    await fill(tiers, 0, 1_500);
    const refused = tiers.counts.get("write not-admitted") ?? 0;
    assert.ok(refused > 0, "everything was admitted");
    tiers.put("once", "a");
    assert.equal(tiers.disk.entries("once").length, 0);
    tiers.put("once", "a");
    assert.equal(tiers.disk.entries("once").length, 1);
  });

  test("is kept by what was used", async () => {
    const options = { bytesMax: 1_024 * KIB, memoryBytes: 256 * KIB };
    const first = new Tiers(options);
    await fill(first, 0, 20);
    const tiers = await first.restart(options);
    assert.equal(await tiers.body("k3"), bodyOf("k3"));
    for (let round = 0; round < 6; round += 1) {
      await fill(tiers, 100, 400);
      await fill(tiers, 500, 800);
      await tiers.body("k3");
    }
    assert.equal(await tiers.body("k7"), undefined, "what was not used is gone");
    assert.equal(await tiers.body("k3"), bodyOf("k3"));
  });

  test("in memory is counted, and bounds the index", () => {
    const tiers = new Tiers({ memoryBytes: 256 * KIB });
    for (let i = 0; i < 5_000; i += 1) tiers.put(`k${i}`, "");
    const { objects } = tiers.disk.usage();
    assert.ok(objects < 1_500, `${objects} objects in the index`);
    assert.ok(tiers.memoryBytes > objects * 32);
    assert.ok(tiers.memory.usage().bytes <= 256 * KIB);
  });

  test("in the queue is bounded: what does not fit is not written, and counted", async () => {
    const tiers = new Tiers({ memoryBytes: 256 * KIB });
    for (let i = 0; i < 100; i += 1) tiers.put(`k${i}`, bodyOf(`k${i}`, 2_000));
    assert.ok((tiers.counts.get("write queue-full") ?? 0) > 0);
    assert.ok(tiers.memoryBytes < 128 * KIB, `${tiers.memoryBytes} bytes beside`);
    await tiers.flush();
    const before = tiers.counts.get("write written") ?? 0;
    tiers.put("later", "x");
    await tiers.flush();
    assert.equal(tiers.counts.get("write written"), before + 1);
  });
});

test("requests for one key share one read", async () => {
  const first = new Tiers();
  first.put("k", bodyOf("k"));
  const tiers = await first.restart();
  const loads = [tiers.store.load("k"), tiers.store.load("k")];
  assert.equal(loads[0], loads[1]);
  await loads[0];
  assert.equal(tiers.counts.get("load loaded"), 1);
  assert.equal(tiers.store.load("k"), undefined, "there is nothing more to load");
});

test("what is removed while it is read does not come up", async () => {
  for (const act of [
    ({ store }: Tiers) => void store.remove("k", "purged"),
    ({ store }: Tiers) => store.purges.site("shop").purge({ kind: "all" }, { soft: false }),
    (tiers: Tiers) => void tiers.put("k", "newer"),
  ]) {
    const first = new Tiers();
    first.put("k", bodyOf("k"));
    const tiers = await first.restart();
    const loading = tiers.store.load("k");
    assert.ok(loading !== undefined);
    act(tiers);
    await loading;
    const [object] = tiers.store.lookup("k")?.objects ?? [];
    assert.notEqual(String(object?.chunks[0]), bodyOf("k"));
  }
});
