import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { METRICS } from "../../../common/metric-table.ts";
import { fetchAt } from "../../support/http.ts";
import { startOrigin, startTestEdge, type TestEdge } from "../harness.ts";

async function explain(edge: TestEdge, query: string): Promise<Record<string, unknown>> {
  const { body } = await fetchAt(`http://admin/explain?${query}`, { at: edge.admin });
  return JSON.parse(body.toString()) as Record<string, unknown>;
}

suite("PURGE", () => {
  test("from an allowed address it removes one URL at once", async (t) => {
    const origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, { "cache-control": "max-age=60" }).end("x");
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    for (const path of ["/a", "/b"]) await edge.get(path);
    const purged = await edge.get("/a", { method: "PURGE" });
    assert.deepEqual(JSON.parse(purged.body.toString()), { site: "shop", purged: 1 });
    assert.match((await edge.get("/a")).field("cache-status") ?? "", /uri-miss/);
    assert.match((await edge.get("/b")).field("cache-status") ?? "", /hit/);
  });

  test("from any other address it is 403 and does nothing", async (t) => {
    const origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, { "cache-control": "max-age=60" }).end("x");
    });
    const edge = await startTestEdge(t, { origins: [origin.url], purgeFrom: [] });
    await edge.get("/a");
    assert.equal((await edge.get("/a", { method: "PURGE" })).status, 403);
    assert.match((await edge.get("/a")).field("cache-status") ?? "", /hit/);
  });
});

suite("explain", () => {
  test("it names site, rule, key, what is stored and what would be done", async (t) => {
    const origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, { "cache-control": "max-age=60" }).end("body");
    });
    const rules = [{ match: "/private/*", cache: false }];
    const edge = await startTestEdge(t, { origins: [origin.url], site: { rules } });
    const url = encodeURIComponent("http://shop.example/a");
    assert.deepEqual((await explain(edge, `url=${url}`))["decision"], {
      kind: "fetch",
      reason: "uri-miss",
    });
    await edge.get("/a");
    const stored = await explain(edge, `url=${url}&header=accept:text/html`);
    assert.equal(stored["site"], "shop");
    assert.equal(stored["key"], "shop shop.example/a");
    const decision = stored["decision"] as { kind: string; ttlSeconds: number };
    assert.equal(decision.kind, "serve");
    assert.ok(decision.ttlSeconds > 50);
    assert.equal((stored["stored"] as { bytes: number }[])[0]?.bytes, 4);
    const others = {
      [`url=${url}&method=POST`]: { kind: "bypass", reason: "method" },
      "url=http://shop.example/private/x": { kind: "bypass", reason: "rule" },
      "url=http://nobody.example/": { kind: "reject", reason: "unknown-site" },
    };
    for (const [query, expected] of Object.entries(others)) {
      assert.deepEqual((await explain(edge, query))["decision"], expected, query);
    }
    assert.deepEqual(origin.seen, ["GET /a"]);
  });

  test("a question that makes no sense is 400 and says why", async (t) => {
    const edge = await startTestEdge(t, { origins: ["http://127.0.0.1:1"] });
    for (const query of ["", "url=nonsense", "url=ftp://x/", "url=http://x/&header=none"]) {
      const answer = await fetchAt(`http://admin/explain?${query}`, { at: edge.admin });
      assert.equal(answer.status, 400, query);
      assert.match(answer.body.toString(), /must/);
    }
  });
});

suite("healthz on the public port", () => {
  test("only for the edge's own name and its bare address", async (t) => {
    const origin = await startOrigin(t, (_request, response) => response.end("the site's own"));
    const edge = await startTestEdge(t, { origins: [origin.url] });
    for (const host of ["test-1.edge.cdn.test", "127.0.0.1", `127.0.0.1:${edge.at.port}`]) {
      const answer = await fetchAt(`http://${host}/healthz`, { at: edge.at });
      assert.equal(answer.body.toString(), "test-1 ok\n", host);
    }
    assert.equal((await edge.get("/healthz")).body.toString(), "the site's own");
    assert.equal((await fetchAt("http://127.0.0.1/", { at: edge.at })).status, 421);
  });
});

suite("metrics", () => {
  test("every metric of the table is there after one hit, one miss and one bypass", async (t) => {
    const origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, { "cache-control": "max-age=60" }).end("12345");
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    await edge.get("/a");
    await edge.get("/a");
    await edge.get("/a", { method: "POST", body: "x" });
    const { body } = await fetchAt("http://admin/metrics", { at: edge.admin });
    for (const [name, { part }] of Object.entries(METRICS)) {
      if (part === "edge" || part === "all")
        assert.match(body.toString(), new RegExp(`meridian_${name}`));
    }
    for (const cache of ["hit", "miss", "bypass"]) {
      const labels = `{site="shop",cache="${cache}",code="2xx"`;
      assert.equal(await edge.metric(`meridian_edge_requests_total${labels}`), 1, cache);
      const bytes = `meridian_edge_response_bytes_total{site="shop",cache="${cache}"`;
      assert.equal(await edge.metric(bytes), 5, cache);
    }
    assert.equal(await edge.metric('meridian_edge_fills_total{site="shop",result="stored"'), 1);
    assert.equal(await edge.metric('meridian_edge_origin_up{site="shop"'), 1);
  });
});
