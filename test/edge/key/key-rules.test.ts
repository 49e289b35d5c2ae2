import assert from "node:assert/strict";
import { suite, test } from "node:test";
import * as fc from "fast-check";
import type { RuleInput } from "../../../common/config/rule.ts";
import { type SiteInput, siteSchema } from "../../../common/config/site.ts";
import { deriveRequest } from "../../../edge/key/derive.ts";
import { compileQueryRules, keyTarget } from "../../../edge/key/query.ts";
import { keyFingerprint, keysOfPrefix, keysOfUrl } from "../../../edge/key/url-keys.ts";
import { lines } from "../build.ts";

type Key = NonNullable<SiteInput["key"]>;

function aSite(others: Partial<SiteInput> = {}) {
  return siteSchema.parse({
    name: "shop",
    hosts: ["www.shop.example", "shop.example"],
    origin: { urls: ["http://127.0.0.1:9000"] },
    ...others,
  });
}

function derived(site: Partial<SiteInput>, target: string, ...fields: readonly string[]) {
  const request = { method: "GET", host: "shop.example", target, fields: lines(...fields) };
  return deriveRequest(aSite(site), request);
}

suite("key rules: the query", () => {
  const cases: readonly (readonly [Key["query"], string, string])[] = [
    ["all", "/a?b&&c=1", "/a?b&&c=1"],
    ["none", "/a?b=1", "/a"],
    ["none", "/a?", "/a"],
    [{ ignore: ["utm_*", "fbclid"] }, "/a?utm_source=x&b=1&fbclid=2&utm=3", "/a?b=1&utm=3"],
    [{ ignore: ["utm_*"] }, "/a?utm_source=x", "/a"],
    [{ ignore: ["b"] }, "/a", "/a"],
    [{ ignore: ["a b"] }, "/a?a+b=1&a%20b=2&a=3", "/a?a=3"],
    [{ pick: ["b", "c*"] }, "/a?c2=1&a=1&b=%20&b=2", "/a?c2=1&b=%20&b=2"],
    [{ pick: ["b"] }, "/a?B=1&xb=1&b2=1", "/a"],
    [{ pick: ["b"] }, "/a?b=1;c=2", "/a?b=1;c=2"],
    [{ sort: true }, "/a?c=1&a=2&b&a=1", "/a?a=2&a=1&b&c=1"],
    [{ pick: ["a", "b"], sort: true }, "/a?c=1&b=1&a=2", "/a?a=2&b=1"],
  ];
  for (const [query, target, expected] of cases) {
    test(`${JSON.stringify(query)} of ${target}`, () => {
      assert.equal(keyTarget(target, compileQueryRules(query)), expected);
      assert.equal(derived({ key: { query } }, target).key, `shop shop.example${expected}`);
      assert.equal(
        derived({ key: { query } }, target).target,
        expected,
        "what the origin is asked",
      );
    });
  }
});

suite("key rules: cookies, fields and hosts", () => {
  test("chosen values are in the key, and are what the origin gets", () => {
    const key: Key = {
      cookies: { currency: ["EUR", "USD"], theme: true },
      headers: { "X-Tier": true },
    };
    const all = derived(
      { key },
      "/a",
      "Cookie: id=1; currency=EUR; theme=dark; currency=USD",
      "X-Tier: gold",
      "X_Tier: lead",
      "Accept: x",
    );
    assert.equal(
      all.key,
      "shop shop.example/a cookie:currency=EUR cookie:theme=dark header:x-tier=gold",
    );
    assert.equal(all.base, "shop shop.example/a");
    assert.deepEqual(all.fields, [
      ["accept", "x"],
      ["cookie", "currency=EUR; theme=dark"],
      ["x-tier", "gold"],
    ]);
    const none = derived({ key }, "/a", "Cookie: id=1; currency=JPY");
    assert.equal(none.key, "shop shop.example/a cookie:currency cookie:theme header:x-tier");
    assert.deepEqual(none.fields, []);
  });

  test("an empty value is not an absent one", () => {
    const key: Key = { headers: { "x-tier": true } };
    assert.equal(derived({ key }, "/", "X-Tier:").key, "shop shop.example/ header:x-tier=");
    assert.equal(derived({ key }, "/").key, "shop shop.example/ header:x-tier");
  });

  test("all hosts of a site share one key, and the origin is asked for one of them", () => {
    const one = derived({ key: { host: false } }, "/a");
    assert.equal(one.key, "shop www.shop.example/a");
    assert.equal(one.host, "www.shop.example");
  });

  test("what goes past the cache keeps its query, its cookies and its host", () => {
    const site: Partial<SiteInput> = {
      key: { host: false, query: "none", cookies: { a: true } },
      rules: [{ match: "/account/*", cache: false }],
    };
    const passed = derived(site, "/account/%61?b=1", "Cookie: id=1");
    assert.equal(passed.bypass, "rule");
    assert.equal(passed.target, "/account/%61?b=1");
    assert.equal(passed.host, "shop.example");
    assert.deepEqual(passed.fields, [["cookie", "id=1"]]);
  });

  test("a value that is longer than keys hold makes the request go past the cache", () => {
    const key: Key = { cookies: { a: true } };
    assert.equal(derived({ key }, "/", `Cookie: a=${"x".repeat(256)}`).bypass, undefined);
    const long = derived({ key }, "/", `Cookie: a=${"x".repeat(257)}; b=1`);
    assert.equal(long.bypass, "key-too-long");
    assert.match(long.fields[0]?.[1] ?? "", /; b=1$/, "and it goes on as it was");
  });

  test("a part of a rule's key replaces that of the site, and leaves the others", () => {
    const site: Partial<SiteInput> = {
      key: { query: "none", cookies: { a: true } },
      rules: [{ match: "/search", key: { query: { pick: ["q"] } } }],
    };
    assert.equal(derived(site, "/search?q=1&r=2").key, "shop shop.example/search?q=1 cookie:a");
    assert.equal(derived(site, "/other?q=1").key, "shop shop.example/other cookie:a");
  });

  test("what a rule asks of fields and cookies keeps its objects from everybody else", () => {
    const site: Partial<SiteInput> = {
      rules: [
        { match: { header: { "x-beta": ["1"] } }, ttl: "1h" },
        { match: { cookie: { lang: false } }, ttl: "1m" },
      ],
    };
    assert.equal(derived(site, "/", "X-Beta: 1").key, "shop shop.example/ if-header:x-beta=1");
    assert.equal(derived(site, "/", "X-Beta: 2").key, "shop shop.example/ if-!cookie:lang");
    assert.equal(derived(site, "/", "Cookie: lang=de").key, "shop shop.example/");
  });

  test("two requests with one key are answered by one rule, and ask the origin for the same", () => {
    const texts = fc.stringMatching(/^[ -~]{0,6}$/).map((text) => text.replaceAll(";", "").trim());
    const name = fc.constantFrom("a", "b");
    const fields = fc.record({
      cookie: fc.dictionary(name, texts),
      header: fc.dictionary(name, texts),
    });
    const request = fc.record({ fields, query: fc.constantFrom("", "?a=1", "?b=1", "?a=1&b=2") });
    const values = fc.oneof(fc.constant(true as const), fc.constantFrom(["1"], ["", "x"]));
    const parts = fc.option(fc.dictionary(name, values, { minKeys: 1 }), { nil: undefined });
    const query = fc.constantFrom<Key["query"]>("all", "none", { ignore: ["a"] }, { pick: ["a"] });
    const wish = fc.constantFrom<boolean | string[]>(true, false, ["1"], ["x*"]);
    const match = fc.record(
      {
        query: fc.dictionary(name, wish, { minKeys: 1 }),
        header: fc.dictionary(name, wish, { minKeys: 1 }),
        cookie: fc.dictionary(name, wish, { minKeys: 1 }),
      },
      { requiredKeys: [] },
    );
    const property = fc.property(
      fc.record({ query, cookies: parts, headers: parts }),
      fc.array(match, { maxLength: 2 }),
      fc.tuple(request, request),
      (key, matches, requests) => {
        const parsed = siteSchema.safeParse({
          name: "shop",
          hosts: ["shop.example"],
          origin: { urls: ["http://127.0.0.1:9000"] },
          key: JSON.parse(JSON.stringify(key)),
          rules: matches.map((one) => ({ match: one })),
        });
        if (!parsed.success) return;
        const [one, two] = requests.map(({ fields: { cookie, header }, query: text }) => {
          const pairs = Object.entries(cookie).map(([n, value]) => `${n}=${value}`);
          return deriveRequest(parsed.data, {
            method: "GET",
            host: "shop.example",
            target: `/${text}`,
            fields: [
              ...Object.entries(header),
              ...(pairs.length === 0 ? [] : [["cookie", pairs.join("; ")] as const]),
            ],
          });
        });
        if (one?.key !== two?.key) return;
        assert.equal(one?.rule, two?.rule);
        assert.equal(one?.target, two?.target);
        const concerned = ({ fields: all = [] }: Partial<ReturnType<typeof deriveRequest>> = {}) =>
          all.filter(([n]) =>
            n === "cookie" ? key.cookies !== undefined : key.headers?.[n] !== undefined,
          );
        assert.deepEqual(concerned(one), concerned(two));
      },
    );
    fc.assert(property, { numRuns: 3_000 });
  });
});

suite("key rules: what a purge names", () => {
  const rules: RuleInput[] = [
    { match: { path: "/a/*", cookie: { beta: true } }, key: { query: "none" } },
    { match: "/a/*", key: { query: { ignore: ["utm_*"] } } },
    { match: { path: "/b/*", host: "www.shop.example" }, key: { headers: { "x-tier": true } } },
    { match: { path: "/c/*", query: { page: true } }, key: { query: { pick: ["page"] } } },
  ];
  const site = aSite({ rules });
  const base = "shop shop.example";
  for (const [url, keys, prefixes] of [
    ["http://shop.example/x?q", [`${base}/x?q`], []],
    ["http://shop.example/a/x?q=1&utm_a=1", [`${base}/a/x`, `${base}/a/x?q=1`], [`${base}/a/x `]],
    ["http://shop.example/b/x", [`${base}/b/x`], []],
    ["http://www.shop.example/b/x", ["shop www.shop.example/b/x"], ["shop www.shop.example/b/x "]],
    ["http://shop.example/c/x?page=1&q=2", [`${base}/c/x?page=1`], [`${base}/c/x?page=1 `]],
    ["http://shop.example/c/x?q=2", [`${base}/c/x?q=2`], []],
  ] as const) {
    test(url, () => {
      // Those of requests that came over TLS stand beside them.
      const both = keys.flatMap((key) => [key, `${key} https`]);
      assert.deepEqual(keysOfUrl(site, url), { keys: both, prefixes });
      const secured = url.replace("http:", "https:");
      assert.deepEqual(keysOfUrl(site, secured), { keys: both, prefixes });
    });
  }

  test("a path that may be taken for another one is found whatever it is taken for", () => {
    const named = keysOfUrl(site, "http://shop.example/x/..%2fa/y?q&utm_a");
    const expected = [`${base}/x/..%2Fa/y?q&utm_a`, `${base}/x/..%2Fa/y`, `${base}/x/..%2Fa/y?q`];
    assert.deepEqual(
      named?.keys.filter((key) => !key.endsWith(" https")),
      expected,
    );
  });

  test("what is no absolute URL names nothing", () => {
    for (const text of ["/a", "ftp://shop.example/", "http://", ""]) {
      assert.equal(keysOfUrl(site, text), undefined);
      assert.equal(keysOfPrefix(site, text), undefined);
    }
  });

  test("a purge of a URL, or of what it begins with, finds what any request for it would", () => {
    const targets = fc.constantFrom(
      "/a/x",
      "/a/x?q=1",
      "/a/x?utm_a=1&q=1",
      "/b/x?q",
      "/c/x?page=1&q",
      "/%61/x",
      "/x/../a/x?q=1",
    );
    const fields = fc
      .subarray(["Cookie: beta=1", "X-Tier: 1", "Accept: x"])
      .map((texts) => lines(...texts));
    const hosts = fc.constantFrom("shop.example", "www.shop.example", "SHOP.example:80");
    const shared = fc.boolean();
    const schemes = fc.constantFrom("http" as const, "https" as const);
    const property = fc.property(
      targets,
      fields,
      hosts,
      fc.tuple(shared, schemes),
      fc.nat(),
      (target, some, host, [all, scheme], cut) => {
        const judged = aSite({ rules, ...(all ? { key: { host: false } } : {}) });
        const normal = host.toLowerCase().replace(":80", "");
        const { key } = deriveRequest(judged, {
          method: "GET",
          scheme,
          host: normal,
          target,
          fields: some,
        });
        const covers = (named: ReturnType<typeof keysOfUrl>) =>
          named?.keys.includes(key) === true ||
          named?.prefixes.some((prefix) => key.startsWith(prefix)) === true;
        const url = `http://${host}${target}`;
        assert.ok(covers(keysOfUrl(judged, url)), `${key} by ${url}`);
        const beginning = url.slice(0, `http://${host}/`.length + (cut % target.length));
        if (/%.?$/.test(beginning)) return;
        assert.ok(covers(keysOfPrefix(judged, beginning)), `${key} by ${beginning}`);
      },
    );
    fc.assert(property, { numRuns: 2_000 });
  });

  test("sites whose keys differ have fingerprints that differ; others do not", () => {
    const plain = keyFingerprint(aSite());
    assert.equal(keyFingerprint(aSite({ rules: [{ match: "/a/*", ttl: "1s" }] })), plain);
    assert.notEqual(keyFingerprint(site), plain);
    assert.notEqual(keyFingerprint(aSite({ key: { host: false } })), plain);
    assert.notEqual(keyFingerprint(aSite({ key: { query: { sort: true } } })), plain);
    assert.notEqual(keyFingerprint(site), keyFingerprint(aSite({ rules: rules.slice(1) })));
  });
});
