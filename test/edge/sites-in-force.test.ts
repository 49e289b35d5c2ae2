import assert from "node:assert/strict";
import { test } from "node:test";
import type { Site } from "../../common/config/site.ts";
import { buildSiteTable } from "../../edge/key/site.ts";
import { LEAVING_HOSTS_MAX, leavingHosts } from "../../edge/sites-in-force.ts";
import { openEmbeddedState } from "../../state/embedded.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { fetchAt } from "../support/http.ts";
import { aSite, startOrigin, startTestEdge } from "./harness.ts";

const KEEP_MS = 30_000;
const OWNER = { name: "e1", cdnDomain: "cdn.test", anyHost: false };

function siteWith(name: string, ...hosts: string[]): Site {
  return aSite({ origins: ["http://192.0.2.1"], site: { name, hosts } });
}

function leaving(before: readonly Site[], after: readonly Site[], keepMs = KEEP_MS) {
  const known = { table: buildSiteTable(before, OWNER), leaving: [] };
  return leavingHosts(known, buildSiteTable(after, OWNER), { at: 100, keepMs });
}

test("a host that nobody has any more leaves, one that another site has does not", () => {
  const [shop, other] = [siteWith("shop", "a.test", "b.test"), siteWith("other", "b.test")];
  const gone = leaving([shop], [other]).map(({ host, until }) => [host, until]);
  const until = 100 + KEEP_MS;
  assert.deepEqual(gone, [
    ["shop.cdn.test", until],
    ["a.test", until],
  ]);
  const dropped = leaving([shop], [siteWith("shop", "b.test")]);
  assert.deepEqual(
    dropped.map(({ host }) => host),
    ["a.test"],
  );
  assert.deepEqual(leaving([shop], [], 0), []);
});

test("each leaves in its own time, and of too many the oldest at once", () => {
  const hosts = Array.from({ length: LEAVING_HOSTS_MAX + 5 }, (_, i) => `h${i}.test`);
  const first = leaving([siteWith("shop", ...hosts)], []);
  assert.equal(first.length, LEAVING_HOSTS_MAX);
  const table = buildSiteTable([], OWNER);
  const known = { table, leaving: first };
  assert.equal(leavingHosts(known, table, { at: 101, keepMs: KEEP_MS })[0], first[0]);
  assert.deepEqual(leavingHosts(known, table, { at: 100 + KEEP_MS, keepMs: KEEP_MS }), []);
});

test("a removed site is served for its time; what it stored goes with it or its name", async (t) => {
  let version = 1;
  const origin = await startOrigin(t, (_request, response) => {
    response.setHeader("cache-control", "max-age=3600");
    response.end(`v${version}`);
  });
  const clock = new FakeClock(Date.now());
  const state = openEmbeddedState({ file: ":memory:" });
  t.after(() => state.close());
  const site = aSite({ origins: [origin.url] });
  await state.append({ kind: "site-put", site }, "test");
  const edge = await startTestEdge(t, {
    origins: [origin.url],
    state,
    clock,
    keepRemovedMs: KEEP_MS,
  });
  const apply = async (body: Parameters<typeof state.append>[0]) => {
    const change = await state.append(body, "test");
    await eventually("the edge has applied it", async () => {
      assert.equal((await state.acknowledgements()).get("edge/test-1"), change.version);
    });
  };
  const get = async () => {
    const { status, body } = await fetchAt("http://shop.example/a", { at: edge.at });
    return status === 200 ? body.toString() : status;
  };
  assert.equal(await get(), "v1");
  version = 2;
  await apply({ kind: "site-remove", site: "shop" });
  assert.equal(await get(), "v1", "DNS may have been asked just before");
  clock.advance(KEEP_MS - 1);
  assert.equal(await get(), "v1");
  clock.advance(1);
  assert.equal(await get(), 421);
  await apply({ kind: "site-put", site });
  assert.equal(await get(), "v2", "it took with it what it had stored");
  version = 3;
  await apply({ kind: "site-remove", site: "shop" });
  await apply({ kind: "site-put", site });
  assert.equal(await get(), "v3", "another site may have taken its name");
  await apply({ kind: "site-put", site: { ...site, hosts: [] } });
  assert.equal(await get(), "v3", "a host that leaves is the site's until then");
  clock.advance(KEEP_MS);
  assert.equal(await get(), 421);
});
