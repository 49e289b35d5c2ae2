import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { plainIssues } from "../../../common/config/issues.ts";
import { climbs, redirectTarget, rewrittenPath } from "../../../common/config/location.ts";
import { type RuleInput, ruleSchema } from "../../../common/config/rule.ts";
import { siteSchema } from "../../../common/config/site.ts";

function target(match: string, to: string, url: string, query = true): string | undefined {
  const [, host = "", path = "", text] = /^([^/]*)([^?]*)(?:\?(.*))?$/s.exec(url) ?? [];
  const rule = ruleSchema.parse({ match, redirect: { to, query } });
  return redirectTarget(rule, { host, path, query: text });
}

describe("a redirect", () => {
  for (const [match, to, url, expected] of [
    ["/*", "https://{host}{path}", "a.test/x/y?q=1", "https://a.test/x/y?q=1"],
    ["/old/*", "/new/{1}", "a.test/old/x?q", "/new/x?q"],
    ["/*/old/*.html", "/{2}?lang={1}", "a.test/de/old/x.html?q=1", "/x?lang=de&q=1"],
    ["/a", "http://b.test/", "a.test/a", "http://b.test/"],
    ["/a", "http://b.test/#top", "a.test/a?q=1", "http://b.test/?q=1#top"],
    ["/*", "{path}/", "a.test//evil.test", "/evil.test/"],
    ["/go/*", "/{1}", "a.test/go//evil.test", "/evil.test"],
    ["/go/*", "/{1}", "a.test/go/\\evil.test", "/%5Cevil.test"],
    ["/go/*", "/{1}", "a.test/go/%0d%0aX:1", "/%0d%0aX:1"],
    ["/go/*", "/{1}", "a.test/go/\r\nX: 1", "/%0D%0AX:%201"],
    ["/go/*", "/{1}", 'a.test/go/"<>\u00fc%', "/%22%3C%3E%C3%BC%25"],
    ["/go/*", "/{1}", 'a.test/go/x?q="<\\\r\n>', "/x?q=%22%3C%5C%0D%0A%3E"],
    ["/go/*", "/{1}", "a.test/go/{host}", "/%7Bhost%7D"],
  ] as const) {
    it(`${match} -> ${to} of ${JSON.stringify(url)}`, () => {
      assert.equal(target(match, to, url), expected);
    });
  }

  it("drops the query if it is told to", () => {
    assert.equal(target("/a", "/b?x", "a.test/a?q=1", false), "/b?x");
  });

  it("never leads to a host that a client chose, nor ends a header line", () => {
    const templates = fc.constantFrom(
      "/{1}",
      "{path}",
      "{path}/x",
      "/x/{1}{2}",
      "http://{host}{path}",
      "https://b.test/{2}",
    );
    const paths = fc
      .string({ unit: "binary-ascii", maxLength: 20 })
      .map((text) => `/${text.replaceAll("?", "")}`);
    const property = fc.property(
      templates,
      paths,
      fc.string({ unit: "binary" }),
      (to, path, query) => {
        const rule = ruleSchema.parse({ match: "/*/*", redirect: { to } });
        const place = redirectTarget(rule, { host: "a.test", path, query }) ?? "";
        assert.match(place, /^[!-~]+$/);
        assert.doesNotMatch(place, /[\\"<>]/);
        const { host, pathname } = new URL(place, "http://a.test/");
        assert.equal(host, to.startsWith("https://b.test/") ? "b.test" : "a.test");
        assert.ok(pathname.startsWith("/"));
      },
    );
    fc.assert(property, { numRuns: 2_000 });
  });
});

describe("a rewrite", () => {
  for (const [match, rewrite, path, expected] of [
    ["/*", "/v2{path}", "/a/b", "/v2/a/b"],
    ["/assets/*", "/{1}", "/assets/x.css", "/x.css"],
    ["/a/*", "/{1}", "/a//x", "/x"],
    ["/a/*", "/b", "/a/x", "/b"],
  ] as const) {
    it(`${match} -> ${rewrite} of ${path}`, () => {
      const rule = ruleSchema.parse({ match, rewrite });
      assert.equal(rewrittenPath(rule, { host: "a.test", path, query: undefined }), expected);
    });
  }

  for (const [path, expected] of [
    ["/a/../b", true],
    ["/a/..", true],
    ["/a/%2e%2E/b", true],
    ["/a/..%2fb", true],
    ["/a%5c..%5cb", true],
    ["/a/..;x/b", true],
    ["/a/%252e%252e/b", true],
    ["/a/./b", true],
    ["/a/..b/c..", false],
    ["/a/...", false],
    ["/a//b;c", false],
  ] as const) {
    it(`${path} ${expected ? "may climb out" : "stays inside"}`, () => {
      assert.equal(climbs(path), expected);
    });
  }
});

describe("rules that are refused", () => {
  const problems = (...rules: readonly RuleInput[]) => {
    const site = {
      name: "a",
      hosts: ["a.test", "www.a.test"],
      origin: { urls: ["http://127.0.0.1:1"] },
    };
    const parsed = siteSchema.safeParse({ ...site, rules });
    return parsed.success
      ? []
      : parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  };
  const to = (match: RuleInput["match"], place: string, status?: 301 | 303): RuleInput => ({
    match,
    redirect: { to: place, ...(status === undefined ? {} : { status }) },
  });
  const again = "redirect.to: sends clients to where this rule sends them again";
  const cases: readonly (readonly [readonly RuleInput[], string])[] = [
    [[to("/a", "/a")], `rules.0.${again}`],
    [[to("/a/*", "/a/b/{1}")], `rules.0.${again}`],
    [[to("/*", "http://{host}{path}")], `rules.0.${again}`],
    [[to("/*", "http://www.a.test{path}")], `rules.0.${again}`],
    [[to("/a", "/b"), to("/b", "/a")], `rules.0.${again}`],
    [
      [to("/x", "/a"), to("/a", "/a")],
      "rules.0.redirect.to: sends clients to rules[1], which sends them round for ever",
    ],
    [[to("/a", "//evil.test/")], "rules.0.redirect.to: must be a path, or http"],
    [[to("/a/*", "{1}")], "rules.0.redirect.to: must be a path, or http"],
    [[to("/a/*", "https://{1}/")], "rules.0.redirect.to: must be a path, or http"],
    [[to("/a/*", "https://b.test{1}")], "rules.0.redirect.to: must be a path, or http"],
    [[to("/a/*", "https://{host}.b.test/")], "rules.0.redirect.to: must be a path, or http"],
    [[to("/a/*", "javascript:alert(1)")], "rules.0.redirect.to: must be a path, or http"],
    [[to("/a/*", "/b\r\nX: 1")], "rules.0.redirect.to: must be visible ASCII"],
    [[to("/a/*", "/{2}")], "rules.0.redirect.to: {2}: the path of `match` has only 1 `*`"],
    [
      [to({ cookie: { a: true } }, "/{1}")],
      "rules.0.redirect.to: {1}: the path of `match` has no `*`",
    ],
    [[to("/a", "/{client}")], "rules.0.redirect.to: {client} stands for nothing"],
    [[{ match: "/a", rewrite: "//b" }], "rules.0.rewrite: must not start with two slashes"],
    [[{ match: "/a", rewrite: "/{host}" }], "rules.0.rewrite: {host} can only stand in"],
    [[{ match: "/a", rewrite: "/b?c" }], "rules.0.rewrite: must be a path"],
    [[{ ...to("/a", "/b"), ttl: "1s" }], "rules.0.ttl: has no meaning where `redirect` answers"],
    [
      [{ match: "/a", cache: false, override: ["private"] }],
      "rules.0.override: has no meaning where",
    ],
    [
      [{ match: "/a", clientTtl: "1s", responseHeaders: { set: { "Cache-Control": "x" } } }],
      "rules.0.clientTtl: says what `responseHeaders` says",
    ],
    [[{ match: "/a", ttl: { "99": "1s" } }], "rules.0.ttl"],
  ];
  for (const [rules, expected] of cases) {
    it(JSON.stringify(rules), () => {
      assert.ok(problems(...rules)[0]?.startsWith(expected), problems(...rules).join("\n"));
    });
  }

  it("are not those that lead to an end", () => {
    assert.deepEqual(
      problems(
        to({ path: "/*", host: "a.test" }, "http://www.a.test{path}", 301),
        to("/old/*", "/new/{1}"),
        to("/new/a", "/b"),
        to("/s", "https://{host}/s"),
        to("/elsewhere", "http://b.test/elsewhere"),
        to({ path: "/form", method: "POST" }, "/form", 303),
      ),
      [],
    );
  });

  for (const [edits, expected] of [
    [{ requestHeaders: { set: { Host: "x" } } }, '"Host" is set by `origin.host`'],
    [{ requestHeaders: { set: { Connection: "x" } } }, '"Connection" is about one connection'],
    [{ requestHeaders: { set: { Via: "x" } } }, '"Via" is written by the edge itself'],
    [{ requestHeaders: { set: { X_Forwarded_For: "x" } } }, '"X_Forwarded_For" is written by'],
    [{ requestHeaders: { add: { Range: "x" } } }, '"Range" is answered by the edge itself'],
    [{ requestHeaders: { set: { "a b": "x" } } }, '"a b" is not a field name'],
    [{ requestHeaders: { set: { a: "x\r\nb: y" } } }, "must be printable ASCII"],
    [{ requestHeaders: { set: { a: "x" }, remove: ["A"] } }, 'says two things about "a"'],
    [{ requestHeaders: {} }, "changes nothing: leave it out"],
    [{ responseHeaders: { set: { "Content-Length": "1" } } }, '"Content-Length" is written by'],
    [{ responseHeaders: { remove: ["Transfer-Encoding"] } }, "is about one connection"],
    [{ responseHeaders: { set: { Age: "1" } } }, '"Age" is written by the edge itself'],
    [
      { responseHeaders: { add: { "Surrogate-Key": "a" } } },
      '"Surrogate-Key" goes from tier to tier',
    ],
    [{ responseHeaders: { remove: ["Vary"] } }, "Vary can only be added to"],
  ] as const) {
    it(JSON.stringify(edits), () => {
      const parsed = ruleSchema.safeParse({ match: "/a", ...edits });
      assert.equal(parsed.success, false);
      const text = plainIssues(parsed.error?.issues ?? []).map(({ message }) => message);
      assert.ok(text[0]?.startsWith(expected), text.join("\n"));
    });
  }
});
