import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { readHttp2Head } from "../../../edge/http2/request-head.ts";

const PSEUDO = [":method", "GET", ":scheme", "https", ":authority", "shop.example", ":path", "/a"];

function withPseudo(name: string, value: string): string[] {
  const raw = [...PSEUDO];
  raw[raw.indexOf(name) + 1] = value;
  return raw;
}

suite("RFC 9113 s.8.3: requests of HTTP/2 in the words of HTTP/1.1", () => {
  test("s.8.3.1: :authority is Host; the same Host beside it is left out, another one stays", () => {
    const both = (host: string) => readHttp2Head([...PSEUDO, "host", host, "accept", "*/*"], false);
    assert.deepEqual(readHttp2Head(PSEUDO, false), {
      lines: ["host", "shop.example"],
      isMalformed: false,
    });
    assert.deepEqual(both("SHOP.example").lines, ["host", "shop.example", "accept", "*/*"]);
    const lines = ["host", "shop.example", "host", "evil.example", "accept", "*/*"];
    assert.deepEqual(both("evil.example"), { lines, isMalformed: false });
    const without = PSEUDO.filter((_, i) => i < 4 || i > 5);
    assert.deepEqual(readHttp2Head([...without, "host", "a.example"], false).lines, [
      "host",
      "a.example",
    ]);
  });

  test("s.8.2.3: crumbs of Cookie are one line again", () => {
    const raw = [...PSEUDO, "cookie", "a=1", "accept", "*/*", "cookie", "b=2"];
    const { lines } = readHttp2Head(raw, false);
    assert.deepEqual(lines.slice(2), ["accept", "*/*", "cookie", "a=1; b=2"]);
  });

  test("a body without a length comes in chunks", () => {
    const lines = (raw: string[], hasBody: boolean) => readHttp2Head(raw, hasBody).lines.slice(2);
    assert.deepEqual(lines(PSEUDO, true), ["transfer-encoding", "chunked"]);
    const sized = [...PSEUDO, "content-length", "5"];
    assert.deepEqual(lines(sized, true), ["content-length", "5"]);
    assert.deepEqual(lines(sized, false), ["content-length", "5"]);
  });

  test("s.8.2 and s.8.3: what others could read in another way is malformed", () => {
    for (const raw of [
      [...PSEUDO, "connection", "close"],
      [...PSEUDO, "transfer-encoding", "chunked"],
      [...PSEUDO, "upgrade", "websocket"],
      [...PSEUDO, "te", "gzip"],
      [...PSEUDO, "x-a", "1\r\nx-b: 2"],
      [...PSEUDO, "x-a", "1\0"],
      [...PSEUDO, ":path", "/b"],
      withPseudo(":path", "a"),
      withPseudo(":path", "http://evil.example/"),
      withPseudo(":path", "/a b"),
      withPseudo(":path", "/a\r\nx"),
      withPseudo(":path", "/\u00e9"),
      withPseudo(":path", ""),
      withPseudo(":method", "G ET"),
      withPseudo(":method", ""),
      withPseudo(":scheme", "http"),
      PSEUDO.slice(0, 6),
      [],
    ]) {
      assert.equal(readHttp2Head(raw, false).isMalformed, true, JSON.stringify(raw));
    }
    for (const raw of [PSEUDO, [...PSEUDO, "te", "trailers"], withPseudo(":path", "*")]) {
      assert.equal(readHttp2Head(raw, false).isMalformed, false, JSON.stringify(raw));
    }
  });
});
