import assert from "node:assert/strict";
import { connect, createServer } from "node:net";
import { suite, test } from "node:test";
import { listenTcp } from "../../../common/listen.ts";
import { eventually } from "../../support/eventually.ts";
import { exchangeRaw, parseResponseHead } from "../../support/http.ts";
import { startOrigin, startTestEdge } from "../harness.ts";

const HOST = "host: shop.example\r\n";

/** Bytes that are refused before anything behind the listener sees them, and the status. */
const BROKEN = [
  [
    "RFC 9112 s.6.3: both lengths",
    `POST / HTTP/1.1\r\n${HOST}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
  ],
  [
    "two different Content-Lengths",
    `POST / HTTP/1.1\r\n${HOST}content-length: 4\r\ncontent-length: 5\r\n\r\nabcde`,
    400,
  ],
  ["an obsolete line folding", `GET / HTTP/1.1\r\n${HOST}x: a\r\n b\r\n\r\n`, 400],
  ["a space before the colon", `GET / HTTP/1.1\r\n${HOST}x : a\r\n\r\n`, 400],
  ["not HTTP at all", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400],
  ["fields beyond the limit", `GET / HTTP/1.1\r\n${HOST}x: ${"y".repeat(40_000)}\r\n\r\n`, 431],
  ["CONNECT", "CONNECT shop.example:443 HTTP/1.1\r\nhost: shop.example:443\r\n\r\n", 405],
] as const;

suite("the listener against broken clients", () => {
  test("what is not clean HTTP/1.1 is refused, and the origin left alone", async (t) => {
    const origin = await startOrigin(t, (_request, response) => response.end());
    const edge = await startTestEdge(t, { origins: [origin.url] });
    for (const [title, bytes, status] of BROKEN) {
      const answer = parseResponseHead(await exchangeRaw(edge.at, bytes));
      assert.equal(answer.status, status, title);
    }
    assert.deepEqual(origin.seen, []);
  });

  test("an upload that is refused closes the connection instead of reading on", async (t) => {
    const edge = await startTestEdge(t, { origins: ["http://127.0.0.1:1"] });
    const bytes = "POST / HTTP/1.1\r\nhost: nobody.example\r\ncontent-length: 1000000\r\n\r\nabc";
    const answer = parseResponseHead(await exchangeRaw(edge.at, bytes));
    assert.equal(answer.status, 421);
  });

  test("a head that does not come in time is 408, and the connection is closed", {
    timeout: 60_000,
  }, async (t) => {
    const edge = await startTestEdge(t, { origins: ["http://127.0.0.1:1"] });
    const answer = parseResponseHead(await exchangeRaw(edge.at, "GET / HTTP/1.1\r\nhost: sh"));
    assert.equal(answer.status, 408);
  });

  test("a port that somebody else has is a clear error", async (t) => {
    const other = createServer();
    const taken = await listenTcp(other, { host: "127.0.0.1", port: 0 }, "other");
    t.after(() => {
      other.close();
    });
    const scope = { after: () => {} };
    await assert.rejects(
      startTestEdge(scope, { origins: ["http://127.0.0.1:1"], listen: taken }),
      new RegExp(`cannot listen on 127.0.0.1:${taken.port} .*already uses`),
    );
    // Also when the other one is an edge, whose sockets share their address among themselves.
    const edge = await startTestEdge(t, { origins: ["http://127.0.0.1:1"] });
    await assert.rejects(
      startTestEdge(scope, { origins: ["http://127.0.0.1:1"], listen: edge.at }),
      /already uses/,
    );
  });
});

suite("stopping", () => {
  test("it finishes what is under way, takes nothing new, and resolves", async (t) => {
    let finish: (() => void) | undefined;
    const origin = await startOrigin(t, (_request, response) => {
      finish = () => response.end("done");
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const slow = edge.get("/slow");
    await eventually("it is under way", () => assert.equal(origin.seen.length, 1));
    const stopped = edge.daemon.stop(10_000);
    await eventually("no new connection", async () => {
      await assert.rejects(exchangeRaw(edge.at, "GET / HTTP/1.1\r\n\r\n"), /ECONNREFUSED/);
    });
    finish?.();
    assert.equal((await slow).body.toString(), "done");
    await stopped;
    await eventually("nothing is open", () => assert.equal(origin.sockets.size, 0));
  });

  test("a connection that the client would keep is closed after its last answer", async (t) => {
    let finish: (() => void) | undefined;
    const origin = await startOrigin(t, (_request, response) => {
      finish = () => response.end("done");
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const answer = exchangeRaw(edge.at, `GET /slow HTTP/1.1\r\n${HOST}\r\n`);
    await eventually("it is under way", () => assert.equal(origin.seen.length, 1));
    const start = performance.now();
    const stopped = edge.daemon.stop(20_000);
    finish?.();
    assert.match((await answer).toString(), /done$/);
    await stopped;
    assert.ok(performance.now() - start < 5_000, "it did not wait for the deadline");
  });

  test("what does not end in time is cut off", async (t) => {
    const origin = await startOrigin(t, () => {});
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const socket = connect({ host: edge.at.host, port: edge.at.port });
    socket.write(`GET /never HTTP/1.1\r\n${HOST}\r\n`);
    await eventually("it is under way", () => assert.equal(origin.seen.length, 1));
    const closed = new Promise((resolve) => socket.once("close", resolve));
    await edge.daemon.stop(100);
    await closed;
  });
});

suite("RFC 9110 s.10.1.1: a client that waits with its body", () => {
  test("is told to send it, and what it sends reaches the origin without the expectation", async (t) => {
    const bodies: string[] = [];
    const origin = await startOrigin(t, async (request, response) => {
      bodies.push(Buffer.concat((await request.toArray()) as Buffer[]).toString());
      response.end("thanks");
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const socket = connect({ host: edge.at.host, port: edge.at.port });
    t.after(() => socket.destroy());
    let seen = "";
    socket.on("data", (chunk) => {
      seen += chunk.toString("latin1");
    });
    const head = `POST / HTTP/1.1\r\n${HOST}content-length: 5\r\nexpect: 100-Continue\r\n\r\n`;
    socket.write(head);
    await eventually("it is asked", () => assert.equal(seen, "HTTP/1.1 100 Continue\r\n\r\n"));
    socket.write("hello");
    await eventually("it is answered", () => assert.match(seen, /\r\n\r\nthanks$/));
    assert.deepEqual(bodies, ["hello"]);
    assert.equal(origin.requests[0]?.headers.expect, undefined);
    assert.equal(seen.split("100 Continue").length, 2, "once");
  });

  test("is not when it is refused anyway; other expectations are 417", async (t) => {
    const origin = await startOrigin(t, (_request, response) => response.end());
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const send = async (host: string, expectation: string) => {
      const head = `POST / HTTP/1.1\r\nhost: ${host}\r\ncontent-length: 5\r\nconnection: close\r\n`;
      const bytes = await exchangeRaw(edge.at, `${head}expect: ${expectation}\r\n\r\n`);
      return parseResponseHead(bytes).status;
    };
    assert.equal(await send("elsewhere.example", "100-continue"), 421);
    assert.equal(await send("shop.example", "200-maybe"), 417);
    assert.deepEqual(origin.seen, []);
  });
});
