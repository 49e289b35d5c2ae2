import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { FakeClock } from "../support/fake-clock.ts";
import { exchangeRaw, parseResponseHead } from "../support/http.ts";
import { startOrigin, startRawOrigin, startTestEdge, type TestEdge } from "./harness.ts";

/*
 * What the public suite of HTTP cache tests means to check and does not, for it sees a cache only
 * through a client that hides the connection: see docs/conformance.md.
 */

/** Fields about one connection. RFC 9110 section 7.6.1, RFC 9111 section 3.1. */
const HOP_BY_HOP = [
  "Connection: x-listed, keep-alive",
  "X-Listed: secret",
  "Keep-Alive: timeout=7",
  "Proxy-Authenticate: Basic",
  "Proxy-Authentication-Info: x",
  "Proxy-Connection: keep-alive",
  "TE: trailers",
  "Trailer: x-sum",
];

const NAMES = [...HOP_BY_HOP, "Proxy-Authorization: x", "Transfer-Encoding: x", "Upgrade: x"].map(
  (line) => line.slice(0, line.indexOf(":")).toLowerCase(),
);

const REQUESTED = NAMES.filter((name) => name !== "connection").concat("http2-settings");

/** The head of an answer as it stood on the wire. */
async function rawHead(edge: TestEdge, path: string, ...lines: readonly string[]) {
  const head = [`GET ${path} HTTP/1.1`, "Host: shop.example", "Connection: close", ...lines];
  return parseResponseHead(await exchangeRaw(edge.at, `${head.join("\r\n")}\r\n\r\n`));
}

suite("hop-by-hop fields", () => {
  test("RFC 9111 s.3.1: of a response reach neither the client nor the store", async (t) => {
    const origin = await startRawOrigin(t, (socket) => {
      socket.on("data", () =>
        socket.write(
          `HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nKept: yes\r\n${HOP_BY_HOP.join("\r\n")}\r\n` +
            "Content-Length: 2\r\n\r\nok",
        ),
      );
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    for (const source of ["fwd=uri-miss", "hit"]) {
      const { fields, rest } = await rawHead(edge, "/a");
      const value = (name: string) => fields.find(([other]) => other === name)?.[1];
      assert.match(value("cache-status") ?? "", new RegExp(source));
      assert.equal(value("kept"), "yes");
      assert.equal(value("connection"), "close", "the edge's own");
      const others = NAMES.filter((name) => name !== "connection");
      assert.deepEqual(
        fields.filter(([name]) => others.includes(name)),
        [],
        source,
      );
      assert.equal(rest.toString(), "ok");
    }
    const explained = await edge.get("/a", { headers: { "if-none-match": "x" } });
    assert.equal(explained.field("x-listed"), undefined);
  });

  test("RFC 9111 s.3.1: of a 304 do not come into the store", async (t) => {
    const clock = new FakeClock();
    let answers = 0;
    const origin = await startRawOrigin(t, (socket) => {
      socket.on("data", () => {
        answers += 1;
        const status = answers === 1 ? "200 OK\r\nContent-Length: 2" : "304 Not Modified";
        const hops = answers === 1 ? "" : `${HOP_BY_HOP.join("\r\n")}\r\n`;
        const body = answers === 1 ? "ok" : "";
        socket.write(
          `HTTP/1.1 ${status}\r\nCache-Control: max-age=1\r\nETag: "a"\r\n${hops}\r\n${body}`,
        );
      });
    });
    const edge = await startTestEdge(t, { origins: [origin.url], clock });
    await edge.get("/a");
    clock.advance(5_000);
    for (const source of [/fwd-status=304/, /; hit/]) {
      const answer = await edge.get("/a");
      assert.match(answer.field("cache-status") ?? "", source);
      const found = answer.fields.filter(([name]) => name !== "connection" && NAMES.includes(name));
      // Node's own server says how long it keeps the connection to a client that may use it again.
      assert.deepEqual(
        found.filter(([name]) => name !== "keep-alive"),
        [],
      );
    }
    assert.equal(answers, 2);
  });

  test("RFC 9110 s.7.6.1: of a request do not reach the origin", async (t) => {
    const origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, { "cache-control": "no-store" });
      response.end();
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const lines = HOP_BY_HOP.filter((line) => !line.startsWith("Connection"));
    for (const method of ["GET", "POST"]) {
      const head = [
        `${method} /a HTTP/1.1`,
        "Host: shop.example",
        "Connection: close, X-Listed",
        ...lines,
        "Proxy-Authorization: Basic eDp5",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABkAAQ",
        "Content-Length: 0",
        "Kept: yes",
      ];
      await exchangeRaw(edge.at, `${head.join("\r\n")}\r\n\r\n`);
      const seen = origin.requests.at(-1);
      assert.equal(seen?.method, method);
      assert.equal(seen.headers["kept"], "yes");
      const hops = Object.keys(seen.headers).filter((name) => REQUESTED.includes(name));
      assert.deepEqual(hops, []);
      assert.doesNotMatch(seen.headers.connection ?? "", /x-listed|upgrade/i);
    }
  });
});

suite("what is passed on", () => {
  test("reaches the origin with its method, target, fields and body as they were", async (t) => {
    const bodies: string[] = [];
    const origin = await startOrigin(t, async (request, response) => {
      const chunks: Buffer[] = await request.toArray();
      bodies.push(Buffer.concat(chunks).toString());
      response.end("done");
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const path = "/a%2fb/./c;v=1/?q=%41&x=a+b&&empty=";
    await edge.get("/", { method: "GET" });
    const head =
      `M-SEARCH ${path} HTTP/1.1\r\nHost: SHOP.example:80\r\nConnection: close\r\n` +
      "If-None-Match: abc\r\nRange: bytes=1-2\r\nX-Odd:   spaced\tvalue  \r\nContent-Length: 5\r\n\r\n";
    await exchangeRaw(edge.at, `${head}hello`);
    const seen = origin.requests.at(-1);
    assert.equal(seen?.method, "M-SEARCH");
    assert.equal(seen.url, path, "not normalised: nothing of it is stored");
    assert.equal(bodies.at(-1), "hello");
    assert.equal(seen.headers["if-none-match"], "abc");
    assert.equal(seen.headers.range, "bytes=1-2");
    assert.equal(seen.headers["x-odd"], "spaced\tvalue");
  });

  test("an answer that may not be stored replaces nothing and is stored nowhere", async (t) => {
    const clock = new FakeClock();
    let control = "max-age=5";
    const origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, { "cache-control": control, etag: '"a"' });
      response.end(control);
    });
    const edge = await startTestEdge(t, { origins: [origin.url], clock });
    await edge.get("/a");
    clock.advance(6_000);
    control = "no-store";
    const newer = await edge.get("/a");
    assert.equal(newer.body.toString(), "no-store", "the suite never sees this answer");
    assert.doesNotMatch(newer.field("cache-status") ?? "", /stored/);
    control = "max-age=5, private";
    assert.equal((await edge.get("/a")).body.toString(), "max-age=5, private");
    assert.equal(origin.seen.length, 3, "what was stored is gone, and nothing took its place");
  });

  test("RFC 9111 s.3.2: Content-Length stays that of the stored body, whatever a 304 says", async (t) => {
    const clock = new FakeClock();
    const origin = await startRawOrigin(t, (socket) => {
      let answers = 0;
      socket.on("data", () => {
        answers += 1;
        socket.write(
          answers === 1
            ? 'HTTP/1.1 200 OK\r\nETag: "a"\r\nCache-Control: max-age=1\r\nContent-Length: 5\r\n\r\nhello'
            : 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nCache-Control: max-age=1\r\nContent-Length: 9\r\n\r\n',
        );
      });
    });
    const edge = await startTestEdge(t, { origins: [origin.url], clock });
    await edge.get("/a");
    for (const source of [/fwd-status=304/, /; hit/]) {
      if (source.source.includes("304")) clock.advance(3_000);
      const answer = await edge.get("/a");
      assert.match(answer.field("cache-status") ?? "", source);
      assert.equal(answer.field("content-length"), "5");
      assert.equal(answer.body.toString(), "hello");
    }
  });
});
