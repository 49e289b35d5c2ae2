import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { suite, test } from "node:test";
import { eventually } from "../../support/eventually.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { freePort } from "../../support/free-port.ts";
import { exchangeRaw } from "../../support/http.ts";
import { startOrigin, startRawOrigin, startTestEdge } from "../harness.ts";

/**
 * Ways in which an origin fails once it has answered well, and what a client without stale gets.
 */
const FAILURES = {
  "closes without a byte": {
    fail: (response: ServerResponse) => response.socket?.destroy(),
    status: 502,
  },
  resets: {
    fail: (response: ServerResponse) => response.socket?.resetAndDestroy(),
    status: 502,
  },
  "does not answer": { fail: () => {}, status: 504 },
  "says 503": {
    fail: (response: ServerResponse) => response.writeHead(503).end("down"),
    status: 503,
  },
} as const;

suite("an origin that fails, with something stale in the store", () => {
  for (const [how, { fail, status }] of Object.entries(FAILURES)) {
    for (const [directives, served] of [
      ["max-age=5, stale-if-error=60", "stale"],
      ["max-age=5, must-revalidate", "error"],
      ["max-age=5, must-revalidate, stale-if-error=60", "error"],
      ["max-age=5", how === "says 503" ? "error" : "stale"],
    ] as const) {
      test(`RFC 5861 s.4: it ${how}, "${directives}": ${served}`, async (t) => {
        const clock = new FakeClock();
        let broken = false;
        const origin = await startOrigin(t, (_request, response) => {
          if (broken) fail(response);
          else response.writeHead(200, { "cache-control": directives }).end("good");
        });
        const edge = await startTestEdge(t, {
          origins: [origin.url],
          clock,
          timeouts: { firstByteTimeout: 300 },
        });
        await edge.get("/s");
        broken = true;
        clock.advance(10_000);
        const answer = await edge.get("/s");
        assert.equal(answer.status, served === "stale" ? 200 : status);
        assert.equal(answer.body.toString() === "good", served === "stale");
      });
    }
  }
});

suite("an origin that fails, with nothing in the store", () => {
  test("nobody listens: 502, a clear body, no name of a machine", async (t) => {
    const port = await freePort();
    const edge = await startTestEdge(t, { origins: [`http://127.0.0.1:${port}`] });
    const answer = await edge.get("/x");
    assert.equal(answer.status, 502);
    assert.equal(answer.field("cache-control"), "no-store");
    assert.match(answer.body.toString(), /reason: origin-refused\nedge: test-1\nrequest: /);
    assert.doesNotMatch(answer.body.toString(), new RegExp(`${port}|127\\.0\\.0\\.1|ECONN`));
    assert.equal(await edge.metric('meridian_edge_origin_up{site="shop"'), 0);
    assert.equal(await edge.metric('meridian_edge_fills_total{site="shop",result="error"'), 1);
  });

  test("no first byte in time: 504, and the connection to the origin is closed", async (t) => {
    const origin = await startOrigin(t, () => {});
    const edge = await startTestEdge(t, {
      origins: [origin.url],
      timeouts: { firstByteTimeout: 300 },
    });
    const answer = await edge.get("/x");
    assert.equal(answer.status, 504);
    assert.match(answer.body.toString(), /reason: origin-timeout/);
    await eventually("no socket is left", () => assert.equal(origin.sockets.size, 0));
  });

  test("bytes that are not HTTP: 502", async (t) => {
    const origin = await startRawOrigin(t, (socket) => {
      socket.once("data", () => socket.end("SSH-2.0-OpenSSH_9.2\r\n"));
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const answer = await edge.get("/x");
    assert.equal(answer.status, 502);
    assert.match(answer.body.toString(), /reason: origin-broken/);
  });

  test("the next address of the origin is tried when the first cannot be reached", async (t) => {
    const port = await freePort();
    const origin = await startOrigin(t, (_request, response) => response.end("second"));
    const edge = await startTestEdge(t, { origins: [`http://127.0.0.1:${port}`, origin.url] });
    assert.equal((await edge.get("/x")).body.toString(), "second");
    const posted = await edge.get("/x", { method: "POST", body: "whole body" });
    assert.equal(posted.status, 200);
    assert.equal(origin.requests[1]?.headers["content-length"], "10");
  });
});

suite("bodies that break off", () => {
  const HEADS = {
    "Content-Length is not reached": "content-length: 100\r\n\r\npart",
    "the last chunk is missing": "transfer-encoding: chunked\r\n\r\n4\r\npart\r\n",
  };
  for (const [how, rest] of Object.entries(HEADS)) {
    test(`RFC 9112 s.8: ${how}: the client sees it, and nothing is stored`, async (t) => {
      let asked = 0;
      const origin = await startRawOrigin(t, (socket) => {
        socket.once("data", () => {
          asked += 1;
          socket.end(`HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\n${rest}`);
        });
      });
      const edge = await startTestEdge(t, { origins: [origin.url] });
      for (const attempt of [1, 2]) {
        await assert.rejects(edge.get("/b"), /aborted|hang up|ECONNRESET/);
        assert.equal(asked, attempt);
      }
      const raw = await exchangeRaw(edge.at, "GET /b HTTP/1.1\r\nhost: shop.example\r\n\r\n");
      assert.match(raw.toString(), /part/);
      assert.doesNotMatch(raw.toString(), /\r\n0\r\n\r\n$/);
      assert.equal(await edge.metric('meridian_edge_store_objects{tier="memory"'), 0);
    });
  }

  test("a body that ends with a reset is not complete, even without a length", async (t) => {
    const origin = await startRawOrigin(t, (socket) => {
      socket.once("data", () => {
        socket.write(
          "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\nconnection: close\r\n\r\npart",
        );

        setImmediate(() => socket.resetAndDestroy());
      });
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    await edge.get("/b").catch(() => {});
    assert.equal(await edge.metric('meridian_edge_store_objects{tier="memory"'), 0);
  });

  test("a pause longer than the site allows: the client's connection breaks", async (t) => {
    const origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, { "cache-control": "max-age=60", "content-length": 100 });
      response.write("part");
    });
    const edge = await startTestEdge(t, { origins: [origin.url], timeouts: { idleTimeout: 300 } });
    await assert.rejects(edge.get("/b"), /aborted|hang up|ECONNRESET/);
    await eventually("no socket is left", () => assert.equal(origin.sockets.size, 0));
  });
});

suite("connections to origins", () => {
  test("a reused connection that dies unanswered is replaced once", async (t) => {
    const connections: number[] = [];
    const origin = await startRawOrigin(t, (socket, number) => {
      let requests = 0;
      socket.on("data", () => {
        requests += 1;
        connections.push(number);
        // The first connection dies when it is used a second time.
        if (number === 1 && requests === 2) socket.resetAndDestroy();
        else
          socket.write("HTTP/1.1 200 OK\r\ncache-control: no-store\r\ncontent-length: 2\r\n\r\nok");
      });
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    await edge.get("/1");
    assert.equal((await edge.get("/2")).body.toString(), "ok");
    assert.deepEqual(connections, [1, 1, 2]);
  });

  test("a fresh connection that dies unanswered is not tried again", async (t) => {
    let asked = 0;
    const origin = await startRawOrigin(t, (socket) => {
      socket.once("data", () => {
        asked += 1;
        socket.resetAndDestroy();
      });
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    assert.equal((await edge.get("/x")).status, 502);
    assert.equal(asked, 1);
  });

  test("a POST on a reused connection that dies is never sent twice", async (t) => {
    let posts = 0;
    const origin = await startRawOrigin(t, (socket) => {
      socket.on("data", (bytes) => {
        if (bytes.toString().startsWith("POST")) {
          posts += 1;
          socket.resetAndDestroy();
          return;
        }
        socket.write("HTTP/1.1 200 OK\r\ncache-control: no-store\r\ncontent-length: 2\r\n\r\nok");
      });
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    await edge.get("/1");
    assert.equal((await edge.get("/2", { method: "POST", body: "x" })).status, 502);
    assert.equal(posts, 1);
  });
});

suite("asking again", () => {
  test("RFC 9111 s.4.3: a 304 freshens what is stored, for all who wait", async (t) => {
    const clock = new FakeClock();
    const origin = await startOrigin(t, (request, response) => {
      const known = request.headers["if-none-match"] === '"v1"';
      response.writeHead(known ? 304 : 200, {
        "cache-control": "max-age=10",
        etag: '"v1"',
        "x-check": known ? "again" : "first",
      });
      response.end(known ? undefined : "body");
    });
    const edge = await startTestEdge(t, { origins: [origin.url], clock });
    await edge.get("/v");
    clock.advance(20_000);
    const answers = await Promise.all([edge.get("/v"), edge.get("/v"), edge.get("/v")]);
    for (const answer of answers) {
      assert.equal(answer.status, 200);
      assert.equal(answer.body.toString(), "body");
      assert.equal(answer.field("x-check"), "again");
    }
    assert.equal(origin.seen.length, 2);
    assert.match((await edge.get("/v")).field("cache-status") ?? "", /hit; ttl=10/);
  });

  test("RFC 5861 s.3: stale-while-revalidate serves at once, refreshes once", async (t) => {
    const clock = new FakeClock();
    const held: ServerResponse[] = [];
    let version = 0;
    const origin = await startOrigin(t, (_request, response) => {
      version += 1;
      response.setHeader("cache-control", "max-age=10, stale-while-revalidate=60");
      if (version === 1) response.end("v1");
      else held.push(response);
    });
    const edge = await startTestEdge(t, { origins: [origin.url], clock });
    await edge.get("/w");
    clock.advance(20_000);
    for (let i = 0; i < 5; i += 1) {
      const stale = await edge.get("/w");
      assert.equal(stale.body.toString(), "v1");
      assert.match(stale.field("cache-status") ?? "", /hit; ttl=-10/);
    }
    await eventually("one refresh", () => assert.equal(held.length, 1));
    held[0]?.end("v2");
    await eventually("the new one is served", async () => {
      assert.equal((await edge.get("/w")).body.toString(), "v2");
    });
    assert.equal(origin.seen.length, 2);
  });
});
