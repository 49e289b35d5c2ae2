import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { suite, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { startOrigin, startTestEdge } from "./harness.ts";

const ok = (response: ServerResponse, fields: Record<string, string>, body = "ok") =>
  response.writeHead(200, fields).end(body);

suite("clientDirectives", () => {
  test("honour: RFC 9111 s.5.2.1 from no-cache to only-if-cached", async (t) => {
    const clock = new FakeClock();
    const origin = await startOrigin(t, ({ headers }, response) => {
      const holds = headers["if-none-match"] === '"a"';
      response.writeHead(holds ? 304 : 200, { "cache-control": "max-age=60", etag: '"a"' });
      response.end(holds ? undefined : "ok");
    });
    const site = { clientDirectives: "honour" as const };
    const edge = await startTestEdge(t, { origins: [origin.url], site, clock });
    const ask = async (control: string) => {
      const answer = await edge.get("/a", { headers: { "cache-control": control } });
      return answer.field("cache-status")?.replace("test-1; ", "");
    };
    assert.equal(await ask("only-if-cached"), 'fwd=miss; detail="only-if-cached"');
    assert.equal(await ask("no-store"), "fwd=request; fwd-status=200");
    assert.equal(await ask("no-store"), "fwd=request; fwd-status=200", "nothing was stored");
    assert.equal(await ask("x"), "fwd=uri-miss; fwd-status=200; stored");
    clock.advance(10_000);
    assert.equal(await ask("max-age=10"), "hit; ttl=50");
    assert.equal(await ask("min-fresh=50"), "hit; ttl=50");
    assert.equal(await ask("max-age=9"), "fwd=request; fwd-status=304; ttl=60");
    clock.advance(10_000);
    assert.equal(await ask("no-cache"), "fwd=request; fwd-status=304; ttl=60");
    clock.advance(70_000);
    assert.equal(await ask("max-stale=30"), "hit; ttl=-10");
    assert.equal(await ask("max-stale=5"), "fwd=stale; fwd-status=304; ttl=60");
  });

  test("left out, only the wish for nothing but a stored answer counts", async (t) => {
    const origin = await startOrigin(t, (_request, response) =>
      ok(response, { "cache-control": "max-age=60" }),
    );
    const edge = await startTestEdge(t, { origins: [origin.url] });
    const wishes = ["only-if-cached", "no-store", "no-cache", "max-age=0", "min-fresh=99999"];
    for (const control of wishes) {
      await edge.get("/a", { headers: { "cache-control": control, pragma: "no-cache" } });
    }
    assert.equal(origin.seen.length, 1);
  });
});

suite("coalesce", () => {
  for (const [where, site] of [
    ["of the site", { coalesce: false }],
    ["of a rule", { rules: [{ match: "/*", cache: true, coalesce: false }] }],
    [
      "of a rule, against the site",
      { coalesce: true, rules: [{ match: "/a", cache: true, coalesce: false }] },
    ],
  ] as const) {
    test(`false ${where}: every client asks for itself, and the answer is stored`, async (t) => {
      const asked: ServerResponse[] = [];
      const origin = await startOrigin(t, (_request, response) => asked.push(response));
      const edge = await startTestEdge(t, {
        origins: [origin.url],
        site: { ...site, rules: "rules" in site ? [...site.rules] : [] },
      });
      const clients = [edge.get("/a"), edge.get("/a", { headers: { range: "bytes=0-0" } })];
      await eventually("both ask", () => assert.equal(asked.length, 2));
      const ranges = origin.requests.map(({ headers }) => headers.range);
      assert.ok(!ranges.includes("bytes=0-0"), "the answer is for the store");
      for (const response of asked) ok(response, { "cache-control": "max-age=60" });
      await Promise.all(clients);
      assert.match((await edge.get("/a")).field("cache-status") ?? "", /; hit/);
    });
  }

  test("true of a rule, against the site: one asks for all", async (t) => {
    const asked: ServerResponse[] = [];
    const origin = await startOrigin(t, (_request, response) => asked.push(response));
    const site = { coalesce: false, rules: [{ match: "/a", cache: true, coalesce: true }] };
    const edge = await startTestEdge(t, { origins: [origin.url], site });
    const clients = [edge.get("/a"), edge.get("/a"), edge.get("/a")];
    await eventually("two wait", async () =>
      assert.equal(await edge.metric("meridian_edge_fill_waiters"), 2),
    );
    for (const response of asked) ok(response, { "cache-control": "max-age=60" });
    await Promise.all(clients);
    assert.equal(origin.seen.length, 1);
  });
});

test("waiters: beyond so many, a client is told to come back", async (t) => {
  const asked: ServerResponse[] = [];
  const origin = await startOrigin(t, (_request, response) => asked.push(response));
  const edge = await startTestEdge(t, { origins: [origin.url], timeouts: { waiters: 2 } });
  const clients = [edge.get("/a"), edge.get("/a"), edge.get("/a")];
  await eventually("two wait", async () =>
    assert.equal(await edge.metric("meridian_edge_fill_waiters"), 2),
  );
  const refused = await edge.get("/a");
  assert.equal(refused.status, 503);
  assert.equal(refused.field("retry-after"), "1");
  for (const response of asked) ok(response, { "cache-control": "max-age=60" });
  for (const client of clients) assert.equal((await client).status, 200);
  assert.equal(origin.seen.length, 1);
});

suite("negativeTtl", () => {
  test("failures that state no lifetime are kept for so long, and no longer", async (t) => {
    const clock = new FakeClock();
    const origin = await startOrigin(t, ({ url }, response) =>
      response.writeHead(Number(url?.slice(1))).end("failure"),
    );
    const site = { negativeTtl: { "404": 10_000, "5xx": 1_000 } };
    const edge = await startTestEdge(t, { origins: [origin.url], site, clock });
    const count = async (path: string) => {
      const before = origin.seen.length;
      await edge.get(path);
      return origin.seen.length - before;
    };
    for (const path of ["/404", "/503", "/410"]) assert.equal(await count(path), 1);
    assert.equal(await count("/404"), 0);
    assert.equal(await count("/503"), 0);
    assert.equal(await count("/410"), 1, "no lifetime is given for it");
    clock.advance(1_500);
    assert.equal(await count("/404"), 0);
    assert.equal(await count("/503"), 1);
    clock.advance(9_000);
    assert.equal(await count("/404"), 1);
  });

  test("RFC 9111 s.4.2.4: a 5xx does not take the place of what may stand in for it", async (t) => {
    const clock = new FakeClock();
    let down = false;
    const origin = await startOrigin(t, (_request, response) => {
      if (down) response.writeHead(503).end("down");
      else ok(response, { "cache-control": "max-age=1, stale-if-error=600", etag: '"a"' }, "good");
    });
    const site = { negativeTtl: { "5xx": 60_000 } };
    const edge = await startTestEdge(t, { origins: [origin.url], site, clock });
    await edge.get("/a");
    down = true;
    for (let i = 0; i < 3; i += 1) {
      clock.advance(5_000);
      assert.equal((await edge.get("/a")).body.toString(), "good");
    }
    down = false;
    clock.advance(5_000);
    assert.match((await edge.get("/a")).field("cache-status") ?? "", /fwd-status=200; stored/);
  });
});

suite("totalTimeout", () => {
  test("an answer that is not complete in time is broken off, however it trickles", async (t) => {
    const clock = new FakeClock();
    const origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, { "cache-control": "max-age=60" });
      response.write("first");
    });
    const edge = await startTestEdge(t, {
      origins: [origin.url],
      timeouts: { totalTimeout: 5_000 },
      clock,
    });
    const cut = assert.rejects(edge.get("/a"));
    await eventually("the fill is under way", () => assert.equal(origin.sockets.size, 1));
    await eventually("time runs", () => {
      clock.advance(1_000);
      assert.ok(clock.monotonic() >= 6_000);
    });
    await cut;
    await eventually("its connection is closed", () => assert.equal(origin.sockets.size, 0));
    assert.equal(await edge.metric('meridian_edge_fills_total{site="shop",result="timeout"'), 1);
  });

  test("without a byte of an answer: 504", async (t) => {
    const clock = new FakeClock();
    const origin = await startOrigin(t, () => {});
    const edge = await startTestEdge(t, {
      origins: [origin.url],
      timeouts: { totalTimeout: 5_000 },
      clock,
    });
    const answer = edge.get("/a");
    await eventually("it is asked", () => assert.equal(origin.seen.length, 1));
    clock.advance(5_000);
    assert.equal((await answer).status, 504);
  });

  test("what is complete in time leaves no timer behind", async (t) => {
    const clock = new FakeClock();
    const origin = await startOrigin(t, (_request, response) => ok(response, {}));
    const edge = await startTestEdge(t, {
      origins: [origin.url],
      timeouts: { totalTimeout: 5_000 },
      clock,
    });
    const before = clock.pendingTimers;
    for (let i = 0; i < 3; i += 1) await edge.get("/a");
    await eventually("all are over", () => assert.equal(clock.pendingTimers, before));
  });
});

suite("failoverOn", () => {
  test("the next address answers for one that is down, for safe requests alone", async (t) => {
    const down = await startOrigin(t, (_request, response) =>
      response.writeHead(503, { "content-length": 4 }).end("down"),
    );
    const up = await startOrigin(t, (_request, response) =>
      ok(response, { "cache-control": "max-age=60" }, "up"),
    );
    const edge = await startTestEdge(t, {
      origins: [down.url, up.url],
      timeouts: { failoverOn: [503] },
    });
    assert.equal((await edge.get("/a")).body.toString(), "up");
    assert.match((await edge.get("/a")).field("cache-status") ?? "", /; hit/);
    assert.equal((await edge.get("/p", { method: "POST", body: "x" })).status, 503);
    assert.deepEqual(down.seen, ["GET /a", "POST /p"]);
    assert.deepEqual(up.seen, ["GET /a"]);
  });

  test("the last address is believed, and other statuses are not an occasion", async (t) => {
    const statuses = [503, 500];
    const origins = await Promise.all(
      statuses.map((status) =>
        startOrigin(t, (_request, response) => response.writeHead(status).end(String(status))),
      ),
    );
    const [first = "", second = ""] = origins.map(({ url }) => url);
    for (const [urls, failoverOn, expected] of [
      [[first, second], [503], 500],
      [[second, first], [503], 500],
      [[first, second], [], 503],
      [[first], [503], 503],
    ] as const) {
      const edge = await startTestEdge(t, {
        origins: urls,
        timeouts: { failoverOn: [...failoverOn] },
      });
      assert.equal((await edge.get("/a")).status, expected);
    }
  });
});
