import assert from "node:assert/strict";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { suite, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { eventually } from "../../support/eventually.ts";
import { RunningProcess } from "../../support/process.ts";
import { startOrigin, startTestEdge, type TestEdge } from "../harness.ts";
import type { CrowdReport } from "./crowd.ts";
import { patternBytes } from "./pattern.ts";

const MIB = 2 ** 20;

suite("one fill for any number of waiters", () => {
  test("1,000 clients at once, 10 MiB over 2 s: one request, right bytes, streamed", {
    timeout: 100_000,
  }, async (t) => {
    const body = patternBytes(10 * MIB);
    let lastByteAt = 0;
    const origin = await startOrigin(t, async (_request, response) => {
      response.writeHead(200, { "cache-control": "max-age=60", "content-length": body.length });
      const pieces = 40;
      for (let i = 0; i < pieces; i += 1) {
        response.write(body.subarray((i * body.length) / pieces, ((i + 1) * body.length) / pieces));
        await delay(50);
      }
      lastByteAt = Date.now();
      response.end();
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const crowd = new RunningProcess({
      command: process.execPath,
      args: [
        join(import.meta.dirname, "crowd.ts"),
        String(edge.at.port),
        "/big",
        "1000",
        String(body.length),
      ],
    });
    t.after(async () => {
      await crowd.stop();
    });
    await crowd.exited;
    const report = JSON.parse(crowd.stdout.at(-1) ?? "") as CrowdReport;
    assert.deepEqual(report.wrong, []);
    assert.equal(report.right, 1_000);
    assert.deepEqual(origin.seen, ["GET /big"]);
    assert.ok(
      report.lastFirstByteAt < lastByteAt,
      "every waiter has bytes before the last is sent",
    );
    assert.match((await edge.get("/big")).field("cache-status") ?? "", /hit/);
  });

  test("an uncacheable answer releases all who waited at once, in parallel", async (t) => {
    const held: ServerResponse[] = [];
    const origin = await startOrigin(t, (_request, response) => {
      held.push(response);
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const answers = Array.from({ length: 20 }, () => edge.get("/mine"));
    await eventually("the leader asks", () => assert.equal(held.length, 1));
    await eventually("the others wait", async () => {
      assert.equal(await edge.metric("meridian_edge_fill_waiters"), 19);
    });
    const answer = (response: ServerResponse, number: number): void => {
      response.writeHead(200, { "cache-control": "no-store" });
      response.end(`answer ${number}`);
    };
    const [first] = held;
    assert.ok(first);
    answer(first, 0);
    // All others ask before any of them is answered: nobody waits for anybody.
    await eventually("all others ask", () => assert.equal(held.length, 20));
    for (const [number, response] of held.entries()) if (number > 0) answer(response, number);
    const bodies = (await Promise.all(answers)).map(({ body }) => body.toString());
    assert.equal(new Set(bodies).size, 20);
    // The key is remembered: the next ones do not even begin to wait.
    const next = [edge.get("/mine"), edge.get("/mine")];
    await eventually("both ask", () => assert.equal(held.length, 22));
    for (const [number, response] of held.entries()) if (number >= 20) answer(response, number);
    await Promise.all(next);
  });

  test("waiters of another variant are released and share a fill of their own", async (t) => {
    const held: { readonly language: string; readonly response: ServerResponse }[] = [];
    const origin = await startOrigin(t, (request, response) => {
      held.push({ language: request.headers["accept-language"] ?? "", response });
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const ask = (language: string) => edge.get("/v", { headers: { "accept-language": language } });
    const german = ask("de");
    await eventually("the leader asks", () => assert.equal(held.length, 1));
    const others = [ask("fr"), ask("fr"), ask("de"), ask("fr")];
    await eventually("the others wait", async () => {
      assert.equal(await edge.metric("meridian_edge_fill_waiters"), 4);
    });
    const answer = (number: number): void => {
      const { language, response } = held[number] ?? assert.fail(`no request ${number}`);
      response.writeHead(200, { "cache-control": "max-age=60", vary: "accept-language" });
      response.end(language);
    };
    answer(0);
    await eventually("one of the released asks", () => assert.equal(held.length, 2));
    answer(1);
    assert.equal((await german).body.toString(), "de");
    const bodies = (await Promise.all(others)).map(({ body }) => body.toString());
    assert.deepEqual(bodies, ["fr", "fr", "de", "fr"]);
    assert.equal(origin.seen.length, 2);
  });

  test("a reader that stops does not hold up the others, and gets everything later", async (t) => {
    const body = patternBytes(8 * MIB);
    const origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, { "cache-control": "max-age=60", "content-length": body.length });
      response.end(body);
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const slow = await openAndStall(t, edge, "/slow");
    const fast = await edge.get("/slow");
    assert.deepEqual(fast.body, body);
    assert.equal(origin.seen.length, 1);
    assert.deepEqual(await readRest(slow, body.length), body);
  });

  test("a body too large for the store is delivered at its reader's pace", async (t) => {
    const pieces = 64;
    const piece = Buffer.alloc(MIB, "x");
    let written = 0;
    const origin = await startOrigin(t, async (_request, response) => {
      const gone = new AbortController();
      response.once("close", () => gone.abort());
      response.writeHead(200, { "cache-control": "max-age=60" });
      for (let i = 0; i < pieces && !response.destroyed; i += 1) {
        written += piece.length;
        if (!response.write(piece)) {
          await once(response, "drain", { signal: gone.signal }).catch(() => {});
        }
      }
      response.end();
    });
    const edge = await startTestEdge(t, { origins: [origin.url], memoryBytes: 8 * MIB });
    const slow = await openAndStall(t, edge, "/huge");
    let before = -1;
    await eventually(
      "the origin is held up",
      () => {
        const now = written;
        const moved = now !== before;
        before = now;
        assert.equal(moved, false);
      },
      { everyMs: 300 },
    );
    assert.ok(written < 40 * MIB, `origin wrote ${written}`);
    assert.ok((await edge.metric('meridian_edge_store_bytes{tier="memory"')) <= 8 * MIB);
    slow.destroy();
    const again = await edge.get("/huge");
    assert.equal(again.body.length, pieces * MIB);
    assert.match(again.field("cache-status") ?? "", /fwd=uri-miss/);
    assert.equal(await edge.metric('meridian_edge_store_objects{tier="memory"'), 0);
  });
});

suite("clients that leave", () => {
  test("the leader leaves: whoever waits still gets the answer", async (t) => {
    let release: (() => void) | undefined;
    const origin = await startOrigin(t, (_request, response) => {
      release = () => response.writeHead(200, { "cache-control": "max-age=60" }).end("here");
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const abort = new AbortController();
    const leader = edge.get("/x", { signal: abort.signal });
    await eventually("the leader asks", () => assert.equal(origin.seen.length, 1));
    const waiter = edge.get("/x");
    await eventually("one waits", async () => {
      assert.equal(await edge.metric("meridian_edge_fill_waiters"), 1);
    });
    abort.abort();
    await assert.rejects(leader);
    await eventually("the leader is gone", async () => {
      assert.equal(await edge.metric("meridian_edge_fill_waiters"), 0);
    });
    release?.();
    assert.equal((await waiter).body.toString(), "here");
    assert.equal(origin.seen.length, 1);
  });

  for (const [what, headers] of [
    ["before the head", undefined],
    ["in the middle of an uncacheable body", { "cache-control": "no-store" }],
  ] as const) {
    test(`everybody leaves ${what}: the origin's connection is closed`, async (t) => {
      const origin = await startOrigin(t, (_request, response) => {
        if (headers !== undefined) response.writeHead(200, headers).write("part");
      });
      const edge = await startTestEdge(t, { origins: [origin.url] });
      const sockets = Array.from({ length: 50 }, () => open(edge, `/left-${Math.random()}`));
      await eventually("all ask", () => assert.equal(origin.seen.length, 50));
      for (const socket of sockets) socket.destroy();
      await eventually("no socket is left", () => assert.equal(origin.sockets.size, 0));
    });
  }

  test("everybody leaves in the middle of a storable body: it is stored", async (t) => {
    let finish: (() => void) | undefined;
    const origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, { "cache-control": "max-age=60", "content-length": 8 });
      response.write("part");
      finish = () => response.end("rest");
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const socket = open(edge, "/kept");
    await new Promise((resolve) => socket.once("data", resolve));
    socket.destroy();
    finish?.();
    await eventually("it is stored", async () => {
      assert.equal(await edge.metric('meridian_edge_store_objects{tier="memory"'), 1);
    });
    assert.equal((await edge.get("/kept")).body.toString(), "partrest");
    assert.equal(origin.seen.length, 1);
  });
});

function open(edge: TestEdge, path: string): Socket {
  const socket = connect({ host: edge.at.host, port: edge.at.port });
  socket.on("error", () => {});
  socket.write(`GET ${path} HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n`);
  return socket;
}

/** A client that takes the first bytes and then reads no more. */
async function openAndStall(
  scope: { after(stop: () => void): void },
  edge: TestEdge,
  path: string,
): Promise<Socket> {
  const socket = open(edge, path);
  scope.after(() => socket.destroy());
  await new Promise((resolve) => socket.once("readable", resolve));
  return socket;
}

async function readRest(socket: Socket, bodyBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).subarray(-bodyBytes);
}
