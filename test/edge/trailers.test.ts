import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { exchangeRaw, fetchAt } from "../support/http.ts";
import { startOrigin, startTestEdge } from "./harness.ts";

describe("RFC 9110 s.6.5: trailers", () => {
  it("go to clients that take them, while the body arrives, without what may not stand there", async (t) => {
    const origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, { "cache-control": "max-age=60", trailer: "x-checksum" });
      response.write("hel");
      response.addTrailers({ "x-checksum": "abc", "set-cookie": "a=1", "cache-control": "x" });
      response.end("lo");
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const ask = async (path: string, te: string) => {
      const head = `GET ${path} HTTP/1.1\r\nhost: shop.example\r\n${te}connection: close\r\n\r\n`;
      return (await exchangeRaw(edge.at, head)).toString("latin1");
    };
    const taken = await ask("/a", "te: trailers\r\n");
    assert.match(taken, /\r\n0\r\nx-checksum: abc\r\n\r\n$/);
    assert.doesNotMatch(taken, /set-cookie|cache-control: x/i);
    const ignored = await ask("/b", "");
    assert.match(ignored, /\r\n0\r\n\r\n$/);
    // Out of the store the body has its length, and nothing can come behind it.
    const stored = await ask("/a", "te: trailers\r\n");
    assert.match(stored, /cache-status: test-1; hit/);
    assert.match(stored, /\r\n\r\nhello$/);
    assert.equal(origin.seen.length, 2);
  });

  it("that a client does not ask for disturb nobody who waits with it", async (t) => {
    let finish: () => void = () => undefined;
    const origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, { "cache-control": "max-age=60" });
      response.write("a");
      finish = () => {
        response.addTrailers({ "x-late": "1" });
        response.end("b");
      };
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const answers = [1, 2, 3].map(() => fetchAt("http://shop.example/c", { at: edge.at }));
    while (origin.seen.length === 0) await new Promise(setImmediate);
    finish();
    for (const { body } of await Promise.all(answers)) assert.equal(body.toString(), "ab");
    assert.equal(origin.seen.length, 1);
  });
});
