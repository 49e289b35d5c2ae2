import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { startRuledEdge } from "./support.ts";

suite("key rules, through an edge", () => {
  test("parameters that are left out make no second copy, and do not reach the origin", async (t) => {
    const { ask, origin } = await startRuledEdge(t, {
      key: { query: { ignore: ["utm_*"], sort: true } },
    });
    const first = await ask("/a?b=2&utm_source=evil&a=1");
    assert.equal(first.url, "/a?a=1&b=2");
    assert.equal((await ask("/a?a=1&utm_medium=x&b=2")).number, 1);
    assert.equal((await ask("/a?a=1&b=3")).number, 2);
    assert.deepEqual(origin.seen, ["GET /a?a=1&b=2", "GET /a?a=1&b=3"]);
  });

  test("chosen cookies and fields tell answers apart, others do not reach the origin", async (t) => {
    const { ask } = await startRuledEdge(t, {
      key: { cookies: { currency: ["EUR", "USD"] }, headers: { "X-Tier": true } },
    });
    const as = (cookie: string, tier: string) => ({ headers: { cookie, "x-tier": tier } });
    const euro = await ask("/a", as("id=7; currency=EUR", "1"));
    assert.equal(euro.headers["cookie"], "currency=EUR");
    assert.equal((await ask("/a", as("currency=EUR; id=8", "1"))).number, euro.number);
    assert.notEqual((await ask("/a", as("currency=USD", "1"))).number, euro.number);
    assert.notEqual((await ask("/a", as("currency=EUR", "2"))).number, euro.number);
    const none = await ask("/a", as("currency=xyz", "1"));
    assert.equal(none.headers["cookie"], undefined);
    assert.equal((await ask("/a", as("id=9", "1"))).number, none.number);
  });

  test("a client cannot write the key of another one", async (t) => {
    const { ask } = await startRuledEdge(t, {
      key: { cookies: { a: true }, headers: { "x-b": true } },
      rules: [{ match: { header: { "x-beta": true } }, ttl: "1m" }],
    });
    const victim = await ask("/p", { headers: { cookie: "a=1", "x-b": "2" } });
    for (const headers of [
      { cookie: "a=1 header:x-b=2" },
      { "x-b": "2 cookie:a=1" },
      { cookie: "a=1%20header:x-b=2" },
      { cookie: 'a="1"', "x-b": "2" },
      { cookie: "a=1", "x-b": "2", "x-beta": "1" },
      { cookie: "a=1", x_b: "2" },
    ]) {
      const attack = await ask("/p", { headers });
      assert.notEqual(attack.number, victim.number, JSON.stringify(headers));
    }
    assert.equal((await ask("/p", { headers: { cookie: "a=1", "x-b": "2" } })).number, 1);
  });

  test("a value that is too long goes past the cache and takes nothing away", async (t) => {
    const { ask, edge } = await startRuledEdge(t, { key: { headers: { "x-b": true } } });
    const headers = { "x-b": "v".repeat(257) };
    const answer = await edge.get("/p", { headers });
    assert.match(answer.field("cache-status") ?? "", /; fwd=bypass; fwd-status=200$/);
    assert.equal((await ask("/p", { headers })).headers["x-b"], headers["x-b"]);
  });

  test("all hosts share what is stored; the origin is asked for the first one", async (t) => {
    const { ask, edge } = await startRuledEdge(t, { key: { host: false } });
    const first = await ask("/a", { headers: { host: "www.shop.example" } });
    assert.equal(first.headers["host"], "shop.example");
    assert.doesNotMatch(first.headers["forwarded"] ?? "", /www/);
    assert.equal((await ask("/a")).number, 1);
    await edge.get("/a", { method: "PURGE", headers: { host: "www.shop.example" } });
    assert.equal((await ask("/a")).number, 2);
  });

  test("what one client's field chose as its rule is not what others are given", async (t) => {
    const { ask } = await startRuledEdge(
      t,
      {
        rules: [
          { match: { path: "/a", header: { "x-long": true } }, ttl: "1h" },
          { match: { path: "/a", cookie: { session: true } }, cache: false },
        ],
      },
      (_, response) => response.setHeader("cache-control", "max-age=0"),
    );
    const long = await ask("/a", { headers: { "x-long": "1" } });
    assert.notEqual((await ask("/a")).number, long.number);
    assert.equal((await ask("/a", { headers: { "x-long": "2" } })).number, long.number);
    const session = await ask("/a", { headers: { cookie: "session=1" } });
    assert.equal(session.headers["cookie"], "session=1");
  });
});

suite("purges under key rules, through an edge", () => {
  const key = { query: { ignore: ["utm_*"] }, cookies: { a: true as const } };
  const as = (a: string) => ({ headers: { cookie: `a=${a}` } });

  test("a URL: every client's form of it", async (t) => {
    const { ask, edge } = await startRuledEdge(t, { key });
    await ask("/x?q=1", as("1"));
    await ask("/x?q=1", as("2"));
    await ask("/x?q=2", as("1"));
    await edge.get("/x?utm_source=y&q=1", { method: "PURGE" });
    assert.equal((await ask("/x?q=1", as("1"))).number, 4);
    assert.equal((await ask("/x?q=1", as("2"))).number, 5);
    assert.equal((await ask("/x?q=2", as("1"))).number, 3, "another URL stays");
    assert.equal((await ask("/x?q=1", as("1"))).number, 4, "what came later stays");
  });

  test("softly: every form is asked about, and confirmed", async (t) => {
    const { ask, edge, origin } = await startRuledEdge(t, { key }, (_, response) =>
      response.setHeader("etag", '"1"'),
    );
    await ask("/x", as("1"));
    await edge.get("/x", { method: "PURGE", headers: { "fastly-soft-purge": "1" } });
    await ask("/x", as("1"));
    assert.equal(origin.requests.at(-1)?.headers["if-none-match"], '"1"');
  });

  test("an unsafe request makes every form be asked about before it is used again", async (t) => {
    const { ask, origin } = await startRuledEdge(t, { key });
    await ask("/x?q=1", as("1"));
    await ask("/x?q=1", as("2"));
    await ask("/y", as("1"));
    await ask("/x?q=1&utm_a", { method: "POST", ...as("3") });
    assert.equal(origin.seen.at(-1), "POST /x?q=1&utm_a", "and itself goes on as it was");
    assert.equal((await ask("/x?q=1", as("1"))).number, 5);
    assert.equal((await ask("/x?q=1", as("1"))).number, 5);
    assert.equal((await ask("/x?q=1", as("2"))).number, 6);
    assert.equal((await ask("/y", as("1"))).number, 3);
  });
});
