import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { startOrigin, startTestEdge } from "../harness.ts";

/** An origin with one representation for each first letter of a client's `Foo`. */
async function startNegotiator(t: Parameters<typeof startOrigin>[0], named = (tag: string) => tag) {
  return startOrigin(t, ({ headers }, response) => {
    const tag = `"${String(headers["foo"]).slice(0, 1)}"`;
    const known = (headers["if-none-match"] ?? "").split(", ").includes(tag);
    response.writeHead(known ? 304 : 200, {
      "cache-control": "max-age=60",
      vary: "Foo",
      etag: known ? named(tag) : tag,
    });
    response.end(known ? undefined : `body of ${tag}`);
  });
}

suite("a request that no stored variant matches", () => {
  test("RFC 9111 s.4.3.1, 4.3.4: all tags are sent, and the one that is named is the answer", async (t) => {
    const origin = await startNegotiator(t);
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const get = (foo: string) => edge.get("/v", { headers: { foo } });
    await get("a1");
    await get("b1");
    const named = await get("a2");
    assert.equal(named.body.toString(), 'body of "a"');
    assert.equal(named.field("etag"), '"a"');
    assert.match(named.field("cache-status") ?? "", /fwd=vary-miss; fwd-status=304/);
    assert.match(origin.requests[2]?.headers["if-none-match"] ?? "", /^"[ab]", "[ab]"$/);
    for (const foo of ["a1", "a2", "b1"]) {
      const hit = await get(foo);
      assert.match(hit.field("cache-status") ?? "", /; hit/, foo);
      assert.equal(hit.body.toString(), `body of "${foo.slice(0, 1)}"`);
    }
    assert.equal(origin.seen.length, 3, "each is stored under its own fields");
  });

  test("another representation is fetched and stored beside the others", async (t) => {
    const origin = await startNegotiator(t);
    const edge = await startTestEdge(t, { origins: [origin.url] });
    for (const foo of ["a", "b", "c", "a", "b", "c"]) {
      const answer = await edge.get("/v", { headers: { foo } });
      assert.equal(answer.body.toString(), `body of "${foo}"`);
    }
    assert.equal(origin.seen.length, 3);
  });

  test("a client's own condition is answered from what was named", async (t) => {
    const origin = await startNegotiator(t);
    const edge = await startTestEdge(t, { origins: [origin.url] });
    await edge.get("/v", { headers: { foo: "a1" } });
    const headers = { foo: "a2", "if-none-match": '"a"' };
    assert.equal((await edge.get("/v", { headers })).status, 304);
    const other = { foo: "a3", "if-none-match": '"z"' };
    assert.equal((await edge.get("/v", { headers: other })).body.toString(), 'body of "a"');
  });

  for (const [title, named] of [
    ["nothing", () => ""],
    ["something else", () => '"z"'],
    ["a weak tag", (tag: string) => `W/${tag}`],
  ] as const) {
    test(`RFC 9111 s.4.3.4: a 304 that names ${title} leads to a whole answer`, async (t) => {
      const origin = await startNegotiator(t, named);
      const edge = await startTestEdge(t, { origins: [origin.url] });
      await edge.get("/v", { headers: { foo: "a1" } });
      const answer = await edge.get("/v", { headers: { foo: "a2" } });
      assert.equal(answer.status, 200);
      assert.equal(answer.body.toString(), 'body of "a"');
      assert.equal(origin.requests.at(-1)?.headers["if-none-match"], undefined);
      assert.equal(origin.seen.length, 3);
    });
  }

  test("a stored tag in another coding than the client takes is not sent", async (t) => {
    const origin = await startOrigin(t, ({ headers }, response) => {
      const coded = /gzip/.test(String(headers["accept-encoding"]));
      response.writeHead(200, {
        "cache-control": "max-age=60",
        vary: "Accept-Encoding",
        etag: '"same for both, which is wrong"',
        ...(coded ? { "content-encoding": "gzip" } : {}),
      });
      response.end(coded ? "coded" : "plain");
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    await edge.get("/v", { headers: { "accept-encoding": "gzip" } });
    const plain = await edge.get("/v", { headers: { "accept-encoding": "identity" } });
    assert.equal(plain.body.toString(), "plain");
    assert.equal(origin.requests[1]?.headers["if-none-match"], undefined);
  });
});

test("a 304 about another version than the stored one leads to a whole answer", async (t) => {
  let version = 1;
  const origin = await startOrigin(t, ({ headers }, response) => {
    const conditional = headers["if-none-match"] !== undefined;
    response.writeHead(conditional ? 304 : 200, {
      "cache-control": "max-age=0",
      etag: `"v${version}"`,
    });
    response.end(conditional ? undefined : `version ${version}`);
  });
  const edge = await startTestEdge(t, { origins: [origin.url] });
  await edge.get("/w");
  version = 2;
  assert.equal((await edge.get("/w")).body.toString(), "version 2");
});
