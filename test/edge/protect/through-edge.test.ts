import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { fetchAt } from "../../support/http.ts";
import { startRuledEdge } from "../rules/support.ts";

suite("addresses", () => {
  test("who is not allowed is refused, and nothing is asked or stored; rules may allow", async (t) => {
    const { edge, origin } = await startRuledEdge(t, {
      protect: { deny: ["127.0.0.0/8"] },
      rules: [{ match: "/open/*", protect: { deny: false } }],
    });
    const refused = await edge.get("/a");
    assert.equal(refused.status, 403);
    assert.match(refused.body.toString(), /reason: address-refused/);
    assert.equal(refused.field("cache-control"), "no-store");
    assert.equal((await edge.get("/open/a")).status, 200);
    assert.equal((await edge.get("/open/a")).field("age"), "0");
    assert.deepEqual(origin.seen, ["GET /open/a"]);
    assert.equal(
      await edge.metric('meridian_edge_refused_total{site="shop",reason="address-refused"'),
      1,
    );
  });

  test("a path that an origin may take for a protected one is protected", async (t) => {
    const { edge, origin } = await startRuledEdge(t, {
      rules: [{ match: "/private/*", protect: { allow: ["192.0.2.0/24"] } }],
    });
    for (const path of ["/private/a", "/x/..%2fprivate/a", "/%70rivate/a", "/private;x/a"]) {
      assert.equal((await edge.get(path)).status, 403, path);
    }
    assert.deepEqual(origin.seen, []);
  });

  test("a health probe of the edge itself is nobody's site", async (t) => {
    const { edge } = await startRuledEdge(t, { protect: { deny: ["127.0.0.0/8"] } });
    const { status } = await fetchAt("http://test-1.edge.cdn.test/healthz", { at: edge.at });
    assert.equal(status, 200);
  });
});

test("who asks too often is told when to come back; hits count, other limits do not", async (t) => {
  const { edge, origin } = await startRuledEdge(t, {
    protect: { rate: { requests: 3, per: "1d" } },
    rules: [{ match: "/free/*", protect: { rate: false } }],
  });
  const statuses: number[] = [];
  for (let i = 0; i < 4; i += 1) statuses.push((await edge.get("/a")).status);
  assert.deepEqual(statuses, [200, 200, 200, 429]);
  const refused = await edge.get("/a");
  assert.ok(Number(refused.field("retry-after")) > 28_000);
  assert.equal(refused.field("ratelimit-policy"), '"client";q=3;w=86400');
  assert.match(refused.field("ratelimit") ?? "", /^"client";r=0;t=\d+$/);
  assert.equal((await edge.get("/free/a")).status, 200);
  assert.deepEqual(origin.seen, ["GET /a", "GET /free/a"]);
});

suite("pages", () => {
  test("only those that may show it; without Referer as it is said", async (t) => {
    const { edge } = await startRuledEdge(t, {
      protect: { referers: { hosts: ["*.friend.example"] } },
      rules: [{ match: "/strict/*", protect: { referers: { empty: false } } }],
    });
    const ask = async (path: string, headers: Record<string, string>) =>
      (await edge.get(path, { headers })).status;
    assert.equal(await ask("/a", {}), 200);
    assert.equal(await ask("/a", { referer: "https://www.friend.example/x" }), 200);
    assert.equal(await ask("/a", { referer: "http://shop.example:8080/x" }), 200);
    assert.equal(await ask("/a", { referer: "https://thief.example/.friend.example" }), 403);
    assert.equal(await ask("/a", { referer: "nonsense" }), 403);
    assert.equal(await ask("/a", { "sec-fetch-site": "cross-site" }), 403);
    assert.equal(await ask("/strict/a", {}), 403);
    assert.equal(await ask("/strict/a", { "sec-fetch-site": "same-origin" }), 200);
    assert.equal(await ask("/strict/a", { referer: "https://shop.example/" }), 200);
  });
});

test("a body that is too large or does not state its length is refused unread", async (t) => {
  const { edge, origin } = await startRuledEdge(t, { protect: { maxBody: "1KiB" } });
  const post = (body: string, headers: Record<string, string>) =>
    edge.get("/a", { method: "POST", body, headers });
  assert.equal((await post("x".repeat(1_024), { "content-length": "1024" })).status, 200);
  const large = await post("x".repeat(1_025), { "content-length": "1025" });
  assert.equal(large.status, 413);
  assert.equal(large.field("connection"), "close");
  assert.equal((await post("0", { "transfer-encoding": "chunked" })).status, 411);
  assert.equal(origin.seen.length, 1);
});

suite("scripts of other pages", () => {
  test("preflights are answered by the edge, which nobody signs or counts as a page", async (t) => {
    const { edge, origin } = await startRuledEdge(t, {
      protect: { signed: { keys: ["k1"] }, referers: { empty: false } },
      rules: [
        {
          match: { path: "/api/*", method: "PUT" },
          protect: {
            cors: {
              origins: ["https://*.app.example"],
              methods: ["PUT"],
              headers: ["X-Id"],
              credentials: true,
              maxAge: "10m",
            },
          },
        },
      ],
    });
    const preflight = (page: string, path = "/api/a", asked = "PUT") =>
      edge.get(path, {
        method: "OPTIONS",
        headers: { origin: page, "access-control-request-method": asked },
      });
    const answer = await preflight("https://www.app.example");
    assert.equal(answer.status, 204);
    assert.equal(answer.field("access-control-allow-origin"), "https://www.app.example");
    assert.equal(answer.field("access-control-allow-credentials"), "true");
    assert.equal(answer.field("access-control-allow-methods"), "PUT");
    assert.equal(answer.field("access-control-allow-headers"), "X-Id");
    assert.equal(answer.field("access-control-max-age"), "600");
    assert.match(answer.field("vary") ?? "", /^Origin, /);
    assert.equal((await preflight("https://thief.example")).status, 403);
    assert.equal((await preflight("https://thief.example/.app.example")).status, 403);
    assert.equal((await preflight("https://www.app.example", "/api/a", "GET")).status, 403);
    assert.deepEqual(origin.seen, []);
  });

  test("one stored object for all pages, each told for itself, whatever the origin says", async (t) => {
    const { edge, origin } = await startRuledEdge(
      t,
      {
        protect: { cors: { origins: ["https://a.example", "https://b.example"], expose: ["X-N"] } },
      },
      (_, response) => {
        response.setHeader("access-control-allow-origin", "https://origins-own.example");
        response.setHeader("vary", "Origin");
      },
    );
    const told = async (page: string | undefined, more: Record<string, string> = {}) => {
      const headers = { ...(page === undefined ? {} : { origin: page }), ...more };
      const answer = await edge.get("/a", { headers });
      assert.match(answer.field("vary") ?? "", /Origin/);
      return answer.field("access-control-allow-origin");
    };
    assert.equal(await told("https://a.example"), "https://a.example");
    assert.equal(await told("https://b.example"), "https://b.example");
    assert.equal(await told("https://thief.example"), undefined);
    assert.equal(await told(undefined), undefined);
    assert.equal(await told("https://b.example", { range: "bytes=0-1" }), "https://b.example");
    assert.equal(origin.seen.length, 1);
    assert.equal(origin.requests[0]?.headers.origin, undefined);
  });
});
