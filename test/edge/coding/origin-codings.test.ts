import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { suite, test } from "node:test";
import { brotliCompressSync, gunzipSync, gzipSync, zstdCompressSync } from "node:zlib";
import { eventually } from "../../support/eventually.ts";
import { startOrigin, startTestEdge } from "../harness.ts";

const TEXT = "It is a truth universally acknowledged. ".repeat(50);

const CODERS = { zstd: zstdCompressSync, br: brotliCompressSync, gzip: gzipSync } as const;

/** An origin that codes as the first of its codings that the request lists. */
function codingOrigin(codings: readonly (keyof typeof CODERS)[]) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const accepted = request.headers["accept-encoding"] ?? "";
    const coding = codings.find((name) => accepted.includes(name));
    response.writeHead(200, {
      "cache-control": "max-age=60",
      vary: "Accept-Encoding",
      etag: `"v1-${coding ?? "plain"}"`,
      ...(coding === undefined ? {} : { "content-encoding": coding }),
    });
    response.end(coding === undefined ? TEXT : CODERS[coding](TEXT));
  };
}

suite("an origin that codes its answers itself", () => {
  test("a thousand spellings of Accept-Encoding ask it once for each coding", async (t) => {
    const origin = await startOrigin(t, codingOrigin(["br", "gzip"]));
    const edge = await startTestEdge(t, { origins: [origin.url] });
    for (let i = 0; i < 250; i += 1) {
      for (const [spelling, coding] of [
        [`gzip, deflate, br;q=0.${i}, x-${i}`, "gzip"],
        [`gzip;level=${i}, made-up-${i}`, "gzip"],
        [`br;q=0.5,  nonsense;q=0.${i}`, "br"],
        [`x-${i};q=0.3`, undefined],
      ] as const) {
        const answer = await edge.get("/page", { headers: { "accept-encoding": spelling } });
        assert.equal(answer.field("content-encoding"), coding, spelling);
        const body = coding === undefined ? TEXT : CODERS[coding](TEXT);
        assert.ok(answer.body.equals(Buffer.from(body)), spelling);
      }
    }
    const asked = origin.requests.map(({ headers }) => headers["accept-encoding"]);
    assert.deepEqual(asked, ["gzip", "br", "identity"]);
    assert.equal(await edge.metric('meridian_edge_store_objects{tier="memory"'), 3);
  });

  test("the client's weights choose among what is stored", async (t) => {
    const origin = await startOrigin(t, codingOrigin(["zstd", "br", "gzip"]));
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const coding = async (accept: string) =>
      (await edge.get("/w", { headers: { "accept-encoding": accept } })).field("content-encoding");
    assert.equal(await coding("gzip"), "gzip");
    assert.equal(await coding("br"), "br");
    assert.equal(await coding("zstd, identity;q=0"), "zstd");
    assert.equal(await coding("zstd;q=0.1, br;q=0.2, gzip;q=0.3"), "gzip");
    assert.equal(await coding("zstd;q=0.1, br;q=0.3, gzip;q=0.2"), "br");
    assert.equal(await coding("zstd;q=0.3, br;q=0.2, gzip;q=0.1"), "zstd");
    assert.equal(origin.seen.length, 3);
  });

  test("a client that takes only what is not stored is not given what is", async (t) => {
    const origin = await startOrigin(t, codingOrigin(["br"]));
    const edge = await startTestEdge(t, { origins: [origin.url] });
    await edge.get("/b", { headers: { "accept-encoding": "br" } });
    const other = await edge.get("/b", { headers: { "accept-encoding": "gzip" } });
    assert.equal(other.field("content-encoding"), undefined);
    assert.match(other.field("cache-status") ?? "", /fwd=vary-miss/);
    assert.equal(other.body.toString(), TEXT);
  });

  test("other spellings of the same codings share one fill", async (t) => {
    const code = codingOrigin(["gzip"]);
    const held: (() => void)[] = [];
    const origin = await startOrigin(t, (request, response) => {
      held.push(() => code(request, response));
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const answers = ["gzip, deflate", "deflate;q=0.9, gzip;q=0.8", "x-gzip"].map((accept) =>
      edge.get("/c", { headers: { "accept-encoding": accept } }),
    );
    await eventually("all wait", async () => {
      assert.equal(await edge.metric("meridian_edge_fill_waiters"), 2);
    });
    for (const answer of held) answer();
    for (const { body } of await Promise.all(answers)) {
      assert.equal(gunzipSync(body).toString(), TEXT);
    }
    assert.equal(origin.seen.length, 1);
  });

  test("what goes past the cache goes on as it was sent", async (t) => {
    const origin = await startOrigin(t, (_request, response) => response.end("x"));
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const headers = { "accept-encoding": "sdch, gzip;q=0.123" };
    await edge.get("/p", { method: "POST", body: "b", headers });
    await edge.get("/p", { method: "HEAD", headers });
    const asked = origin.requests.map((request) => request.headers["accept-encoding"]);
    assert.deepEqual(asked, ["sdch, gzip;q=0.123", "gzip"]);
  });
});
