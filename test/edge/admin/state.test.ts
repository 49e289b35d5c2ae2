import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { suite, test } from "node:test";
import type { EdgeOptions } from "../../../edge/server.ts";
import type { ChangeBody } from "../../../state/change.ts";
import { openEmbeddedState } from "../../../state/embedded.ts";
import type { ObjectRecord } from "../../../state/records.ts";
import type { StateStore } from "../../../state/store.ts";
import { eventually } from "../../support/eventually.ts";
import { fetchAt } from "../../support/http.ts";
import type { Scope } from "../../support/scope.ts";
import { aSite, startOrigin, startTestEdge, type TestEdge } from "../harness.ts";

/** An edge that follows a state store of its own, in front of an origin that counts versions. */
async function startFollowing(t: Scope, options: Partial<EdgeOptions> = {}) {
  let version = 0;
  const held: ServerResponse[] = [];
  const origin = await startOrigin(t, (request, response) => {
    version += 1;
    response.setHeader("cache-control", "max-age=60");
    response.setHeader("etag", `"v${version}"`);
    response.setHeader("surrogate-key", `s${request.url?.replaceAll("/", "-")}`);
    if (request.url === "/held") held.push(response);
    else response.end(`v${version}`);
  });
  const state = openEmbeddedState({ file: ":memory:" });
  t.after(() => state.close());
  await state.append({ kind: "site-put", site: aSite({ origins: [origin.url] }) }, "config");
  const edge = await startTestEdge(t, { origins: [origin.url], state, ...options });
  return { origin, state, edge, held };
}

async function applied(state: StateStore, version: number): Promise<void> {
  await eventually("the edge has applied it", async () => {
    assert.equal((await state.acknowledgements()).get("edge/test-1"), version);
  });
}

async function cacheStatus(edge: TestEdge, path: string): Promise<string> {
  return (await edge.get(path)).field("cache-status") ?? "";
}

suite("changes of the log", () => {
  test("purge-urls removes that URL in all variants, and nothing else", async (t) => {
    const { state, edge } = await startFollowing(t);
    for (const path of ["/a", "/b?x=1"]) await edge.get(path);
    const urls = ["http://shop.example/b?x=1", "http://shop.example/never-stored"];
    const { version } = await state.append({ kind: "purge-urls", site: "shop", urls }, "test");
    await applied(state, version);
    assert.match(await cacheStatus(edge, "/a"), /hit/);
    assert.match(await cacheStatus(edge, "/b?x=1"), /fwd=uri-miss/);
    assert.equal(
      await edge.metric('meridian_edge_evictions_total{tier="memory",reason="purged"'),
      1,
    );
  });

  test("other key rules: what is stored is confirmed before it is used again, once", async (t) => {
    const { origin, state, edge } = await startFollowing(t);
    for (const path of ["/a", "/b"]) await edge.get(path);
    const rules = [{ match: "/x/*", cache: true, key: { query: "none" as const } }];
    const site = aSite({ origins: [origin.url], site: { rules } });
    const { version } = await state.append({ kind: "site-put", site }, "test");
    await applied(state, version);
    await edge.get("/a");
    assert.equal(origin.requests.at(-1)?.headers["if-none-match"], '"v1"');
    assert.match(await cacheStatus(edge, "/a"), /hit/);
    const timed = [{ ...rules[0], match: "/x/*", cache: true, ttl: 1_000 }];
    const same = aSite({ origins: [origin.url], site: { rules: timed } });
    await applied(state, (await state.append({ kind: "site-put", site: same }, "test")).version);
    assert.match(await cacheStatus(edge, "/a"), /hit/, "a lifetime changes no key");
  });

  test("purge-all removes everything of the site", async (t) => {
    const { state, edge } = await startFollowing(t);
    for (const path of ["/a", "/b"]) await edge.get(path);
    const { version } = await state.append({ kind: "purge-all", site: "shop" }, "test");
    await applied(state, version);
    for (const path of ["/a", "/b"]) assert.match(await cacheStatus(edge, path), /fwd=uri-miss/);
    assert.match(await cacheStatus(edge, "/a"), /hit/);
  });

  test("purge-prefixes removes what begins with one, query included, and nothing else", async (t) => {
    const { state, edge } = await startFollowing(t);
    const paths = ["/img/a", "/img/b?x=1", "/imgs", "/q?page=1", "/q?page=12", "/q?p=1"];
    for (const path of paths) await edge.get(path);
    const prefixes = ["http://SHOP.example:80/im%67/", "https://shop.example/q?page=", "nonsense"];
    const body = { kind: "purge-prefixes", site: "shop", prefixes } as const;
    await applied(state, (await state.append(body, "test")).version);
    const missed: string[] = [];
    for (const path of paths) if (/miss/.test(await cacheStatus(edge, path))) missed.push(path);
    assert.deepEqual(missed, ["/img/a", "/img/b?x=1", "/q?page=1", "/q?page=12"]);
  });

  test("purge-tags removes what carries one, at whatever URL", async (t) => {
    const { state, edge } = await startFollowing(t);
    for (const path of ["/a", "/b", "/b?x"]) await edge.get(path);
    const body = { kind: "purge-tags", site: "shop", tags: ["s-b", "nothing"] } as const;
    await applied(state, (await state.append(body, "test")).version);
    assert.match(await cacheStatus(edge, "/a"), /hit/);
    assert.match(await cacheStatus(edge, "/b"), /fwd=uri-miss/);
    assert.match(await cacheStatus(edge, "/b?x"), /hit/);
  });

  test("a soft purge of everything: asked about, and used again once confirmed", async (t) => {
    const { state, edge, origin } = await startFollowing(t);
    await edge.get("/a");
    const body = { kind: "purge-all", site: "shop", soft: true } as const;
    await applied(state, (await state.append(body, "test")).version);
    assert.match(await cacheStatus(edge, "/a"), /fwd=stale; fwd-status=200; stored/);
    assert.match(await cacheStatus(edge, "/a"), /hit/);
    assert.equal(origin.requests[1]?.headers["if-none-match"], '"v1"');
  });

  test("RFC 5861 s.4: softly purged bytes stand in for an origin that fails", async (t) => {
    let broken = false;
    const origin = await startOrigin(t, (_request, response) => {
      response.setHeader("cache-control", "max-age=60, stale-if-error=60");
      response.writeHead(broken ? 503 : 200).end(broken ? "broken" : "good");
    });
    const state = openEmbeddedState({ file: ":memory:" });
    t.after(() => state.close());
    await state.append({ kind: "site-put", site: aSite({ origins: [origin.url] }) }, "config");
    const edge = await startTestEdge(t, { origins: [origin.url], state });
    await edge.get("/a");
    broken = true;
    const soft = { kind: "purge-urls", site: "shop", urls: ["http://shop.example/a"] } as const;
    await applied(state, (await state.append({ ...soft, soft: true }, "test")).version);
    const stale = await edge.get("/a");
    assert.deepEqual([stale.status, stale.body.toString()], [200, "good"]);
    await applied(state, (await state.append(soft, "test")).version);
    assert.equal((await edge.get("/a")).status, 503);
  });

  test("a site that was removed does not come back with what it had stored", async (t) => {
    const { state, edge, origin } = await startFollowing(t);
    await edge.get("/a");
    await state.append({ kind: "site-remove", site: "shop" }, "test");
    const site = aSite({ origins: [origin.url] });
    await applied(state, (await state.append({ kind: "site-put", site }, "test")).version);
    assert.match(await cacheStatus(edge, "/a"), /fwd=uri-miss/);
  });

  const HELD_PURGES = {
    "purge-urls": { kind: "purge-urls", site: "shop", urls: ["http://shop.example/held"] },
    "purge-prefixes": { kind: "purge-prefixes", site: "shop", prefixes: ["http://shop.example/"] },
    "purge-tags": { kind: "purge-tags", site: "shop", tags: ["s-held"] },
    "purge-all": { kind: "purge-all", site: "shop" },
    "soft purge-tags": { kind: "purge-tags", site: "shop", tags: ["s-held"], soft: true },
    "soft purge-urls": {
      kind: "purge-urls",
      site: "shop",
      urls: ["http://shop.example/held"],
      soft: true,
    },
  } as const satisfies Readonly<Record<string, ChangeBody>>;
  for (const [kind, purge] of Object.entries(HELD_PURGES)) {
    test(`${kind} during a fill: who waited is served, nobody who comes later`, async (t) => {
      const { state, edge, held, origin } = await startFollowing(t);
      const waiting = edge.get("/held");
      await eventually("the fill has begun", () => assert.equal(held.length, 1));
      const { version } = await state.append(purge, "test");
      await applied(state, version);
      const later = edge.get("/held");
      await eventually("the later one asks itself", () => assert.equal(held.length, 2));
      held[0]?.end("old");
      assert.equal((await waiting).body.toString(), "old");
      held[1]?.end("new");
      assert.equal((await later).body.toString(), "new");
      const third = await edge.get("/held");
      assert.equal(third.body.toString(), "new");
      assert.equal(origin.seen.length, 2);
    });
  }

  test("a site that is removed is unknown at once, one that is put is known", async (t) => {
    const { state, edge, origin } = await startFollowing(t);
    await edge.get("/a");
    const removed = await state.append({ kind: "site-remove", site: "shop" }, "test");
    await applied(state, removed.version);
    const unknown = await edge.get("/a");
    assert.equal(unknown.status, 421);
    assert.match(unknown.body.toString(), /reason: unknown-site/);
    const site = { name: "blog", hosts: ["blog.example"] };
    const put = await state.append(
      { kind: "site-put", site: aSite({ origins: [origin.url], site }) },
      "test",
    );
    await applied(state, put.version);
    for (const host of ["blog.example", "BLOG.example:80", "blog.cdn.test"]) {
      assert.equal((await fetchAt(`http://${host}/a`, { at: edge.at })).status, 200, host);
    }
  });

  test("a drained edge says so to probes and still serves", async (t) => {
    const { state, edge } = await startFollowing(t);
    const probe = () => fetchAt("http://test-1.edge.cdn.test/healthz", { at: edge.at });
    const ready = () => fetchAt("http://admin/readyz", { at: edge.admin });
    assert.deepEqual([(await probe()).status, (await ready()).status], [200, 200]);
    const { version } = await state.append({ kind: "drain", edge: "test-1" }, "test");
    await applied(state, version);
    await eventually("both say 503", async () => {
      assert.deepEqual([(await probe()).status, (await ready()).status], [503, 503]);
    });
    assert.equal((await edge.get("/a")).status, 200);
  });

  test("another log than before: what is stored is asked about first", async (t) => {
    const first = openEmbeddedState({ file: ":memory:" });
    const second = openEmbeddedState({ file: ":memory:" });
    t.after(() => first.close());
    t.after(() => second.close());
    const origin = await startOrigin(t, (request, response) => {
      const known = request.headers["if-none-match"] === '"v"';
      response.writeHead(known ? 304 : 200, { "cache-control": "max-age=60", etag: '"v"' });
      response.end(known ? undefined : "body");
    });
    const site = aSite({ origins: [origin.url] });
    for (const each of [first, second]) await each.append({ kind: "site-put", site }, "config");
    let current = first;
    // The same address answers with another log from now on, as after a loss of all data.
    const state = new Proxy(first, {
      get: (_target, name) => {
        const value: unknown = Reflect.get(current, name, current);
        return typeof value === "function" ? value.bind(current) : value;
      },
    });
    const edge = await startTestEdge(t, { origins: [origin.url], state });
    await edge.get("/a");
    assert.match(await cacheStatus(edge, "/a"), /hit/);
    current = second;
    await eventually("it has been asked about", async () => {
      assert.match(await cacheStatus(edge, "/a"), /fwd=stale; fwd-status=304/);
    });
    assert.match(await cacheStatus(edge, "/a"), /hit/);
  });
});

suite("what an edge tells the state store", () => {
  test("a heartbeat every second: figures, version and the identity of the process", async (t) => {
    const { state, edge } = await startFollowing(t);
    for (let i = 0; i < 10; i += 1) await edge.get(`/${i}`);
    const beat = await eventually("a heartbeat with all ten", async () => {
      const [latest] = await state.heartbeats();
      assert.equal(latest?.objects, 10);
      return latest;
    });
    assert.equal(beat.edge, "test-1");
    assert.equal(beat.version, 1);
    assert.ok(beat.run.length > 10);
    assert.ok(beat.storeBytes > 10_000 && beat.storeBytes < beat.storeBytesMax);
    assert.ok(beat.cpu !== undefined && beat.cpu >= 0 && beat.cpu <= 1);
  });

  test("says nothing of the processor where it shares a process with other edges", async (t) => {
    const { state } = await startFollowing(t, { sharesProcess: true });
    const beat = await eventually("a heartbeat", async () => {
      const [latest] = await state.heartbeats();
      assert.ok(latest);
      return latest;
    });
    assert.equal(beat.cpu, undefined);
  });

  test("records of what it stores and no longer stores", async (t) => {
    const { state, edge } = await startFollowing(t);
    await edge.get("/a");
    await edge.get("/b");
    const records = (): Promise<readonly ObjectRecord[]> => state.objects("test-1", 10, Date.now());
    const both = await eventually("both are known", async () => {
      const known = await records();
      assert.equal(known.length, 2);
      return known;
    });
    const a = both.find(({ url }) => url === "http://shop.example/a");
    assert.equal(a?.bytes, 2);
    assert.equal(a?.etag, '"v1"');
    assert.ok(Math.abs((a?.freshUntil ?? 0) - Date.now() - 60_000) < 5_000);
    await state.append(
      { kind: "purge-urls", site: "shop", urls: ["http://shop.example/a"] },
      "test",
    );
    await eventually("one is left", async () => {
      const urls = (await records()).map(({ url }) => url);
      assert.deepEqual(urls, ["http://shop.example/b"]);
    });
  });
});
