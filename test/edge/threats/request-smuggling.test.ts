import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { exchangeRaw, parseResponseHead } from "../../support/http.ts";
import { startOrigin, startTestEdge } from "../harness.ts";

const HOST = "Host: shop.example\r\n";
const SMUGGLED = `GET /smuggled HTTP/1.1\r\n${HOST}\r\n`;
const EMPTY_CHUNKED = "0\r\n\r\n";

/** A request that two servers could read differently, and how it is refused. */
const AMBIGUOUS = [
  ["Content-Length: 4\r\nTransfer-Encoding: chunked", 400],
  ["Transfer-Encoding : chunked", 400],
  ["Transfer-Encoding: \vchunked", 400],
  ["Transfer-Encoding: xchunked", 501],
  ["Transfer-Encoding: chunked, identity", 400],
  ["Transfer-Encoding: identity", 501],
  ["Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", 400],
  ["Transfer-Encoding: gzip, chunked", 501],
  ["X: y\r\n Transfer-Encoding: chunked", 400],
  ["X: y\nTransfer-Encoding: chunked", 400],
  ["Content-Length: 3, 3", 400],
  ["Content-Length: 3\r\nContent-Length: 3", 400],
  ["Content-Length: +3", 400],
  ["Content-Length: 0x3", 400],
  ["Content-Length: 18446744073709551619", 400],
] as const;

suite("threat: request smuggling", () => {
  test("RFC 9112 s.6: a body whose end is in doubt is refused, and what follows it", async (t) => {
    const origin = await startOrigin(t, (_request, response) => response.end());
    const edge = await startTestEdge(t, { origins: [origin.url] });
    for (const [fields, status] of AMBIGUOUS) {
      const bytes = `POST / HTTP/1.1\r\n${HOST}${fields}\r\n\r\n${EMPTY_CHUNKED}${SMUGGLED}`;
      const answer = await exchangeRaw(edge.at, bytes);
      assert.equal(parseResponseHead(answer).status, status, fields);
      assert.equal(answer.toString().split("HTTP/1.1 ").length, 2, `one answer: ${fields}`);
    }
    assert.deepEqual(origin.seen, []);
  });

  test("RFC 9112 s.7.1: chunks that are not clean are refused", async (t) => {
    const origin = await startOrigin(t, (request, response) => {
      request.on("end", () => response.end()).resume();
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const head = `POST /upload HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`;
    for (const chunks of [
      "3\nabc\r\n",
      "0x3\r\nabc\r\n",
      "3;a\nabc\r\n",
      "fffffffffffffffff3\r\n",
    ]) {
      const answer = await exchangeRaw(edge.at, `${head}${chunks}${EMPTY_CHUNKED}${SMUGGLED}`);
      assert.equal(parseResponseHead(answer).status, 400, JSON.stringify(chunks));
    }
    assert.ok(!origin.seen.includes("GET /smuggled"));
  });

  test("RFC 9112 s.2.3, s.6.1: HTTP/2 in text is 505, HTTP/1.0 has no codings", async (t) => {
    const origin = await startOrigin(t, (_request, response) => response.end());
    const edge = await startTestEdge(t, { origins: [origin.url] });
    for (const [bytes, status] of [
      [`GET / HTTP/2.0\r\n${HOST}Connection: close\r\n\r\n`, 505],
      [`POST / HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${EMPTY_CHUNKED}`, 400],
      [`GET /a#b HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`, 400],
    ] as const) {
      assert.equal(parseResponseHead(await exchangeRaw(edge.at, bytes)).status, status, bytes);
    }
    assert.deepEqual(origin.seen, []);
  });

  test("a WebSocket that is refused leaves no tunnel, and no open connection", async (t) => {
    const origin = await startOrigin(t, (_request, response) => response.end("no"));
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const handshake = `GET /ws HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
    const answer = await exchangeRaw(edge.at, handshake + SMUGGLED, 5_000);
    assert.equal(parseResponseHead(answer).status, 200);
    assert.deepEqual(origin.seen, ["GET /ws"]);
  });
});
