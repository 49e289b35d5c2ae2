import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { siteSchema } from "../../../common/config/site.ts";
import { METRICS } from "../../../common/metric-table.ts";
import { eventually } from "../../support/eventually.ts";
import { fetchAt } from "../../support/http.ts";
import type { Scope } from "../../support/scope.ts";
import { startOrigin, startTestEdge, type TestEdge } from "../harness.ts";

async function explain(edge: TestEdge, query: string): Promise<Record<string, unknown>> {
  const { body } = await fetchAt(`http://admin/explain?${query}`, { at: edge.admin });
  return JSON.parse(body.toString()) as Record<string, unknown>;
}

/** An edge that stores /a, /b and /c, each with a tag of its own. */
async function startTagged(t: Scope) {
  let version = 0;
  const origin = await startOrigin(t, (request, response) => {
    version += 1;
    response.setHeader("cache-control", "max-age=60, stale-while-revalidate=60");
    response.setHeader("surrogate-key", `all t-${request.url?.slice(1)}`);
    response.setHeader("cache-tag", "news");
    response.end(`v${version}`);
  });
  const edge = await startTestEdge(t, { origins: [origin.url] });
  for (const path of ["/a", "/b", "/c"]) await edge.get(path);
  return { origin, edge };
}

suite("PURGE", () => {
  test("from an allowed address it removes one URL at once", async (t) => {
    const origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, { "cache-control": "max-age=60" }).end("x");
    });
    const edge = await startTestEdge(t, { origins: [origin.url] });
    for (const path of ["/a", "/b"]) await edge.get(path);
    const purged = await edge.get("/a", { method: "PURGE" });
    assert.deepEqual(JSON.parse(purged.body.toString()), {
      status: "ok",
      site: "shop",
      soft: false,
      url: "http://shop.example/a",
      objects: 1,
    });
    assert.match((await edge.get("/a")).field("cache-status") ?? "", /uri-miss/);
    assert.match((await edge.get("/b")).field("cache-status") ?? "", /hit/);
  });

  for (const name of ["Surrogate-Key", "xkey-purge"]) {
    test(`${name} purges the objects that carry one of these tags, at any URL`, async (t) => {
      const { edge } = await startTagged(t);
      const purged = await edge.get("/", { method: "PURGE", headers: { [name]: "t-a  t-b" } });
      const { tags, soft } = JSON.parse(purged.body.toString()) as Record<string, unknown>;
      assert.deepEqual([purged.status, tags, soft], [200, ["t-a", "t-b"], false]);
      for (const path of ["/a", "/b"]) {
        assert.match((await edge.get(path)).field("cache-status") ?? "", /uri-miss/);
      }
      assert.match((await edge.get("/c")).field("cache-status") ?? "", /hit/);
      assert.equal(
        await edge.metric('meridian_edge_evictions_total{tier="memory",reason="purged"'),
        2,
      );
    });
  }

  const SOFT: readonly Readonly<Record<string, string>>[] = [
    { "Fastly-Soft-Purge": "1" },
    { "Fastly-Soft-Purge": "1", "Surrogate-Key": "t-a" },
    { "xkey-softpurge": "t-a,other" },
  ];
  for (const headers of SOFT) {
    const title = Object.keys(headers).join(" and ");
    test(`RFC 5861 s.3: ${title} makes stale: served once more while refreshed`, async (t) => {
      const { edge, origin } = await startTagged(t);
      const purged = await edge.get("/a", { method: "PURGE", headers });
      assert.match(purged.body.toString(), /"soft":true/);
      const stale = await edge.get("/a");
      assert.match(stale.field("cache-status") ?? "", /hit; ttl=(?:0|-1)$/);
      assert.equal(stale.body.toString(), "v1");
      await eventually("it has been refreshed", async () => {
        const fresh = await edge.get("/a");
        assert.equal(fresh.body.toString(), "v4");
        assert.match(fresh.field("cache-status") ?? "", /hit; ttl=(?:59|60)$/);
      });
      assert.equal(origin.seen.length, 4);
    });
  }

  test("what clients get has no tag fields", async (t) => {
    const { edge } = await startTagged(t);
    const answer = await edge.get("/a");
    assert.equal(answer.field("surrogate-key"), undefined);
    assert.equal(answer.field("cache-tag"), undefined);
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

  test("it says in words what a rule does, what the origin would be asked, and where it sends", async (t) => {
    const { rules } = siteSchema.parse({
      name: "shop",
      origin: { urls: ["http://127.0.0.1:1"] },
      rules: [
        { match: "/old/*", redirect: { to: "/new/{1}" } },
        { match: { cookie: { beta: true } }, rewrite: "/beta{path}", key: { query: "none" } },
      ],
    });
    const edge = await startTestEdge(t, { origins: ["http://127.0.0.1:1"], site: { rules } });
    const beta = await explain(edge, "url=http://shop.example/a%3Fb&header=cookie:beta=1");
    assert.equal(beta["key"], "shop shop.example/a if-cookie:beta");
    assert.deepEqual(beta["origin"], { host: "shop.example", target: "/beta/a" });
    assert.equal(beta["ruleText"], "cookie:beta: without query; asks the origin for /beta{path}");
    const old = await explain(edge, "url=http://shop.example/old/x%3Fq");
    assert.deepEqual(old["redirect"], { status: 302, location: "/new/x?q" });
    assert.deepEqual(old["decision"], { kind: "redirect", reason: "rule" });
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
