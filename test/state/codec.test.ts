import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { HeaderEdits } from "../../common/config/header-edits.ts";
import type { RuleInput } from "../../common/config/rule.ts";
import { type SiteInput, siteSchema } from "../../common/config/site.ts";
import { siteInput } from "../../control/site-text.ts";
import {
  decodeChangeBody,
  decodeHeartbeat,
  decodeObject,
  decodeReport,
  decodeSite,
} from "../../state/codec.ts";
import {
  decodeVersion,
  readAppended,
  readEntries,
  readPage,
  readSnapshot,
} from "../../state/redis/replies.ts";
import { aHeartbeat, aSite } from "../contract/state-contract.ts";

const duration = fc.integer({ min: 0, max: 100_000 }).map((ms) => `${ms}ms`);
/** None of them matches all that another one does. */
const match: fc.Arbitrary<RuleInput["match"]> = fc.constantFrom(
  "/live/*",
  { path: "/a/*", host: "www.a.test", method: ["GET", "HEAD"], extension: "css" },
  { query: { "a b": true, c: ["1", "2*"] }, header: { "X-Staff": false } },
  { cookie: { session: "x" } },
);
const key: fc.Arbitrary<NonNullable<RuleInput["key"]>> = fc.constantFrom(
  { query: "none" },
  { query: { ignore: ["utm_*"], sort: true }, cookies: { a: true, b: ["1", "2"] } },
  { query: { pick: ["a"] }, headers: { "X-Tier": true } },
);
const lifetimes = fc.oneof(duration, fc.constant({ "200": "1h", "5xx": 0 as const }));
const edits = fc.constantFrom<HeaderEdits>(
  { set: { "X-A": "1" }, add: { "x-b": "2" } },
  { remove: ["X-C"] },
);
const setCookie = fc.constantFrom("refuse" as const, "strip" as const, "keep" as const);
const protect = fc.record(
  {
    allow: fc.constantFrom(false as const, ["192.0.2.0/24", "2001:db8::/32"]),
    deny: fc.constant<string[]>(["10.0.0.0/8"]),
    rate: fc.constantFrom(false as const, { requests: 5 }, { requests: 9, per: "1m", burst: 3 }),
    cors: fc.constantFrom(
      false as const,
      { origins: ["*"] },
      { origins: ["https://a.test"], maxAge: "9s" },
    ),
    referers: fc.constantFrom(false as const, { hosts: ["*.a.test"], empty: false }),
    signed: fc.constantFrom(false as const, { keys: ["k1"], cookies: false }),
    maxBody: fc.constantFrom(false as const, "1MiB"),
  },
  { requiredKeys: [] },
);
const rule: fc.Arbitrary<RuleInput> = fc.record(
  {
    match,
    ttl: lifetimes,
    clientTtl: lifetimes,
    staleWhileRevalidate: duration,
    staleIfError: duration,
    setCookie,
    override: fc.constant(["private" as const]),
    requestHeaders: edits,
    responseHeaders: edits,
    rewrite: fc.constant("/x{path}"),
    cache: fc.constant(true),
    coalesce: fc.boolean(),
    key,
    compress: fc.constant(false as const),
    protect,
  },
  { requiredKeys: ["match"] },
);
const input: fc.Arbitrary<SiteInput> = fc.record(
  {
    name: fc.constantFrom("a", "netcinema", "x-1"),
    hosts: fc.array(fc.constantFrom("www.a.test", "VIDEO.b.test."), { maxLength: 3 }),
    origin: fc.record(
      {
        urls: fc.constantFrom(["http://127.0.0.1:9000"], ["https://o1.test", "https://o2.test"]),
        host: fc.constant("origin.test"),
        connectTimeout: duration,
        firstByteTimeout: duration,
        idleTimeout: duration,
        totalTimeout: duration,
        failoverOn: fc.constantFrom([502, 503], []),
        waiters: fc.nat(1_000),
      },
      { requiredKeys: ["urls"] },
    ),
    slices: fc.record({ enabled: fc.boolean(), size: fc.constant("256KiB") }, { requiredKeys: [] }),
    key,
    clientDirectives: fc.constantFrom("ignore" as const, "honour" as const),
    coalesce: fc.boolean(),
    negativeTtl: fc.dictionary(fc.constantFrom("404", "410", "5xx"), duration),
    profile: fc.constantFrom("safe" as const, "rfc" as const),
    setCookie,
    requestHeaders: edits,
    responseHeaders: edits,
    protect,
    rules: fc.uniqueArray(rule, {
      maxLength: 3,
      selector: ({ match }) => JSON.stringify(match),
    }),
    compress: fc.record(
      {
        codings: fc.constantFrom<("zstd" | "br" | "gzip")[][]>(["br"], ["gzip", "zstd"]),
        types: fc.constant(["text/*", "*+JSON"]),
        min: fc.constantFrom("0", "2KiB"),
        max: fc.constantFrom("1500KB", "64MiB"),
      },
      { requiredKeys: [] },
    ),
    https: fc.record(
      {
        enabled: fc.boolean(),
        alpn: fc.constantFrom(["h2"], ["h3", "http/1.1"]),
        port: fc.constantFrom(443, 8443),
        hints: fc.boolean(),
      },
      { requiredKeys: [] },
    ),
    answers: fc.integer({ min: 1, max: 16 }),
    allDown: fc.constantFrom("serve-all" as const, "last-good" as const, "empty" as const, {
      backup: "elsewhere.example",
    }),
  },
  { requiredKeys: ["name", "origin"] },
);

test("every site that a configuration can describe survives being stored", () => {
  const property = fc.property(input, (text) => {
    const site = siteSchema.parse(text);
    assert.deepEqual(decodeSite(JSON.stringify(site)), { ok: true, value: site });
    const body = { kind: "site-put", site };
    assert.deepEqual(decodeChangeBody(JSON.stringify(body)), { ok: true, value: body });
  });
  fc.assert(property);
});

test("a redirect survives being stored, and a site from before rules had more than three keys", () => {
  const base = { name: "a", origin: { urls: ["http://127.0.0.1:9000"] } };
  const site = siteSchema.parse({
    ...base,
    rules: [{ match: "/a/*", redirect: { to: "/b/{1}" } }],
  });
  assert.deepEqual(decodeSite(JSON.stringify(site)), { ok: true, value: site });
  const old = siteSchema.parse({ ...base, rules: [{ match: "/live/*", ttl: "2s" }] });
  assert.deepEqual(Object.keys(old.rules[0] ?? {}).sort(), ["cache", "match", "ttl"]);
  assert.deepEqual(decodeSite(JSON.stringify(old)), { ok: true, value: old });
});

test("what the API shows of a site is what it accepts", () => {
  const property = fc.property(input, (text) => {
    const site = siteSchema.parse(text);
    assert.deepEqual(siteSchema.parse(siteInput(site)), site);
  });
  fc.assert(property);
});

test("entries that were written before purges could be soft are read as hard ones", () => {
  const bodies = [
    { kind: "purge-urls", site: "a", urls: ["http://a.test/"] },
    { kind: "purge-all", site: "a" },
  ];
  for (const body of bodies) {
    assert.deepEqual(decodeChangeBody(JSON.stringify(body)), { ok: true, value: body });
  }
  assert.match(reason(decodeChangeBody('{"kind":"purge-all","site":"a","soft":false}')), /^soft: /);
});

test("fields of a newer version are dropped, not refused", () => {
  const newer = { ...aHeartbeat("syd-1"), temperature: 40 };
  assert.deepEqual(decodeHeartbeat(JSON.stringify(newer)), {
    ok: true,
    value: aHeartbeat("syd-1"),
  });
});

test("what cannot be read says where and why", () => {
  const { name: _, ...nameless } = aSite("a");
  assert.match(reason(decodeSite(JSON.stringify(nameless))), /^name: /);
  assert.match(reason(decodeSite("{")), /^not JSON$/);
  assert.match(reason(decodeChangeBody('{"kind":"explode"}')), /^kind: /);
  const odd = JSON.stringify({ ...aHeartbeat("e"), cpu: -1 });
  assert.match(reason(decodeHeartbeat(odd)), /^cpu: /);
});

test("no text makes a decoder throw", () => {
  const decoders = [
    decodeSite,
    decodeChangeBody,
    decodeHeartbeat,
    decodeReport,
    decodeObject,
    decodeVersion,
  ];
  const property = fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.json()), (text) => {
    for (const decode of decoders) assert.equal(typeof decode(text).ok, "boolean");
  });
  fc.assert(property);
});

test("no reply makes a reader throw", () => {
  const asked = { version: 3, mark: "m" };
  const near = fc.tuple(
    fc.string(),
    fc.constantFrom("3", "5", "x"),
    fc.string(),
    fc.string(),
    fc.anything(),
  );
  const property = fc.property(fc.oneof(fc.anything(), near), (reply) => {
    const ignore = (): void => {};
    const results = [
      readAppended(reply),
      readSnapshot(reply, ignore),
      readPage(reply, asked, ignore),
      readEntries(reply, "beats", decodeHeartbeat, ignore),
    ];
    for (const result of results) assert.equal(typeof result.ok, "boolean");
  });
  fc.assert(property);
});

const entry = (id: string, mark: string): unknown => [
  id,
  ["at", "1", "by", "t", "mark", mark, "body", '{"kind":"drain","edge":"e"}'],
];

const PAGES: readonly {
  readonly title: string;
  /** The mark that stands in the log under version 3, which is asked for. */
  readonly anchor?: string;
  readonly entries: readonly unknown[];
  readonly head: readonly [string, string];
  readonly mark?: string;
  readonly want: {
    readonly complete: boolean;
    readonly versions: readonly number[];
    readonly mark?: string;
  };
}[] = [
  {
    title: "the asked entry and two behind",
    head: ["5", "m5"],
    mark: "m3",
    anchor: "m3",
    entries: [entry("4-0", "m4"), entry("5-0", "m5")],
    want: { complete: true, versions: [4, 5], mark: "m5" },
  },
  {
    title: "nothing behind",
    head: ["3", "m3"],
    mark: "m3",
    anchor: "m3",
    entries: [],
    want: { complete: true, versions: [], mark: "m3" },
  },
  {
    title: "nothing behind, and the log evicted",
    head: ["3", "m3"],
    mark: "m3",
    entries: [],
    want: { complete: true, versions: [], mark: "m3" },
  },
  {
    title: "another entry under the asked version",
    head: ["5", "m5"],
    mark: "other",
    anchor: "m3",
    entries: [entry("4-0", "m4")],
    want: { complete: false, versions: [] },
  },
  {
    title: "another head under the asked version",
    head: ["3", "m3"],
    mark: "other",
    entries: [],
    want: { complete: false, versions: [] },
  },
  {
    title: "the asked entry was cut off, its mark is known",
    head: ["5", "m5"],
    mark: "m3",
    entries: [entry("4-0", "m4"), entry("5-0", "m5")],
    want: { complete: false, versions: [] },
  },
  {
    title: "the asked entry was cut off, no mark",
    head: ["5", "m5"],
    entries: [entry("4-0", "m4"), entry("5-0", "m5")],
    want: { complete: true, versions: [4, 5], mark: "m5" },
  },
  {
    title: "a hole behind the asked entry",
    head: ["5", "m5"],
    mark: "m3",
    anchor: "m3",
    entries: [entry("5-0", "m5")],
    want: { complete: false, versions: [] },
  },
  {
    title: "a log that is behind",
    head: ["2", "m2"],
    entries: [],
    want: { complete: false, versions: [] },
  },
  {
    title: "an entry with an id that is not ours",
    head: ["5", "m5"],
    mark: "m3",
    anchor: "m3",
    entries: [entry("4-1", "m4"), entry("5-0", "m5")],
    want: { complete: false, versions: [] },
  },
];

for (const { title, anchor = "", entries, head, mark, want } of PAGES) {
  test(`a page of changes: ${title}`, () => {
    const reply = ["e", ...head, anchor, entries];
    const read = readPage(reply, { version: 3, mark }, () => assert.fail("nothing is skipped"));
    assert.ok(read.ok);
    const { complete, changes, epoch } = read.value;
    const got = { complete, versions: changes.map((it) => it.version) };
    assert.deepEqual(read.value.mark === undefined ? got : { ...got, mark: read.value.mark }, want);
    assert.deepEqual([epoch, read.value.head], ["e", Number(head[0])]);
  });
}

function reason(result: { readonly ok: boolean; readonly error?: string }): string {
  assert.equal(result.ok, false);
  return result.error ?? "";
}
