import assert from "node:assert/strict";
import { createServer } from "node:http";
import { describe, it, type TestContext } from "node:test";
import { listenTcp } from "../../../common/listen.ts";
import { silentLogger } from "../../../common/log.ts";
import type { LiveBody } from "../../../control/api/live-figures.ts";
import type {
  ChangesBody,
  DrainBody,
  ErrorBody,
  PurgeBody,
  SiteBody,
  SiteListBody,
  SitePutBody,
  StatusBody,
} from "../../../control/api/shapes.ts";
import { openEmbeddedState } from "../../../state/embedded.ts";
import type { Heartbeat } from "../../../state/records.ts";
import { openRedisState } from "../../../state/redis.ts";
import type { StateStore } from "../../../state/store.ts";
import { eventually } from "../../support/eventually.ts";
import { startRedis } from "../../support/redis.ts";
import type { Scope } from "../../support/scope.ts";
import { type ControlUnderTest, smallControlConfig, startTestControl } from "../support.ts";

/** Longer than any wait in the API, so that a heartbeat counts for a whole test. */
const HEARTBEAT_TTL_MS = 60_000;

async function embedded(scope: Scope): Promise<StateStore> {
  const store = openEmbeddedState({ file: ":memory:" });
  scope.after(() => store.close());
  return store;
}

async function redis(scope: Scope): Promise<StateStore> {
  const server = await startRedis();
  scope.after(() => server.stop());
  const store = openRedisState({ url: server.url, log: silentLogger });
  scope.after(() => store.close());
  return eventually("redis answers", async () => {
    await store.snapshot();
    return store;
  });
}

for (const [kind, open] of [
  ["embedded", embedded],
  ["redis", redis],
] as const) {
  describe(`API over ${kind} state`, () => {
    const start = async (t: TestContext): Promise<ControlUnderTest & { store: StateStore }> => {
      const store = await open(t);
      return { store, ...(await startTestControl(t, store)) };
    };

    it("seeds the sites of the configuration, once", async (t) => {
      const { call, store } = await start(t);
      const { body } = await call<SiteListBody>("GET", "/sites");
      assert.deepEqual(
        body.sites.map(({ site }) => site.name),
        ["netcinema"],
      );
      await startTestControl(t, store);
      const changes = await call<ChangesBody>("GET", "/changes?after=0");
      assert.deepEqual(
        changes.body.changes.map(({ by, body }) => [by, body.kind]),
        [["config", "site-put"]],
      );
    });

    it("adds a site, shows it in the form that it accepts, replaces and removes it", async (t) => {
      const { call } = await start(t);
      const origin = createServer((_, response) => response.writeHead(404).end());
      const { port } = await listenTcp(origin, { host: "127.0.0.1", port: 0 }, "origin");
      t.after(() => origin.close());
      const url = `http://127.0.0.1:${port}`;
      const added = await call<SitePutBody>("POST", "/sites", {
        name: "shop",
        hosts: ["WWW.Shop.Example."],
        origin: { urls: [url], firstByteTimeout: "1500ms" },
        rules: [{ match: "/live/*", ttl: "2s" }],
        compress: { min: "1500B", codings: ["br"] },
      });
      assert.equal(added.status, 201);
      assert.equal(added.body.cdnHost, "shop.kingcdn.test");
      assert.equal(
        added.body.records[0]?.text,
        "www.shop.example. 3600 IN CNAME shop.kingcdn.test.",
      );
      assert.deepEqual(
        added.body.origins.map(({ url, answers }) => [url, answers]),
        [[url, true]],
      );

      const shown = await call<SiteBody>("GET", "/sites/shop");
      assert.equal(shown.body.site.origin.firstByteTimeout, "1500ms");
      const { min, max, codings } = shown.body.site.compress ?? {};
      assert.deepEqual({ min, max, codings }, { min: "1500B", max: "4MiB", codings: ["br"] });
      const again = await call<SitePutBody>("PUT", "/sites/shop", shown.body.site);
      assert.equal(again.status, 200);
      assert.deepEqual(again.body.site, shown.body.site);
      assert.equal(again.body.version, added.body.version + 1);

      assert.equal((await call("DELETE", "/sites/shop")).status, 200);
      assert.equal((await call("GET", "/sites/shop")).status, 404);
      assert.equal((await call("DELETE", "/sites/shop")).status, 404);
    });

    it("says that an origin does not answer, and adds the site all the same", async (t) => {
      const { call } = await start(t);
      const closed = createServer();
      const { port } = await listenTcp(closed, { host: "127.0.0.1", port: 0 }, "nobody");
      await new Promise((resolve) => closed.close(resolve));
      const site = { name: "shop", origin: { urls: [`http://127.0.0.1:${port}`] } };
      const { status, body } = await call<SitePutBody>("POST", "/sites", site);
      assert.equal(status, 201);
      assert.equal(body.origins[0]?.answers, false);
      assert.equal(body.origins[0]?.detail, "connection refused");
    });

    it("refuses what is wrong with a site, with the field and a remedy", async (t) => {
      const { call } = await start(t);
      const origin = { urls: ["http://192.0.2.9"] };
      const refusals: readonly [unknown, string, string][] = [
        [{ name: "Shop", origin }, "invalid", "name"],
        [{ name: "shop", origin: { urls: ["ftp://a"] } }, "invalid", "origin.urls[0]"],
        [{ name: "shop", origin, colour: "red" }, "invalid", "colour"],
        [{ name: "netcinema", origin }, "exists", "name"],
        [{ name: "shop", origin, hosts: ["video.netcinema.test"] }, "host-taken", "hosts[0]"],
        [{ name: "ns1", origin }, "invalid", "name"],
        [{ name: "edge", origin }, "invalid", "name"],
        [{ name: "shop", origin, hosts: ["a.b", "x.kingcdn.test"] }, "invalid", "hosts[1]"],
        [
          { name: "shop", hosts: ["a.b"], origin: { urls: ["http://a.b"] } },
          "invalid",
          "origin.urls[0]",
        ],
      ];
      for (const [site, code, field] of refusals) {
        const { status, body } = await call<ErrorBody>("POST", "/sites", site);
        assert.ok(status === 400 || status === 409, `${status}`);
        assert.deepEqual([body.error.code, body.error.field], [code, field], body.error.message);
      }
      const { body } = await call<SiteListBody>("GET", "/sites");
      assert.equal(body.sites.length, 1);
    });

    it("gives a host to only one of many sites added at once", async (t) => {
      const { call } = await start(t);
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, index) =>
          call("POST", "/sites", {
            name: `s${index}`,
            hosts: ["www.shop.example"],
            origin: { urls: ["http://127.0.0.1:1"] },
          }),
        ),
      );
      assert.equal(answers.filter(({ status }) => status === 201).length, 1);
    });

    it("purges, and tells who has applied it and after how long", async (t) => {
      const { call, store, daemon } = await start(t);
      await beat(store, "syd-1");
      await beat(store, "fra-1");
      const urls = ["http://video.netcinema.test/a", "http://netcinema.kingcdn.test/a"];
      const waiting = call<PurgeBody>("POST", "/sites/netcinema/purge?wait=20000", { urls });
      const version = await eventually("the purge is in the log", async () => {
        const { version } = await store.snapshot();
        assert.equal(version, 2);
        return version;
      });
      await store.acknowledge("edge/syd-1", version);
      await store.acknowledge("edge/fra-1", version);
      const { status, body } = await waiting;
      assert.equal(status, 200);
      assert.equal(body.version, version);
      assert.deepEqual(body.acknowledged.map(({ edge }) => edge).sort(), ["fra-1", "syd-1"]);
      assert.deepEqual(body.pending, []);
      const [change] = (await store.changesAfter(1, 1)).changes;
      assert.deepEqual(change?.body, { kind: "purge-urls", site: "netcinema", urls });
      const metrics = await fetch(`http://127.0.0.1:${daemon.addresses["admin"]?.port}/metrics`);
      assert.match(await metrics.text(), /^meridian_purge_latency_seconds_count 1$/m);
    });

    const ACCEPTED: readonly [object, object][] = [
      [
        { prefixes: ["http://video.netcinema.test/live/", "https://netcinema.kingcdn.test"] },
        {
          kind: "purge-prefixes",
          prefixes: ["http://video.netcinema.test/live/", "https://netcinema.kingcdn.test"],
        },
      ],
      [
        { tags: ["title-7", "a b,c", "title-7"], soft: true },
        { kind: "purge-tags", tags: ["title-7", "a b,c"], soft: true },
      ],
      [
        { urls: ["http://video.netcinema.test/a"], soft: true },
        { kind: "purge-urls", urls: ["http://video.netcinema.test/a"], soft: true },
      ],
      [{ all: true, soft: false }, { kind: "purge-all" }],
    ];
    for (const [body, change] of ACCEPTED) {
      it(`writes ${JSON.stringify(change)} into the log`, async (t) => {
        const { call, store } = await start(t);
        const { status } = await call<PurgeBody>("POST", "/sites/netcinema/purge", body);
        assert.equal(status, 200);
        const [written] = (await store.changesAfter(1, 1)).changes;
        assert.deepEqual(written?.body, { ...change, site: "netcinema" });
      });
    }

    it("names the edges that have not applied a purge when the wait is over", async (t) => {
      const { call, store } = await start(t);
      await beat(store, "syd-1");
      const { body } = await call<PurgeBody>("POST", "/sites/netcinema/purge?wait=50", {
        all: true,
      });
      assert.deepEqual(body.acknowledged, []);
      assert.deepEqual(body.pending, [
        { edge: "syd-1", live: true },
        { edge: "fra-1", live: false },
      ]);
    });

    it("refuses purges that are unclear or of somebody else's URLs", async (t) => {
      const { call, store } = await start(t);
      const refusals: readonly [unknown, string][] = [
        [{}, "invalid"],
        [{ urls: [] }, "invalid"],
        [{ all: true, urls: ["http://video.netcinema.test/"] }, "invalid"],
        [{ urls: ["/relative"] }, "invalid"],
        [{ urls: ["http://other.example/"] }, "wrong-site"],
        [{ prefixes: ["/a"] }, "invalid"],
        [{ prefixes: [] }, "invalid"],
        [{ prefixes: ["http://video.netcinema.test/a%2"] }, "invalid"],
        [{ prefixes: ["http://video.netcinema.tes"] }, "wrong-site"],
        [{ prefixes: ["http://other.example/"] }, "wrong-site"],
        [{ tags: [] }, "invalid"],
        [{ tags: [" a"] }, "invalid"],
        [{ tags: ["é"] }, "invalid"],
        [{ tags: ["x".repeat(1_025)] }, "invalid"],
        [{ tags: ["x"], urls: ["http://video.netcinema.test/"] }, "invalid"],
        [{ soft: true }, "invalid"],
        [{ all: true, soft: 1 }, "invalid"],
        [{ tags: Array.from({ length: 300 }, (_, i) => `${i}`.padEnd(1_000, "x")) }, "invalid"],
        [{ all: false }, "invalid"],
      ];
      for (const [body, code] of refusals) {
        const answer = await call<ErrorBody>("POST", "/sites/netcinema/purge", body);
        assert.deepEqual([answer.status, answer.body.error.code], [400, code]);
      }
      const unknown = await call<ErrorBody>("POST", "/sites/nobody/purge", { all: true });
      assert.equal(unknown.status, 404);
      assert.match(unknown.body.error.remedy ?? "", /netcinema/);
      assert.equal((await store.snapshot()).version, 1);
    });

    it("drains and undrains edges that exist", async (t) => {
      const { call, store } = await start(t);
      const drained = await call<DrainBody>("POST", "/edges/syd-1/drain");
      assert.deepEqual(drained.body, { edge: "syd-1", drained: true, version: 2 });
      assert.deepEqual((await store.snapshot()).drained, ["syd-1"]);
      await call("POST", "/edges/syd-1/undrain");
      assert.deepEqual((await store.snapshot()).drained, []);
      const missing = await call<ErrorBody>("POST", "/edges/syd-2/drain");
      assert.equal(missing.status, 404);
      assert.match(missing.body.error.remedy ?? "", /syd-1, fra-1/);
    });

    it("shows health as routers see it, load from heartbeats, and who lags", async (t) => {
      const { call, store } = await start(t);
      await beat(store, "syd-1");
      await store.acknowledge("edge/syd-1", 1);
      const edges = [
        { edge: "syd-1", health: "up", since: 5, detail: "200 in 1 ms" },
        { edge: "fra-1", health: "down", since: 6, detail: "connection refused" },
      ] as const;
      const at = Date.now();
      await store.report({ router: "ns1", at, version: 1, queriesPerSecond: 3, edges }, 60_000);
      await call("POST", "/edges/fra-1/drain");
      const { body } = await call<StatusBody>("GET", "/status");
      const [syd, fra] = body.pops.flatMap((pop) => pop.edges);
      assert.deepEqual([syd?.health, syd?.lag, syd?.heartbeat?.requestsPerSecond], ["up", 1, 2]);
      assert.deepEqual([fra?.health, fra?.drained, fra?.heartbeat], ["down", true, undefined]);
      assert.equal(fra?.routers[0]?.detail, "connection refused");
      assert.deepEqual(
        body.routers.map(({ name, lag }) => [name, lag]),
        [["ns1", 1]],
      );
      assert.deepEqual([body.state.kind, body.state.up, body.demo], [kind, true, false]);
    });
  });
}

describe("API while the state store is away", () => {
  it("answers 503 in time, shows a status, and works again when the store does", async (t) => {
    const server = await startRedis({ persist: true });
    t.after(() => server.stop());
    const store = openRedisState({ url: server.url, log: silentLogger });
    t.after(() => store.close());
    await eventually("redis answers", () => store.snapshot());
    const { call } = await startTestControl(t, store);
    await server.kill();

    const refused = await call<ErrorBody>("POST", "/edges/syd-1/drain");
    assert.deepEqual([refused.status, refused.body.error.code], [503, "state-unavailable"]);
    assert.match(refused.body.error.remedy ?? "", /serving/);
    const { status, body } = await call<StatusBody>("GET", "/status");
    assert.deepEqual([status, body.state.up], [200, false]);
    assert.equal(body.sites.length, 1);

    await server.restart();
    await eventually("the API works again", async () => {
      assert.equal((await call("POST", "/edges/syd-1/drain")).status, 200);
    });
  });

  it("tells what edges do just now, from what their heartbeats say", async (t) => {
    const store = await embedded(t);
    const { call } = await startTestControl(t, store);
    await beat(store, "fra-1");
    const sites = [{ site: "netcinema", requests: 4, hits: 3, bytes: 40, hitBytes: 10 }];
    const recent = { seconds: 2, requests: 4, hits: 3, bytes: 40, hitBytes: 10, errors: 1, sites };
    await beat(store, "syd-1", { recent: { ...recent, firstByte: [[0.5, 4]] } });
    const { body } = await call<LiveBody>("GET", "/live");
    const { hitRatio, byteHitRatio, errorRatio, requestsPerSecond } = body.total;
    assert.deepEqual(
      [hitRatio, byteHitRatio, errorRatio, requestsPerSecond],
      [0.75, 0.25, 0.25, 4],
    );
    assert.equal(body.edges.find(({ name }) => name === "fra-1")?.hitRatio, undefined);
    assert.equal(body.pops.find(({ name }) => name === "syd")?.firstByteP99Seconds, 0.5);
    assert.equal(body.sites[0]?.traffic?.requestsPerSecond, 2);
  });

  it("starts without it, and seeds when it arrives", async (t) => {
    const server = await startRedis();
    t.after(() => server.stop());
    await server.kill();
    const store = openRedisState({ url: server.url, log: silentLogger });
    t.after(() => store.close());
    const { daemon, call } = await startTestControl(t, store);
    const readyz = `http://127.0.0.1:${daemon.addresses["admin"]?.port}/readyz`;
    assert.equal((await fetch(readyz)).status, 503);
    await server.restart();
    await eventually("ready", async () => assert.equal((await fetch(readyz)).status, 200));
    const { body } = await call<SiteListBody>("GET", "/sites");
    assert.equal(body.sites.length, 1);
  });

  it("seeds again when the store has lost everything", async (t) => {
    const server = await startRedis();
    t.after(() => server.stop());
    const store = openRedisState({ url: server.url, log: silentLogger });
    t.after(() => store.close());
    await eventually("redis answers", () => store.snapshot());
    const { call } = await startTestControl(t, store);
    await server.command("FLUSHALL");
    await eventually("the site is back", async () => {
      const { body } = await call<SiteListBody>("GET", "/sites");
      assert.equal(body.sites.length, 1);
    });
  });
});

describe("API, whatever the store", () => {
  it("refuses pages of other sites, and lets its own page in", async (t) => {
    const { base } = await startTestControl(t, await embedded(t));
    const drain = (origin: string) =>
      fetch(`${base}/v1/edges/syd-1/drain`, { method: "POST", headers: { origin } });
    assert.equal((await drain("http://evil.example")).status, 403);
    assert.equal((await drain(base)).status, 200);
    const page = await fetch(`${base}/`);
    assert.equal(page.status, 200);
    assert.match(page.headers.get("content-security-policy") ?? "", /default-src 'none'/);
    for (const path of ["/console.js", "/console.css", "/map.js", "/icon.svg"]) {
      assert.equal((await fetch(base + path)).status, 200, path);
    }
  });

  it("answers what it cannot read with a refusal of the usual shape", async (t) => {
    const { base, call } = await startTestControl(t, await embedded(t));
    const post = (contentType: string, body: string) =>
      fetch(`${base}/v1/sites`, { method: "POST", headers: { "content-type": contentType }, body });
    for (const response of [await post("application/json", "{"), await post("text/plain", "{}")]) {
      const body = (await response.json()) as ErrorBody;
      assert.deepEqual([response.status, body.error.code], [400, "invalid"]);
    }
    const { status, body } = await call<ErrorBody>("GET", "/nothing");
    assert.deepEqual([status, body.error.code], [404, "not-found"]);
    const demo = await call<ErrorBody>("POST", "/demo/edges/syd-1/stop");
    assert.equal(demo.status, 404, "only the demo can stop edges");
  });

  it("says which daemon cannot explain, and where it looked for it", async (t) => {
    const config = { ...smallControlConfig(), routerAdmin: { host: "127.0.0.1", port: 1 } };
    const { call } = await startTestControl(t, await embedded(t), { config });
    const path = "/explain/dns?name=video.netcinema.test&client=192.0.2.1";
    const { status, body } = await call<ErrorBody>("GET", path);
    assert.deepEqual([status, body.error.code], [502, "unreachable"]);
    assert.match(body.error.message, /127\.0\.0\.1:1/);
    const bad = await call<ErrorBody>("GET", "/explain/dns?name=a.b&client=nobody");
    assert.deepEqual([bad.status, bad.body.error.field], [400, "client"]);
  });

  it("leaves out a site of the file whose host was taken in the meantime", async (t) => {
    const store = await embedded(t);
    const [site] = smallControlConfig().sites;
    assert.ok(site);
    await store.append({ kind: "site-put", site: { ...site, name: "rival" } }, "api");
    const { call } = await startTestControl(t, store);
    const { body } = await call<SiteListBody>("GET", "/sites");
    assert.deepEqual(
      body.sites.map(({ site }) => site.name),
      ["rival"],
    );
  });
});

function beat(store: StateStore, edge: string, more: Partial<Heartbeat> = {}): Promise<void> {
  const heartbeat: Heartbeat = {
    edge,
    pop: edge.slice(0, 3),
    at: Date.now(),
    run: "run",
    version: 1,
    connections: 1,
    bitsPerSecond: 1e6,
    requestsPerSecond: 2,
    cpu: 0.1,
    storeBytes: 0,
    storeBytesMax: 1,
    objects: 0,
    ...more,
  };
  return store.heartbeat(heartbeat, HEARTBEAT_TTL_MS);
}
