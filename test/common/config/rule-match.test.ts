import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { compileGlob, globCaptures } from "../../../common/config/glob.ts";
import { type RuleInput, ruleSchema } from "../../../common/config/rule.ts";
import {
  compileMatch,
  couldMatch,
  matches,
  parametersOf,
  type RequestFacts,
} from "../../../common/config/rule-match.ts";
import { anyRequest, anyRule, naivelyMatches } from "./rule-cases.ts";

it("reads a query once for all conditions, and another one anew", () => {
  const first = parametersOf("a=1&b");
  assert.deepEqual(first, [
    ["a", "1"],
    ["b", ""],
  ]);
  assert.equal(parametersOf("a=1&b"), first);
  assert.deepEqual(parametersOf("c"), [["c", ""]]);
  assert.deepEqual(parametersOf(undefined), []);
  assert.deepEqual(parametersOf("a=1&b"), first);
});

function request(target: string, ...lines: readonly string[]): RequestFacts {
  const [method = "GET", url = ""] = target.split(" ");
  const { hostname, pathname, search } = new URL(url, "http://shop.example");
  return {
    method,
    host: hostname,
    path: pathname,
    query: search === "" ? undefined : search.slice(1),
    fields: lines.map((line) => line.split(": ") as [string, string]),
  };
}

function isMatch(match: RuleInput["match"], facts: RequestFacts): boolean {
  return matches(compileMatch(ruleSchema.parse({ match })), facts);
}

describe("a rule matches by", () => {
  const cases: readonly (readonly [RuleInput["match"], RequestFacts, boolean])[] = [
    ["/a/*", request("GET /a/b"), true],
    [{ path: "/a/*" }, request("GET /b"), false],
    [{ method: "POST" }, request("POST /"), true],
    [{ method: ["POST", "PUT"] }, request("GET /"), false],
    [{ host: "WWW.Shop.example." }, request("GET http://www.shop.example/"), true],
    [{ host: "www.shop.example" }, request("GET /"), false],
    [{ extension: ["css", "js"] }, request("GET /a.b/style.CSS"), true],
    [{ extension: "css" }, request("GET /a.css/style"), false],
    [{ extension: "css" }, request("GET /style.css?x=.js"), true],
    [{ query: { a: true } }, request("GET /?b=1&a"), true],
    [{ query: { a: true } }, request("GET /?b=a"), false],
    [{ query: { a: false } }, request("GET /?a="), false],
    [{ query: { a: false } }, request("GET /"), true],
    [{ query: { a: "1" } }, request("GET /?a=2&a=1"), true],
    [{ query: { a: ["1*", "x"] } }, request("GET /?a=17"), true],
    [{ query: { "a b": "c&d" } }, request("GET /?a+b=c%26d"), true],
    [{ query: { a: "%" } }, request("GET /?a=%"), true],
    [{ header: { "X-Staff": true } }, request("GET /", "x-staff: "), true],
    [
      { header: { accept: "*json*" } },
      request("GET /", "accept: text/html", "accept: a/json"),
      true,
    ],
    [{ header: { accept: "*json*" } }, request("GET /"), false],
    [{ header: { accept: false } }, request("GET /", "accept: x"), false],
    [{ cookie: { session: true } }, request("GET /", "cookie: a=1; session=x"), true],
    [{ cookie: { session: true } }, request("GET /", "cookie: xsession=1"), false],
    [{ cookie: { session: "x" } }, request("GET /", "cookie: a=session=x"), false],
    [{ cookie: { b: "2" } }, request("GET /", "cookie: a=1", "cookie: b=2"), true],
    [{ path: "/a/*", method: "GET", query: { x: true } }, request("GET /a/?x"), true],
    [{ path: "/a/*", method: "GET", query: { x: true } }, request("HEAD /a/?x"), false],
  ];
  for (const [match, facts, expected] of cases) {
    const { method, path, query = "", fields } = facts;
    const shown = `${method} ${path} ${query} ${JSON.stringify(fields)}`;
    it(`${JSON.stringify(match)}: ${expected ? "" : "not "}${shown}`, () => {
      assert.equal(isMatch(match, facts), expected);
    });
  }

  it("what the sentences of the documentation say, for any rule and request", () => {
    const property = fc.property(anyRule, anyRequest, (rule, facts) => {
      assert.equal(matches(compileMatch(rule), facts), naivelyMatches(rule, facts));
    });
    fc.assert(property, { numRuns: 2_000 });
  });

  it("URL alone: certain and impossible hold for every request with that URL", () => {
    const property = fc.property(anyRule, anyRequest, (rule, facts) => {
      const verdict = couldMatch(compileMatch(rule), facts);
      if (naivelyMatches(rule, facts)) assert.notEqual(verdict, "no");
      else assert.notEqual(verdict, "certain");
    });
    fc.assert(property, { numRuns: 2_000 });
  });

  it("conditions that cost no more than the length of what a stranger sends", () => {
    const header = { "x-a": `${"*a".repeat(200)}*b` };
    const hostile = request("GET /", `x-a: ${"a".repeat(100_000)}`);
    const start = process.cpuUsage().user;
    assert.equal(isMatch({ header }, hostile), false);
    assert.ok(process.cpuUsage().user - start < 500_000);
  });
});

describe("captures of stars", () => {
  for (const [pattern, text, expected] of [
    ["/a", "/a", []],
    ["/a/*", "/a/b/c", ["b/c"]],
    ["/*/x/*", "/1/x/2/x/3", ["1", "2/x/3"]],
    ["/a/*.*", "/a/b.c.d", ["b", "c.d"]],
    ["/*", "/", [""]],
    ["/a*b", "/ab", [""]],
    ["/a/*", "/b", undefined],
  ] as const) {
    it(`${pattern} over ${text}`, () => {
      assert.deepEqual(globCaptures(compileGlob(pattern), text), expected);
    });
  }

  it("put back into their places give the text", () => {
    const pieces = fc.array(fc.constantFrom("a", "b", "*"), { maxLength: 6 });
    const texts = fc.array(fc.constantFrom("a", "b"), { maxLength: 10 });
    const property = fc.property(pieces, texts, (pattern, text) => {
      const captures = globCaptures(compileGlob(pattern.join("")), text.join(""));
      if (captures === undefined) return;
      let at = 0;
      const filled = pattern.map((piece) => (piece === "*" ? captures[at++] : piece));
      assert.equal(filled.join(""), text.join(""));
    });
    fc.assert(property);
  });
});
