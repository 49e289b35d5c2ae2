import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { eventually } from "../../support/eventually.ts";
import { fetchAt } from "../../support/http.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { startTestEdge, type TestEdge } from "../harness.ts";
import { assertSame, fileBytes, SLICE, SMALL_SLICES, startFileOrigin } from "./origin.ts";

const MIB = 1_048_576;
const OBJECTS = 'meridian_edge_store_objects{tier="memory"';

/** Asks for a range and gives what Cache-Status says behind the name of the edge. */
async function range(edge: TestEdge, value: string, expected: Buffer): Promise<string> {
  const answer = await edge.get("/f", { headers: { range: `bytes=${value}` } });
  assert.equal(answer.status, 206, value);
  assertSame(answer.body, expected);
  return (
    answer
      .field("cache-status")
      ?.replace("test-1; ", "")
      .replace(/ttl=-?\d+/, "ttl") ?? ""
  );
}

suite("large objects in slices: what the origin is asked", () => {
  test("a client that is quick is written many pieces at a time, and gets every byte", async (t) => {
    const bytes = 6 * MIB + 77;
    const origin = await startFileOrigin(t, { bytes });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    for (let i = 0; i < 3; i += 1) {
      assertSame((await edge.get("/f")).body, fileBytes("v1", 0, bytes));
      await range(edge, `${MIB - 5}-${4 * MIB + 3}`, fileBytes("v1", MIB - 5, 4 * MIB + 4));
    }
    assert.equal(origin.seen.length, 1);
  });

  test("a plain GET is one request; everything after it comes from the store", async (t) => {
    const bytes = 10 * SLICE + 77;
    const origin = await startFileOrigin(t, { bytes });
    const edge = await startTestEdge(t, { origins: [origin.url], site: SMALL_SLICES });
    const first = await edge.get("/f");
    assert.equal(first.status, 200);
    assert.equal(first.field("cache-status"), "test-1; fwd=uri-miss; fwd-status=200; stored");
    assertSame(first.body, fileBytes("v1", 0, bytes));
    const again = await edge.get("/f");
    assert.match(again.field("cache-status") ?? "", /; hit; ttl=/);
    assertSame(again.body, first.body);
    const across = fileBytes("v1", SLICE - 3, SLICE + 3);
    assert.equal(await range(edge, `${SLICE - 3}-${SLICE + 2}`, across), "hit; ttl");
    assert.deepEqual(origin.ranges, [undefined]);
    const url = encodeURIComponent("http://shop.example/f");
    const explained = await fetchAt(`http://admin/explain?url=${url}`, { at: edge.admin });
    assert.match(explained.body.toString(), /"slices":{"bytes":65536,"count":11,"inMemory":11}/);
    // The head and its slices.
    assert.equal(await edge.metric(OBJECTS), 12);
  });

  test("a seek into 4 GiB costs the bytes asked for and less than a slice", async (t) => {
    const bytes = 4_096 * MIB;
    const origin = await startFileOrigin(t, { bytes });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const first = 3_000_000_000;
    const wanted = fileBytes("v1", first, first + 100_000);
    const value = `${first}-${first + 99_999}`;
    assert.equal(await range(edge, value, wanted), "fwd=uri-miss; fwd-status=206; stored");
    assert.ok(origin.sentBytes <= 100_000 + MIB, `${origin.sentBytes}`);
    assert.equal(await range(edge, value, wanted), "hit; ttl");
    const end = fileBytes("v1", bytes - 5, bytes);
    assert.equal(await range(edge, "-5", end), "fwd=partial; ttl");
    assert.ok(origin.sentBytes <= 100_005 + 2 * MIB, `${origin.sentBytes}`);
    assert.deepEqual(origin.ranges, ["bytes=2999975936-3001024511", "bytes=4293918720-4294967295"]);
  });

  test("the last bytes of what is not stored, and of what is shorter than that", async (t) => {
    const bytes = 3 * SLICE + 10;
    const origin = await startFileOrigin(t, { bytes });
    const edge = await startTestEdge(t, { origins: [origin.url], site: SMALL_SLICES });
    const tail = fileBytes("v1", bytes - SLICE, bytes);
    assert.equal(await range(edge, `-${SLICE}`, tail), "fwd=uri-miss; fwd-status=206; stored");
    assert.deepEqual(origin.ranges, [`bytes=-${2 * SLICE - 1}`]);
    assert.equal(await range(edge, `-${SLICE}`, tail), "hit; ttl");
    const whole = fileBytes("v1", 0, bytes);
    assert.equal(await range(edge, "-999999999", whole), "fwd=partial; ttl");
    assertSame((await edge.get("/f")).body, whole);
    assert.deepEqual(origin.ranges.slice(1), [`bytes=0-${2 * SLICE - 1}`]);
  });

  for (const value of ["0-", "0-9", "5-9", "-9"]) {
    test(`what is no larger than a slice ends up whole: bytes=${value}`, async (t) => {
      const origin = await startFileOrigin(t, { bytes: 100, validator: () => ({}) });
      const edge = await startTestEdge(t, { origins: [origin.url] });
      const answer = await edge.get("/f", { headers: { range: `bytes=${value}` } });
      assert.equal(answer.status, 206);
      const whole = await eventually("it is stored", async () => {
        const stored = await edge.get("/f");
        assert.match(stored.field("cache-status") ?? "", /hit/);
        return stored;
      });
      assert.equal(whole.status, 200);
      assertSame(whole.body, fileBytes("v1", 0, 100));
      assert.equal(origin.seen.length, 1);
      assert.equal(await edge.metric(OBJECTS), 1);
    });
  }

  test("a player's bytes=0- on a large file asks for everything, once", async (t) => {
    const bytes = 5 * SLICE;
    const origin = await startFileOrigin(t, { bytes });
    const edge = await startTestEdge(t, { origins: [origin.url], site: SMALL_SLICES });
    const whole = fileBytes("v1", 0, bytes);
    assert.equal(await range(edge, "0-", whole), "fwd=uri-miss; fwd-status=200; stored");
    assert.equal(await range(edge, "0-", whole), "hit; ttl");
    assert.deepEqual(origin.ranges, [undefined]);
  });

  test("only the missing slices are asked for, runs of them at once", async (t) => {
    const bytes = 10 * SLICE;
    const origin = await startFileOrigin(t, { bytes });
    const edge = await startTestEdge(t, { origins: [origin.url], site: SMALL_SLICES });
    await range(edge, `${4 * SLICE}-${4 * SLICE}`, fileBytes("v1", 4 * SLICE, 4 * SLICE + 1));
    const whole = await edge.get("/f");
    assert.match(whole.field("cache-status") ?? "", /fwd=partial; ttl=/);
    assertSame(whole.body, fileBytes("v1", 0, bytes));
    assert.deepEqual(origin.ranges, [
      `bytes=${4 * SLICE}-${5 * SLICE - 1}`,
      `bytes=0-${4 * SLICE - 1}`,
      `bytes=${5 * SLICE}-${bytes - 1}`,
    ]);
    const headers = origin.requests.map((request) => request.headers["if-range"]);
    assert.deepEqual(headers, [undefined, '"v1"', '"v1"']);
    assert.equal(origin.sentBytes, bytes);
    assert.equal(await edge.metric('meridian_edge_slice_fills_total{site="shop"'), 2);
  });

  test("behind the end there is nothing, and nothing is stored of the answer", async (t) => {
    const bytes = 3 * SLICE;
    const origin = await startFileOrigin(t, { bytes });
    const edge = await startTestEdge(t, { origins: [origin.url], site: SMALL_SLICES });
    const far = { headers: { range: `bytes=${9 * SLICE}-` } };
    const cold = await edge.get("/f", far);
    assert.equal(cold.status, 416);
    assert.equal(cold.field("content-range"), `bytes */${bytes}`);
    assert.equal(await edge.metric(OBJECTS), 0);
    await edge.get("/f");
    assert.equal((await edge.get("/f", far)).status, 416);
    assert.equal(origin.seen.length, 2);
  });

  test("switched off, objects are stored whole and far ranges go through", async (t) => {
    const bytes = 3 * MIB;
    const origin = await startFileOrigin(t, { bytes });
    const site = { slices: { enabled: false, size: SLICE } };
    const edge = await startTestEdge(t, { origins: [origin.url], site });
    const value = `${2 * MIB}-${2 * MIB + 9}`;
    const wanted = fileBytes("v1", 2 * MIB, 2 * MIB + 10);
    assert.equal(await range(edge, value, wanted), "fwd=partial; fwd-status=206");
    await edge.get("/f");
    assert.equal(await range(edge, value, wanted), "hit; ttl");
    assert.equal(await edge.metric(OBJECTS), 1);
    assert.deepEqual(origin.ranges, [`bytes=${value}`, undefined]);
  });
});

suite("large objects in slices: conditions and HEAD", () => {
  test("one revalidation for the object, however many slices it has", async (t) => {
    const bytes = 6 * SLICE;
    const headers = { "cache-control": "max-age=0" };
    const origin = await startFileOrigin(t, { bytes, headers });
    const edge = await startTestEdge(t, { origins: [origin.url], site: SMALL_SLICES });
    const whole = fileBytes("v1", 0, bytes);
    assertSame((await edge.get("/f")).body, whole);
    for (let i = 0; i < 3; i += 1) {
      const answer = await edge.get("/f");
      assert.match(answer.field("cache-status") ?? "", /fwd=stale; fwd-status=304; ttl=/);
      assertSame(answer.body, whole);
    }
    assert.equal(
      await range(edge, `${3 * SLICE}-`, whole.subarray(3 * SLICE)),
      "fwd=stale; fwd-status=304; ttl",
    );
    assert.equal(origin.seen.length, 5);
    assert.equal(origin.sentBytes, bytes);
    assert.deepEqual(new Set(origin.ranges), new Set([undefined]));
  });

  test("another version replaces the object, slices and all", async (t) => {
    const bytes = 6 * SLICE;
    const headers = { "cache-control": "max-age=0" };
    const origin = await startFileOrigin(t, { bytes, headers });
    const edge = await startTestEdge(t, { origins: [origin.url], site: SMALL_SLICES });
    await edge.get("/f");
    origin.change("v2", 7 * SLICE);
    const answer = await edge.get("/f");
    assert.equal(answer.field("cache-status"), "test-1; fwd=stale; fwd-status=200; stored");
    assertSame(answer.body, fileBytes("v2", 0, 7 * SLICE));
    assert.equal(origin.seen.length, 2);
  });

  test("If-None-Match, If-Match, If-Range and HEAD are about the object", async (t) => {
    const bytes = 4 * SLICE;
    const origin = await startFileOrigin(t, { bytes });
    const edge = await startTestEdge(t, { origins: [origin.url], site: SMALL_SLICES });
    await edge.get("/f");
    const ask = (headers: Record<string, string>) => edge.get("/f", { headers });
    assert.equal((await ask({ "if-none-match": '"v1"' })).status, 304);
    assert.equal((await ask({ "if-match": '"v0"' })).status, 412);
    const head = await edge.get("/f", { method: "HEAD" });
    assert.equal(head.field("content-length"), String(bytes));
    assert.match(head.field("cache-status") ?? "", /hit/);
    const other = await ask({ range: "bytes=5-9", "if-range": '"v0"' });
    assert.equal(other.status, 200);
    assertSame(other.body, fileBytes("v1", 0, bytes));
    const same = await ask({ range: "bytes=5-9", "if-range": '"v1"' });
    assert.equal(same.status, 206);
    assertSame(same.body, fileBytes("v1", 5, 10));
    assert.equal(origin.seen.length, 1);
  });

  test("several ranges come as multipart/byteranges, in the order asked for", async (t) => {
    const bytes = 9 * SLICE;
    const origin = await startFileOrigin(t, { bytes });
    const edge = await startTestEdge(t, { origins: [origin.url], site: SMALL_SLICES });
    await range(edge, "0-0", fileBytes("v1", 0, 1));
    const value = `bytes=${7 * SLICE}-${7 * SLICE + 5}, 3-9, ${3 * SLICE - 4}-${3 * SLICE + 4}`;
    const answer = await edge.get("/f", { headers: { range: value } });
    assert.equal(answer.status, 206);
    assert.equal(answer.body.length, Number(answer.field("content-length")));
    const [, boundary = ""] = /boundary=(.+)$/.exec(answer.field("content-type") ?? "") ?? [];
    const parts = answer.body.toString("latin1").split(`--${boundary}`).slice(1, -1);
    const bodies = parts.map((part) => part.slice(part.indexOf("\r\n\r\n") + 4, -2));
    const expected = [
      fileBytes("v1", 7 * SLICE, 7 * SLICE + 6),
      fileBytes("v1", 3, 10),
      fileBytes("v1", 3 * SLICE - 4, 3 * SLICE + 5),
    ].map((part) => part.toString("latin1"));
    assert.deepEqual(bodies, expected);
    assert.ok(origin.sentBytes <= 4 * SLICE, `${origin.sentBytes}`);
  });

  test("RFC 9110 s.8.8.2.2: an old Last-Modified is a validator too", async (t) => {
    const bytes = 4 * SLICE;
    const modified = new Date(Date.now() - 60_000).toUTCString();
    const validator = () => ({ "last-modified": modified });
    const origin = await startFileOrigin(t, { bytes, validator });
    const edge = await startTestEdge(t, { origins: [origin.url], site: SMALL_SLICES });
    await range(edge, `${2 * SLICE}-${2 * SLICE}`, fileBytes("v1", 2 * SLICE, 2 * SLICE + 1));
    assertSame((await edge.get("/f")).body, fileBytes("v1", 0, bytes));
    assert.equal(origin.requests.at(-1)?.headers["if-range"], modified);
    assert.equal(origin.sentBytes, bytes);
  });

  for (const [what, tag] of [
    ["a weak ETag", { etag: 'W/"v1"' }],
    ["no validator", {}],
  ] as const) {
    test(`with ${what} it is stored whole`, async (t) => {
      const bytes = 4 * SLICE;
      const origin = await startFileOrigin(t, { bytes, validator: () => tag });
      const edge = await startTestEdge(t, { origins: [origin.url], site: SMALL_SLICES });
      assertSame((await edge.get("/f")).body, fileBytes("v1", 0, bytes));
      assert.equal(await edge.metric(OBJECTS), 1);
    });
  }
});

suite("large objects in slices: purges", () => {
  for (const soft of [false, true]) {
    test(`a ${soft ? "soft" : "hard"} purge of its URL concerns all of it`, async (t) => {
      const bytes = 4 * SLICE;
      const origin = await startFileOrigin(t, { bytes });
      const edge = await startTestEdge(t, { origins: [origin.url], site: SMALL_SLICES });
      await edge.get("/f");
      const headers: Record<string, string> = soft ? { "fastly-soft-purge": "1" } : {};
      const purge = await edge.get("/f", { method: "PURGE", headers });
      assert.equal(purge.status, 200);
      const after = await edge.get("/f");
      const expected = soft ? "fwd=stale; fwd-status=304" : "fwd=uri-miss; fwd-status=200; stored";
      assert.match(after.field("cache-status") ?? "", new RegExp(expected));
      assertSame(after.body, fileBytes("v1", 0, bytes));
      assert.equal(origin.sentBytes, soft ? bytes : 2 * bytes);
      assert.match((await edge.get("/f")).field("cache-status") ?? "", /hit/);
    });
  }

  test("a purge of its tag, too", async (t) => {
    const bytes = 4 * SLICE;
    const origin = await startFileOrigin(t, { bytes, headers: { "surrogate-key": "films" } });
    const edge = await startTestEdge(t, { origins: [origin.url], site: SMALL_SLICES });
    await edge.get("/f");
    await edge.get("/", { method: "PURGE", headers: { "surrogate-key": "films" } });
    const after = await edge.get("/f");
    assert.match(after.field("cache-status") ?? "", /fwd=uri-miss/);
    assert.equal(origin.sentBytes, 2 * bytes);
  });
});

suite("large objects in slices: on disk", () => {
  test("what memory has no room for comes from disk, also after a restart", async (t) => {
    const bytes = 100 * SLICE;
    // As fast as the disk's queue of writes takes it.
    const origin = await startFileOrigin(t, { bytes, pace: () => delay(5) });
    const disk = { path: tempDir(t), bytes: 64 * MIB };
    const options = { origins: [origin.url], site: SMALL_SLICES, memoryBytes: 64 * SLICE, disk };
    const edge = await startTestEdge(t, options);
    const whole = fileBytes("v1", 0, bytes);
    assertSame((await edge.get("/f")).body, whole);
    assertSame((await edge.get("/f")).body, whole);
    await edge.daemon.stop(1_000);
    const next = await startTestEdge(t, options);
    const after = await next.get("/f");
    assertSame(after.body, whole);
    const part = await next.get("/f", { headers: { range: `bytes=${90 * SLICE}-` } });
    assertSame(part.body, whole.subarray(90 * SLICE));
    // A write that the disk had no time for is fetched again; few are.
    assert.ok(origin.sentBytes < bytes + bytes / 4, `${origin.sentBytes} for ${bytes}`);
  });
});
