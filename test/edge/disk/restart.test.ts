import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../../common/log.ts";
import { openEmbeddedState } from "../../../state/embedded.ts";
import { eventually } from "../../support/eventually.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { aSite, startOrigin, startTestEdge } from "../harness.ts";

const MIB = 2 ** 20;

/** An origin whose answers carry a tag and a number that grows. */
function counting(t: Parameters<typeof startOrigin>[0]) {
  let count = 0;
  return startOrigin(t, (request, response) => {
    count += 1;
    response.setHeader("cache-control", "max-age=1000, stale-while-revalidate=1000");
    response.setHeader("vary", "accept-language");
    response.setHeader("surrogate-key", `tag${(request.url ?? "").slice(0, 2).replace("/", "-")}`);
    response.end(`${request.url} ${count}`);
  });
}

test("a restarted edge serves what it had, in all variants, from its disk", async (t) => {
  const origin = await counting(t);
  const disk = { path: tempDir(t), bytes: 64 * MIB };
  const options = { origins: [origin.url], disk };
  const first = await startTestEdge(t, options);
  const de = { headers: { "accept-language": "de" } };
  const en = { headers: { "accept-language": "en" } };
  assert.equal((await first.get("/a", de)).body.toString(), "/a 1");
  assert.equal((await first.get("/a", en)).body.toString(), "/a 2");
  await first.daemon.stop(0);

  const second = await startTestEdge(t, options);
  const again = await second.get("/a", de);
  assert.equal(again.body.toString(), "/a 1");
  assert.match(again.field("cache-status") ?? "", /; hit/);
  assert.equal((await second.get("/a", en)).body.toString(), "/a 2");
  assert.equal(origin.seen.length, 2);
  assert.equal(await second.metric('meridian_edge_store_objects{tier="disk"'), 2);
  assert.equal(await second.metric('meridian_edge_disk_loads_total{result="loaded"'), 1);
  assert.equal((await second.get("/a", { method: "PURGE" })).status, 200);
  await second.daemon.stop(0);

  const third = await startTestEdge(t, options);
  assert.equal((await third.get("/a", de)).body.toString(), "/a 3");
});

test("a site with another origin does not get what the first one said", async (t) => {
  const [one, two] = [await counting(t), await counting(t)];
  const disk = { path: tempDir(t), bytes: 64 * MIB };
  const first = await startTestEdge(t, { origins: [one.url], disk });
  await first.get("/a");
  await first.daemon.stop(0);
  const second = await startTestEdge(t, { origins: [two.url], disk });
  await second.get("/a");
  assert.equal(two.seen.length, 1);
});

test("purges that came while an edge was down are in force before it serves", async (t) => {
  const origin = await counting(t);
  const state = openEmbeddedState({ file: ":memory:", log: silentLogger });
  t.after(() => state.close());
  await state.append({ kind: "site-put", site: aSite({ origins: [origin.url] }) }, "test");
  const options = { origins: [origin.url], state, disk: { path: tempDir(t), bytes: 64 * MIB } };
  const first = await startTestEdge(t, options);
  for (const path of ["/a", "/b", "/c"]) await first.get(path);
  const { version } = await state.append({ kind: "drain", edge: "other" }, "test");
  await eventually("the edge has applied it", async () => {
    assert.equal((await state.acknowledgements()).get("edge/test-1"), version);
  });
  await first.daemon.stop(0);

  await state.append({ kind: "purge-tags", site: "shop", tags: ["tag-a"] }, "test");
  await state.append({ kind: "purge-urls", site: "shop", urls: ["http://shop.example/b"] }, "test");
  const second = await startTestEdge(t, options);
  assert.equal((await second.get("/c")).body.toString(), "/c 3", "nothing concerns it");
  assert.equal((await second.get("/a")).body.toString(), "/a 4");
  assert.equal((await second.get("/b")).body.toString(), "/b 5");
  await second.daemon.stop(0);

  // Another log: nobody knows what was purged, so each object is asked about.
  const other = openEmbeddedState({ file: ":memory:", log: silentLogger });
  t.after(() => other.close());
  await other.append({ kind: "site-put", site: aSite({ origins: [origin.url] }) }, "test");
  const third = await startTestEdge(t, { ...options, state: other });
  assert.equal((await third.get("/c")).body.toString(), "/c 6");
  assert.equal((await third.get("/c")).body.toString(), "/c 6");
});

test("while the state store cannot say what was purged, the origin is asked about each object", async (t) => {
  const origin = await counting(t);
  const state = openEmbeddedState({ file: ":memory:", log: silentLogger });
  t.after(() => state.close());
  await state.append({ kind: "site-put", site: aSite({ origins: [origin.url] }) }, "test");
  const options = { origins: [origin.url], state, disk: { path: tempDir(t), bytes: 64 * MIB } };
  const first = await startTestEdge(t, options);
  await first.get("/a");
  await first.daemon.stop(0);

  const gone = () => Promise.reject(new Error("nobody answers"));
  const silent = new Proxy(state, {
    get: (target, name) => {
      if (name === "snapshot" || name === "changesAfter") return gone;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const second = await startTestEdge(t, { ...options, state: silent });
  assert.equal((await second.get("/a")).body.toString(), "/a 2");
  const again = await second.get("/a");
  assert.equal(again.body.toString(), "/a 2", "once is enough");
  assert.match(again.field("cache-status") ?? "", /; hit/);
});

test("a request is explained with what the disk has", async (t) => {
  const origin = await counting(t);
  const options = { origins: [origin.url], disk: { path: tempDir(t), bytes: 64 * MIB } };
  const first = await startTestEdge(t, options);
  await first.get("/a");
  await first.daemon.stop(0);
  const second = await startTestEdge(t, options);
  const { fetchAt } = await import("../../support/http.ts");
  const explain = async () => {
    const url = `http://admin/explain?url=${encodeURIComponent("http://shop.example/a")}`;
    const { body } = await fetchAt(url, { at: second.admin });
    return JSON.parse(body.toString()) as {
      readonly stored: readonly { readonly tier: string }[];
      readonly decision: { readonly kind: string };
    };
  };
  const before = await explain();
  assert.deepEqual([before.stored[0]?.tier, before.decision.kind], ["disk", "serve"]);
  await second.get("/a");
  assert.equal((await explain()).stored[0]?.tier, "memory");
});
