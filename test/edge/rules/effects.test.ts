import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { exchangeRaw } from "../../support/http.ts";
import { startRuledEdge } from "./support.ts";

suite("lifetimes of rules, through an edge", () => {
  test("by status, also for one that is not stored without a rule", async (t) => {
    const { ask } = await startRuledEdge(
      t,
      { rules: [{ match: "/*", ttl: { "403": "1m", "404": 0 } }] },
      (request, response) => {
        response.removeHeader("cache-control");
        response.statusCode = Number(request.url?.slice(1));
      },
    );
    assert.equal((await ask("/403")).number, 1);
    assert.equal((await ask("/403")).number, 1);
    assert.equal((await ask("/404")).number, 2);
    assert.equal((await ask("/404")).number, 3);
  });

  test("for clients: from now on, whatever the age; hits and parts alike", async (t) => {
    const { edge } = await startRuledEdge(
      t,
      { rules: [{ match: "/*", ttl: "1h", clientTtl: "30s" }] },
      (_, response) => {
        response.setHeader("cache-control", "max-age=5, s-maxage=9, immutable");
        response.setHeader("expires", "Thu, 01 Jan 1970 00:00:00 GMT");
        response.setHeader("age", "100");
        response.setHeader("etag", '"1"');
      },
    );
    for (const headers of [{}, {}, { range: "bytes=0-1" }, { "if-none-match": '"1"' }] as const) {
      const answer = await edge.get("/a", { headers });
      assert.ok([200, 206, 304].includes(answer.status));
      const age = answer.field("age") ?? "";
      assert.match(age, /^10[0-9]$/);
      const said = answer.field("cache-control") ?? "";
      const told = /^s-maxage=9, immutable, max-age=(\d+)$/.exec(said);
      assert.equal(Number(told?.[1]), 30 + Number(age));
      assert.equal(answer.field("expires"), undefined);
    }
  });

  test("for clients: not for what is private, and not for errors", async (t) => {
    const { edge } = await startRuledEdge(
      t,
      { rules: [{ match: "/*", clientTtl: "30s" }] },
      (request, response) => {
        if (request.url === "/private") response.setHeader("cache-control", "private, max-age=5");
        if (request.url === "/cookie") response.setHeader("set-cookie", "a=1");
        if (request.url === "/500") response.statusCode = 500;
      },
    );
    assert.equal((await edge.get("/private")).field("cache-control"), "private, max-age=5");
    assert.equal((await edge.get("/cookie")).field("cache-control"), "max-age=60");
    assert.equal((await edge.get("/500")).field("cache-control"), "max-age=60");
    const posted = await edge.get("/x", { method: "POST" });
    assert.equal(posted.field("cache-control"), "max-age=60");
  });

  test("an override gives to everybody what the origin calls private, and browsers hear it still", async (t) => {
    const { edge, ask } = await startRuledEdge(
      t,
      {
        rules: [
          { match: "/shared", ttl: "1m", override: ["private"] },
          { match: "/*", ttl: "1m" },
        ],
      },
      (_, response) => response.setHeader("cache-control", "private"),
    );
    const first = await edge.get("/shared");
    assert.equal(first.field("cache-control"), "private");
    assert.equal(first.field("meridian-cache-control"), undefined);
    assert.equal((await ask("/shared")).number, 1);
    assert.equal((await ask("/other")).number, 2);
    assert.equal((await ask("/other")).number, 3);
  });

  test("stale while an origin fails, for as long as the rule says", async (t) => {
    let fails = false;
    const { ask, edge } = await startRuledEdge(
      t,
      { rules: [{ match: "/*", staleIfError: "1h" }] },
      (_, response) => {
        response.setHeader("cache-control", "s-maxage=0");
        if (fails) response.statusCode = 503;
      },
    );
    await ask("/a");
    fails = true;
    const stale = await edge.get("/a");
    assert.equal(stale.status, 200);
    assert.equal(JSON.parse(stale.body.toString()).number, 1);
  });

  test("stale while it is refreshed behind", async (t) => {
    const { ask, edge } = await startRuledEdge(
      t,
      { rules: [{ match: "/*", staleWhileRevalidate: "1h" }] },
      (_, response) => response.setHeader("cache-control", "max-age=0"),
    );
    await ask("/a");
    const stale = await edge.get("/a");
    assert.match(stale.field("cache-status") ?? "", /hit; ttl=-?[01]$/);
    assert.equal(JSON.parse(stale.body.toString()).number, 1);
  });
});

suite("Set-Cookie under rules, through an edge", () => {
  const cookies = { "/private": "private", "/public": "max-age=60" };
  for (const [setCookie, expected] of [
    ["refuse", ["a=1", "a=2"]],
    ["strip", [undefined, undefined]],
    ["keep", ["a=1", "a=1"]],
  ] as const) {
    test(setCookie, async (t) => {
      let number = 0;
      const { edge } = await startRuledEdge(t, { setCookie }, (request, response) => {
        number += 1;
        response.setHeader("set-cookie", `a=${number}`);
        response.setHeader("cache-control", cookies[request.url as "/private"]);
      });
      assert.equal((await edge.get("/public")).field("set-cookie"), expected[0]);
      assert.equal((await edge.get("/public")).field("set-cookie"), expected[1]);
      const own = await edge.get("/private");
      assert.equal(own.field("set-cookie"), `a=${number}`, "what is for one client keeps its own");
    });
  }

  test("a site may have another profile than its edge", async (t) => {
    const { ask } = await startRuledEdge(t, { profile: "rfc" }, (_, response) =>
      response.setHeader("set-cookie", "a=1"),
    );
    assert.equal((await ask("/a")).number, (await ask("/a")).number);
  });
});

suite("header rules, through an edge", () => {
  test("towards the origin: set, add, remove; the site's, then the rule's", async (t) => {
    const { ask } = await startRuledEdge(t, {
      requestHeaders: { set: { "X-Secret": "s1", "X-Site": "1" }, remove: ["Cookie"] },
      rules: [
        {
          match: "/a",
          requestHeaders: { set: { "X-Secret": "s2" }, add: { "X-More": "2" }, remove: ["X-Site"] },
        },
      ],
    });
    const headers = { "x-secret": "guess", x_secret: "guess", "x-more": "1", cookie: "a=1" };
    const asked = await ask("/a", { headers });
    assert.equal(asked.headers["x-secret"], "s2");
    assert.equal(asked.headers["x_secret"], undefined);
    assert.equal(asked.headers["x-more"], "1, 2");
    assert.equal(asked.headers["x-site"], undefined);
    assert.equal(asked.headers["cookie"], undefined);
    assert.equal((await ask("/b", { method: "POST", headers })).headers["x-secret"], "s1");
  });

  test("credentials that a site sets are not a client's: answers are shared", async (t) => {
    const { ask } = await startRuledEdge(t, {
      requestHeaders: { set: { Authorization: "Basic b3JpZ2lu" } },
    });
    const first = await ask("/a", { headers: { authorization: "Basic Y2xpZW50" } });
    assert.equal(first.headers["authorization"], "Basic b3JpZ2lu");
    assert.equal((await ask("/a")).number, 1);
  });

  test("towards clients: on fills, hits, parts, redirects and errors; the store keeps its own", async (t) => {
    const { edge } = await startRuledEdge(
      t,
      {
        responseHeaders: { set: { "Strict-Transport-Security": "max-age=1" }, remove: ["Server"] },
        rules: [
          { match: "/gone", redirect: { to: "/here" } },
          { match: { path: "/a", method: "HEAD" }, responseHeaders: { add: { Vary: "X" } } },
        ],
      },
      (request, response) => {
        response.setHeader("server", "x");
        if (request.url === "/broken") request.socket.destroy();
      },
    );
    for (const [path, method, headers, vary] of [
      ["/a", "GET", {}, undefined],
      ["/a", "GET", {}, undefined],
      ["/a", "HEAD", {}, "X"],
      ["/a", "GET", {}, undefined],
      ["/a", "GET", { range: "bytes=0-1" }, undefined],
      ["/gone", "GET", {}, undefined],
      ["/broken", "GET", {}, undefined],
    ] as const) {
      const answer = await edge.get(path, { method, headers });
      assert.equal(answer.field("strict-transport-security"), "max-age=1", `${method} ${path}`);
      assert.equal(answer.field("server"), undefined);
      assert.equal(answer.field("vary"), vary);
    }
  });
});

suite("redirects and rewrites, through an edge", () => {
  test("a client is sent elsewhere, and the origin is not asked", async (t) => {
    const { edge, origin } = await startRuledEdge(t, {
      rules: [{ match: "/old/*", redirect: { to: "https://{host}/new/{1}", status: 308 } }],
    });
    const answer = await edge.get("/old/x?q=1", { headers: { host: "SHOP.example:80" } });
    assert.equal(answer.status, 308);
    assert.equal(answer.field("location"), "https://shop.example/new/x?q=1");
    assert.equal(answer.field("cache-status"), 'test-1; detail="redirect"');
    assert.equal(answer.field("content-length"), "0");
    assert.deepEqual(origin.seen, []);
    assert.equal(
      await edge.metric('meridian_edge_requests_total{site="shop",cache="bypass",code="3xx"'),
      1,
    );
  });

  test("what a client sends ends neither the line nor the connection's requests", async (t) => {
    const { edge } = await startRuledEdge(t, {
      rules: [{ match: "/go/*", redirect: { to: "/{1}" } }],
    });
    const raw = await exchangeRaw(
      edge.at,
      "POST /go/%0d%0aSet-Cookie:x=1 HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 30\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n",
    );
    const text = raw.toString();
    assert.match(text, /^HTTP\/1\.1 302 /);
    assert.match(text, /\r\nlocation: \/%0d%0aSet-Cookie:x=1\r\n/i);
    assert.equal(text.match(/HTTP\/1\.1/g)?.length, 1);
  });

  test("a rewritten path keeps its query and its key, and does not climb", async (t) => {
    const { ask } = await startRuledEdge(t, {
      rules: [{ match: "/assets/*", rewrite: "/public/{1}" }],
    });
    assert.equal((await ask("/assets/a%7eb?q=1")).url, "/public/a~b?q=1");
    assert.equal((await ask("/public/a~b?q=1")).number, 2, "another URL is another object");
    assert.equal((await ask("/assets/a", { method: "POST" })).url, "/public/a");
  });

  test("nobody climbs out of where a rewrite puts them", async (t) => {
    const { edge, origin } = await startRuledEdge(t, {
      rules: [{ match: "/*", rewrite: "/public{path}" }],
    });
    for (const path of ["/x/..%2f..%2fsecret", "/..%5csecret", "/a/..;x/b"]) {
      assert.equal((await edge.get(path)).status, 400, path);
    }
    const raw = "GET /../secret HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n";
    assert.match((await exchangeRaw(edge.at, raw)).toString(), /^HTTP\/1\.1 400 /);
    assert.deepEqual(origin.seen, []);
  });
});
