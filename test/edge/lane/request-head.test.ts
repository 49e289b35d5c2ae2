import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { LANE_HEAD_BYTES_MAX, readHead } from "../../../edge/lane/request-head.ts";

const PLAIN = "GET /a?b=c HTTP/1.1\r\nHost: shop.example\r\nX-Y: 1, 2 \r\n\r\n";

/** The same request with one of its parts in another spelling. */
const with_ = (part: string, other: string): string => PLAIN.replace(part, other);

/** Field lines instead of `X-Y`. */
const field = (line: string): string => with_("X-Y: 1, 2 ", line);

suite("the head reader of the fast lane", () => {
  test("a plain request is read, and what is behind it is left", () => {
    const verdict = readHead(`..${PLAIN}GET /next`, 2, undefined);
    assert.equal(verdict.kind, "head");
    const { head, end } = verdict;
    assert.equal(end, 2 + PLAIN.length);
    assert.equal(head.method, "GET");
    assert.equal(head.target, "/a?b=c");
    assert.deepEqual(head.block.raw, ["Host", "shop.example", "X-Y", "1, 2 "]);
    assert.deepEqual(head.block.fields, [
      ["host", "shop.example"],
      ["x-y", "1, 2"],
    ]);
    assert.equal(head.block.keepAlive, true);
    const next = readHead(PLAIN, 0, head.block);
    assert.ok(next.kind === "head" && next.head.block === head.block, "the same block");
  });

  test("with the fields of the request before it, it is read as without", () => {
    const first = readHead(PLAIN, 0, undefined);
    assert.ok(first.kind === "head");
    const { block } = first.head;
    for (const text of [
      PLAIN,
      `${PLAIN}GET`,
      with_("GET", "HEAD"),
      with_("/a?b=c", "/"),
      with_("/a?b=c", "/a#b"),
      with_("/a?b=c", "/a b"),
      with_("/a?b=c", `/${"x".repeat(9_000)}`),
      with_("1.1", "1.0"),
      with_("X-Y: 1", "X-Y: 2"),
      field("Content-Length: 0"),
      PLAIN.slice(0, -1),
    ]) {
      assert.deepEqual(readHead(text, 0, block), readHead(text, 0, undefined), text);
    }
  });

  test("HEAD, Connection: close and keep-alive are plain too", () => {
    for (const [text, method, keepAlive] of [
      [with_("GET", "HEAD"), "HEAD", true],
      [field("Connection: Close"), "GET", false],
      [field("connection:keep-alive"), "GET", true],
    ] as const) {
      const verdict = readHead(text, 0, undefined);
      assert.ok(verdict.kind === "head", text);
      assert.equal(verdict.head.method, method);
      assert.equal(verdict.head.block.keepAlive, keepAlive, text);
    }
  });

  test("every beginning of a plain request may become one", () => {
    for (let length = 0; length < PLAIN.length; length += 1) {
      assert.equal(readHead(PLAIN.slice(0, length), 0, undefined).kind, "more", String(length));
    }
  });

  for (const text of [
    with_("GET", "POST"),
    with_("GET", "get"),
    with_("GET", "OPTIONS"),
    with_("HTTP/1.1", "HTTP/1.0"),
    with_("HTTP/1.1", "HTTP/2.0"),
    with_("HTTP/1.1", "http/1.1"),
    with_("/a?b=c", "http://shop.example/"),
    with_("/a?b=c", "*"),
    with_("/a?b=c", "/a#b"),
    with_("/a?b=c", "/\u00e9"),
    with_("/a?b=c", "/a\tb"),
    with_("/a?b=c", "/a b"),
    with_("/a?b=c", `/${"x".repeat(9_000)}`),
    with_(" HTTP", "  HTTP"),
    with_("HTTP/1.1\r\n", "HTTP/1.1\n"),
    `\r\n${PLAIN}`,
    "GET / HTTP/1.1\r\n\r\n",
    field("X-Y : 1"),
    field(" folded"),
    field("X-Y: a\r\n b"),
    field("X-Y: a\nX: b"),
    field("X-Y: a\rX: b"),
    field("X-Y: \u0000"),
    field("X-Y: \u00e9"),
    field(": empty"),
    field("no colon"),
    field("Content-Length: 0"),
    field("Transfer-Encoding: chunked"),
    field("Expect: 100-continue"),
    field("Upgrade: websocket"),
    field("TE: trailers"),
    field("Connection: upgrade"),
    field("Connection: keep-alive, close"),
    field("Connection: close\r\nConnection: close"),
    field("Proxy-Connection: close"),
    field(`X-Y: ${"y".repeat(LANE_HEAD_BYTES_MAX)}`),
  ]) {
    test(`is not for the lane: ${JSON.stringify(text.slice(0, 60))}`, () => {
      assert.equal(readHead(text, 0, undefined).kind, "other");
    });
  }

  for (const text of [
    "POST",
    "\x16\x03\x01",
    "GET \n",
    "GET /a\u0000",
    "G\rET",
    "PRI * HTTP/2.0",
  ]) {
    test(`can become nothing for the lane: ${JSON.stringify(text)}`, () => {
      assert.equal(readHead(text, 0, undefined).kind, "other");
    });
  }

  test("a head that does not end is given up", () => {
    const text = `GET /${"x".repeat(LANE_HEAD_BYTES_MAX)}`;
    assert.equal(readHead(text, 0, undefined).kind, "other");
  });
});
