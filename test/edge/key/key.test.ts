import assert from "node:assert/strict";
import { test } from "node:test";
import { edgeLabel } from "../../../common/config/edge-name.ts";
import { type Site, type SiteInput, siteSchema } from "../../../common/config/site.ts";
import { joinKey, normalHost, normalTarget } from "../../../edge/key/primary.ts";
import { ruleFor } from "../../../edge/key/rule.ts";
import { askedOfHost, buildSiteTable, siteForHost } from "../../../edge/key/site.ts";

const EDGE = { name: "syd-1", anyHost: false };

const ORIGIN = { urls: ["http://127.0.0.1:9000"] };

function aSite(name: string, others: Partial<SiteInput> = {}) {
  return siteSchema.parse({ name, origin: ORIGIN, ...others });
}

function cacheKey(site: string, host: string, target: string): string {
  return joinKey(site, normalHost(host), normalTarget(target));
}

function ruleOf(site: Site, target: string) {
  return ruleFor(site, { method: "GET", host: "h.example", target, fields: [] });
}

for (const [host, target, expected] of [
  ["www.example.com", "/a?b=C", "www.example.com/a?b=C"],
  ["WWW.Example.com.", "/", "www.example.com/"],
  ["www.example.com:80", "/", "www.example.com/"],
  ["www.example.com.:80", "/", "www.example.com/"],
  ["www.example.com:", "/", "www.example.com/"],
  ["www.example.com:443", "/", "www.example.com:443/"],
  ["www.example.com.:8080", "/", "www.example.com:8080/"],
  ["[2001:DB8::80]", "/", "[2001:db8::80]/"],
  ["[::1]:80", "/", "[::1]/"],
  ["h", "/%7efoo%2f%2E%c3%bc", "h/~foo%2F%2E%C3%BC"],
  ["h", "/%41%2d%5F%zz%", "h/A-_%zz%"],
  ["h", "/?", "h/?"],
  ["h", "/a/../b//c", "h/a/../b//c"],
  ["h", "http://other.example/x?y", "h/x?y"],
  ["h", "http://other.example", "h/"],
  ["h", "http://other.example?y", "h/?y"],
  ["h", "*", "h/*"],
] as const) {
  test(`RFC 3986 s.6.2.2: ${host} ${target}`, () => {
    assert.equal(cacheKey("site", host, target), `site ${expected}`);
  });
}

test("RFC 9111 s.2: sites, hosts, paths and queries that differ have keys that differ", () => {
  const keys = [
    cacheKey("a", "h", "/"),
    cacheKey("b", "h", "/"),
    cacheKey("a", "g", "/"),
    cacheKey("a", "h", "/x"),
    cacheKey("a", "h", "/?x=1"),
    cacheKey("a", "h", "/?x=2"),
    cacheKey("a", "h", "/?X=1"),
  ];
  assert.equal(new Set(keys).size, keys.length);
});

test("sites: exact hosts, the name below the CDN's domain, ports, case and final dots", () => {
  const one = aSite("one", { hosts: ["video.one.test"] });
  const two = aSite("two", { hosts: ["video.one.test", "one.kingcdn.test", "two.test"] });
  const table = buildSiteTable([one, two], { ...EDGE, cdnDomain: "kingcdn.test" });
  for (const [host, expected] of [
    ["video.one.test", one],
    ["VIDEO.one.test.:8080", one],
    ["one.kingcdn.test", one],
    ["two.kingcdn.test", two],
    ["two.test:80", two],
    ["three.kingcdn.test", undefined],
    ["a.two.test", undefined],
    ["kingcdn.test", undefined],
    ["[::1]:8080", undefined],
    ["", undefined],
  ] as const) {
    assert.equal(siteForHost(table, host), expected, host);
  }
});

test("sites: names below the edge's own stand for the hosts that redirects come from", () => {
  const one = aSite("one", { hosts: ["video.one.test", "WWW.one.test"] });
  const two = aSite("two");
  const table = buildSiteTable([one, two], { ...EDGE, cdnDomain: "kingcdn.test" });
  const label = edgeLabel(one, "www.one.test", "kingcdn.test");
  assert.match(label, /^host-[0-9a-f]{16}$/);
  for (const [host, site, meant] of [
    ["one.syd-1.edge.kingcdn.test", one, "video.one.test"],
    ["ONE.syd-1.edge.kingcdn.test.:8080", one, "video.one.test:8080"],
    ["one.syd-1.edge.kingcdn.test:80", one, "video.one.test"],
    ["two.syd-1.edge.kingcdn.test", two, "two.kingcdn.test"],
    [`${label}.syd-1.edge.kingcdn.test:8080`, one, "www.one.test:8080"],
    // What is asked for directly stays as it is.
    ["one.kingcdn.test:8080", one, "one.kingcdn.test:8080"],
    ["WWW.one.test", one, "www.one.test"],
    // The names of another edge, of no site, and the edge's own.
    ["one.fra-1.edge.kingcdn.test", undefined, "one.fra-1.edge.kingcdn.test"],
    ["three.syd-1.edge.kingcdn.test", undefined, "three.syd-1.edge.kingcdn.test"],
    ["syd-1.edge.kingcdn.test", undefined, "syd-1.edge.kingcdn.test"],
  ] as const) {
    assert.deepEqual(askedOfHost(table, host), { site, host: meant });
    assert.equal(siteForHost(table, host), site);
  }
});

test("sites: quick mode answers for every host, and no domain is needed", () => {
  const one = aSite("one", { hosts: ["one.test"] });
  const table = buildSiteTable([one], { ...EDGE, anyHost: true });
  assert.equal(siteForHost(table, "whatever.test"), one);
  assert.equal(siteForHost(table, "one.undefined"), one);
  assert.equal(siteForHost(buildSiteTable([], { ...EDGE, anyHost: true }), "one.test"), undefined);
  assert.equal(siteForHost(buildSiteTable([one], EDGE), "two.test"), undefined);
});

for (const [match, path, expected] of [
  ["/a", "/a", true],
  ["/a", "/a?q=/b", true],
  ["/a", "/ab", false],
  ["/a", "/A", false],
  ["/live/*", "/live/x/y.m3u8", true],
  ["/live/*", "/live/", true],
  ["/live/*", "/live", false],
  ["/*.mp4", "/a/b.mp4", true],
  ["/*.mp4", "/a.mp4?x", true],
  ["/*.mp4", "/a.mp4x", false],
  ["/*/x/*.ts", "/a/x/b.ts", true],
  ["/*/x/*.ts", "/a/y/b.ts", false],
  ["/*/x/*.ts", "/x/b.ts", false],
  ["/a*a", "/a", false],
  ["/a*a", "/aa", true],
  ["/*b*b", "/b", false],
  ["/*b*b", "/ab-b", true],
  ["/**", "/", true],
  ["/a.c", "/abc", false],
  ["/(a|b)+", "/a", false],
] as const) {
  test(`rules: ${match} ${expected ? "fits" : "does not fit"} ${path}`, () => {
    const site = aSite("one", { rules: [{ match }] });
    assert.equal(ruleOf(site, path), expected ? site.rules[0] : undefined);
  });
}

test("rules: the first that fits wins, and none is fine", () => {
  const site = aSite("one", {
    rules: [
      { match: "/a/*", cache: false },
      { match: "/*", ttl: "2s" },
    ],
  });
  assert.equal(ruleOf(site, "/a/b"), site.rules[0]);
  assert.equal(ruleOf(site, "/b"), site.rules[1]);
  assert.equal(ruleOf(aSite("two"), "/b"), undefined);
});

test("rules: a hostile path takes no time worth speaking of", () => {
  const site = aSite("one", { rules: [{ match: `/${"*a".repeat(100)}*b` }] });
  const path = `/${"a".repeat(100_000)}`;
  const start = process.cpuUsage().user;
  assert.equal(ruleOf(site, path), undefined);
  assert.ok(process.cpuUsage().user - start < 500_000);
});
