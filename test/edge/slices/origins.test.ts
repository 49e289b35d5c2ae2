import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { suite, test } from "node:test";
import { eventually } from "../../support/eventually.ts";
import type { Scope } from "../../support/scope.ts";
import { startTestEdge, type TestEdge } from "../harness.ts";
import { assertSame, fileBytes, SLICE, SMALL_SLICES, startFileOrigin } from "./origin.ts";

const BYTES = 8 * SLICE;
const STORED_BYTES = 'meridian_edge_store_bytes{tier="memory"';

/** A gate that a paced origin waits at, and how to open it. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: () => resolve() };
}

/** A client that takes the head and then nothing. */
async function stalled(scope: Scope, edge: TestEdge, path: string): Promise<Socket> {
  const socket = connect({ host: edge.at.host, port: edge.at.port });
  socket.on("error", () => {});
  scope.after(() => void socket.destroy());
  socket.write(`GET ${path} HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n`);
  await once(socket, "readable");
  return socket;
}

suite("slices that arrive", () => {
  test("bytes go on as they come, not slice by slice, also to who joins late", async (t) => {
    const half = gate();
    const origin = await startFileOrigin(t, {
      bytes: BYTES,
      pace: (offset) => (offset >= 4 * SLICE ? half.opened : undefined),
    });
    const site = { slices: { enabled: true, size: 2 * SLICE + 5 } };
    const edge = await startTestEdge(t, { origins: [origin.url], site });
    const socket = await stalled(t, edge, "/f");
    // Slice 1 ends at 4 * SLICE + 10: what is there of it arrives all the same.
    let received = 0;
    socket.on("data", (chunk: Buffer) => {
      received += chunk.length;
    });
    await eventually("half of it", () => assert.ok(received > 4 * SLICE));
    const late = edge.get("/f");
    const range = edge.get("/f", { headers: { range: `bytes=${3 * SLICE}-${3 * SLICE + 9}` } });
    assertSame((await range).body, fileBytes("v1", 3 * SLICE, 3 * SLICE + 10));
    half.open();
    assertSame((await late).body, fileBytes("v1", 0, BYTES));
    assert.deepEqual(origin.ranges, [undefined]);
  });

  test("many clients at the same missing slice: one request", async (t) => {
    const origin = await startFileOrigin(t, { bytes: BYTES });
    const edge = await startTestEdge(t, { origins: [origin.url], site: SMALL_SLICES });
    await edge.get("/f", { headers: { range: "bytes=0-0" } });
    const headers = { range: `bytes=${5 * SLICE}-${6 * SLICE - 1}` };
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => edge.get("/f", { headers })),
    );
    for (const { body } of answers) assertSame(body, fileBytes("v1", 5 * SLICE, 6 * SLICE));
    assert.equal(origin.seen.length, 2);
  });

  test("who leaves early leaves what is complete, and nothing more is fetched", async (t) => {
    const bytes = 2_000 * SLICE;
    const origin = await startFileOrigin(t, { bytes });
    const edge = await startTestEdge(t, { origins: [origin.url], site: SMALL_SLICES });
    const socket = await stalled(t, edge, "/f");
    socket.destroy();
    await eventually("the origin is let go of", () => assert.equal(origin.sockets.size, 0));
    assert.ok(origin.sentBytes < bytes / 4, `${origin.sentBytes}`);
    const headers = { range: "bytes=0-9" };
    const after = await edge.get("/f", { headers });
    assert.match(after.field("cache-status") ?? "", /; hit/);
  });

  test("a reader that stops holds back the origin, and takes the rest later", async (t) => {
    const bytes = 500 * SLICE;
    const origin = await startFileOrigin(t, { bytes });
    const edge = await startTestEdge(t, { origins: [origin.url], site: SMALL_SLICES });
    const socket = await stalled(t, edge, "/f");
    let before = -1;
    const still = () => {
      const moved = origin.sentBytes !== before;
      before = origin.sentBytes;
      assert.equal(moved, false);
    };
    await eventually("the origin is held back", still, { everyMs: 300 });
    assert.ok(origin.sentBytes < bytes, `${origin.sentBytes}`);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    assertSame(Buffer.concat(chunks).subarray(-bytes), fileBytes("v1", 0, bytes));
    assert.deepEqual(origin.ranges, [undefined]);
  });
});

suite("slices in a small store", () => {
  test("ten times the memory is delivered, again and again, within it", async (t) => {
    const memoryBytes = 16 * SLICE;
    const bytes = 10 * memoryBytes;
    const origin = await startFileOrigin(t, { bytes });
    const edge = await startTestEdge(t, { origins: [origin.url], site: SMALL_SLICES, memoryBytes });
    const whole = fileBytes("v1", 0, bytes);
    for (let i = 0; i < 3; i += 1) {
      const answers = await Promise.all([edge.get("/f"), edge.get("/f")]);
      for (const { body } of answers) assertSame(body, whole);
      assert.ok((await edge.metric(STORED_BYTES)) <= memoryBytes);
    }
    assert.equal(origin.ranges.filter((range) => range === undefined).length, 1);
    assert.ok((await edge.metric("meridian_edge_evictions_total")) > 100);
  });

  test("a slice that was evicted is fetched again", async (t) => {
    const memoryBytes = 16 * SLICE;
    const origin = await startFileOrigin(t, { bytes: BYTES });
    const edge = await startTestEdge(t, { origins: [origin.url], site: SMALL_SLICES, memoryBytes });
    await edge.get("/f");
    for (let i = 0; i < 8; i += 1) await edge.get(`/other-${i}`);
    const before = origin.sentBytes;
    assertSame((await edge.get("/f")).body, fileBytes("v1", 0, BYTES));
    assert.ok(origin.sentBytes > before);
  });

  test("200 slow readers at as many places stay within the memory", async (t) => {
    const memoryBytes = 64 * SLICE;
    const bytes = 400 * SLICE;
    const origin = await startFileOrigin(t, { bytes });
    const edge = await startTestEdge(t, { origins: [origin.url], site: SMALL_SLICES, memoryBytes });
    await edge.get("/f");
    const sockets = Array.from({ length: 200 }, (_, i) => {
      const socket = connect({ host: edge.at.host, port: edge.at.port });
      socket.on("error", () => {});
      t.after(() => socket.destroy());
      const head = `GET /f HTTP/1.1\r\nhost: shop.example\r\nrange: bytes=${i * SLICE}-\r\n\r\n`;
      socket.write(head);
      return socket;
    });
    await Promise.all(sockets.map((socket) => once(socket, "readable")));
    for (let i = 0; i < 10; i += 1) {
      assert.ok((await edge.metric(STORED_BYTES)) <= memoryBytes);
      for (const socket of sockets) socket.read();
    }
    const headers = { range: `bytes=${7 * SLICE}-${7 * SLICE + 9}` };
    // With no memory left a slice that arrives may have to go, and who waits for it is cut off.
    await eventually("another reader gets what it asks for", async () => {
      const { body } = await edge.get("/f", { headers });
      assertSame(body, fileBytes("v1", 7 * SLICE, 7 * SLICE + 10));
    });
  });
});

suite("origins that do not play along", () => {
  test("Range is ignored: one download for all who wait, and remembered", async (t) => {
    let ignores = false;
    const origin = await startFileOrigin(t, {
      bytes: BYTES,
      before: (request) => {
        if (ignores) delete request.headers.range;
        return false;
      },
    });
    const edge = await startTestEdge(t, { origins: [origin.url], site: SMALL_SLICES });
    await edge.get("/f", { headers: { range: "bytes=0-0" } });
    ignores = true;
    const headers = { range: `bytes=${5 * SLICE}-${7 * SLICE}` };
    const answers = await Promise.all(Array.from({ length: 5 }, () => edge.get("/f", { headers })));
    for (const { body } of answers) assertSame(body, fileBytes("v1", 5 * SLICE, 7 * SLICE + 1));
    assertSame((await edge.get("/f")).body, fileBytes("v1", 0, BYTES));
    assert.ok(origin.seen.length <= 3, `${origin.seen.length}`);
    assert.ok(origin.sentBytes <= 2 * BYTES + SLICE, `${origin.sentBytes}`);
  });

  test("Range is ignored from the start: stored whole, asked once", async (t) => {
    const origin = await startFileOrigin(t, { bytes: BYTES, ignoresRange: true });
    const edge = await startTestEdge(t, { origins: [origin.url], site: SMALL_SLICES });
    const headers = { range: `bytes=${5 * SLICE}-${5 * SLICE + 9}` };
    const cold = await edge.get("/f", { headers });
    assertSame(cold.body, fileBytes("v1", 5 * SLICE, 5 * SLICE + 10));
    await eventually("it is stored", async () => {
      assert.match((await edge.get("/f")).field("cache-status") ?? "", /hit/);
    });
    assert.equal(origin.seen.length, 1);
    assert.equal(await edge.metric('meridian_edge_store_objects{tier="memory"'), 1);
  });

  test("a slice breaks off: who waits is cut off, the next one gets it all", async (t) => {
    let breaks = false;
    const origin = await startFileOrigin(t, {
      bytes: BYTES,
      before: (_request, response) => {
        if (!breaks) return false;
        breaks = false;
        response.writeHead(206, {
          etag: '"v1"',
          "content-length": 7 * SLICE,
          "content-range": `bytes ${SLICE}-${BYTES - 1}/${BYTES}`,
        });
        response.write(fileBytes("v1", SLICE, 2 * SLICE + 100), () => response.destroy());
        return true;
      },
    });
    const edge = await startTestEdge(t, { origins: [origin.url], site: SMALL_SLICES });
    await edge.get("/f", { headers: { range: "bytes=0-0" } });
    breaks = true;
    await assert.rejects(edge.get("/f"));
    assertSame((await edge.get("/f")).body, fileBytes("v1", 0, BYTES));
  });

  for (const status of [503, 429]) {
    test(`${status} for a slice: 502 while nothing is sent, and the object stays`, async (t) => {
      let down = false;
      const origin = await startFileOrigin(t, {
        bytes: BYTES,
        before: (_request, response) => {
          if (down) response.writeHead(status).end("not now");
          return down;
        },
      });
      const edge = await startTestEdge(t, { origins: [origin.url], site: SMALL_SLICES });
      await edge.get("/f", { headers: { range: "bytes=0-0" } });
      down = true;
      const far = { headers: { range: `bytes=${4 * SLICE}-` } };
      assert.equal((await edge.get("/f", far)).status, 502);
      const near = await edge.get("/f", { headers: { range: "bytes=0-9" } });
      assert.match(near.field("cache-status") ?? "", /hit/);
      down = false;
      assert.equal((await edge.get("/f", far)).status, 206);
    });
  }

  test("fewer bytes than asked for, again and again: no endless asking", async (t) => {
    let asked = 0;
    const origin = await startFileOrigin(t, {
      bytes: BYTES,
      before: (request, response) => {
        if (request.headers["if-range"] === undefined) return false;
        asked += 1;
        const first = Number(/=(\d+)/.exec(request.headers.range ?? "")?.[1]);
        response.writeHead(206, {
          etag: '"v1"',
          "content-range": `bytes ${first}-${first + 99}/${BYTES}`,
        });
        response.end(fileBytes("v1", first, first + 100));
        return true;
      },
    });
    const edge = await startTestEdge(t, { origins: [origin.url], site: SMALL_SLICES });
    await edge.get("/f", { headers: { range: "bytes=0-0" } });
    await assert.rejects(edge.get("/f"));
    assert.ok(asked <= 8, `${asked} requests`);
  });
});
