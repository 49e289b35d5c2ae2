import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { type RuleInput, ruleSchema } from "../../../common/config/rule.ts";
import { reachOf } from "../../../common/config/rule-reach.ts";
import { anyRequest, anyRule, naivelyMatches } from "./rule-cases.ts";

function reachOfLast(...inputs: readonly RuleInput["match"][]) {
  const rules = inputs.map((match) => ruleSchema.parse({ match }));
  return reachOf(rules, rules.length - 1);
}

describe("a rule that can never match", () => {
  const shadowed: readonly (readonly [readonly RuleInput["match"][], number | undefined])[] = [
    [["/a/*", "/a/*"], 0],
    [["/*", "/a/*"], 0],
    [["/x", "/*.css", "/a/*.css"], 1],
    [["/*a*", "/*ba*"], 0],
    [["/a/*", { path: "/a/*", cookie: { s: true } }], 0],
    [[{ extension: ["css", "js"] }, "/a/*.css"], 0],
    [["/*.css", { path: "/a/*", extension: "css" }], 0],
    [["/*.css", "/*.js", { path: "/a/*", extension: ["css", "js"] }], undefined],
    [[{ method: ["GET", "POST"] }, { method: "POST", path: "/a" }], 0],
    [[{ query: { a: true } }, { query: { a: "1" } }], 0],
    [[{ query: { a: "1*" } }, { query: { a: ["1", "12"] } }], 0],
    [[{ query: { a: true } }, { query: { a: false } }, "/b"], undefined],
    [
      [
        { cookie: { a: true } },
        { cookie: { a: false }, header: { b: true } },
        { cookie: { a: false }, header: { b: false } },
        "/",
      ],
      undefined,
    ],
    [[{ header: { a: ["1", "2"] } }, { header: { A: "2" } }], 0],
  ];
  for (const [matches, by] of shadowed) {
    it(JSON.stringify(matches), () => {
      assert.deepEqual(reachOfLast(...matches), { kind: "shadowed", by });
    });
  }

  for (const match of [
    { path: "/a.js", extension: "css" },
    { path: "/*.js", extension: ["css", "png"] },
    { path: "/a", extension: "a" },
  ]) {
    it(`contradicts itself: ${JSON.stringify(match)}`, () => {
      assert.deepEqual(reachOfLast(match), { kind: "contradictory" });
    });
  }

  const reachable: readonly (readonly RuleInput["match"][])[] = [
    ["/a/*"],
    ["/a/*", "/*"],
    ["/a/*", "/a"],
    ["/*a*b*", "/*b*a*"],
    [{ path: "/a/*", cookie: { s: true } }, "/a/*"],
    [{ extension: ["css"] }, { path: "/a/*", extension: ["css", "js"] }],
    [{ path: "/*ss", extension: "css" }],
    [{ query: { a: true } }, { query: { a: false } }],
    [{ query: { a: "1" } }, { query: { a: ["1", "2"] } }],
    [{ host: "a.example" }, { host: "b.example" }, "/*"],
    [{ query: { a: true, b: true } }, { query: { a: true } }],
    [{ query: { "a b": true } }, { query: { "a b": false, c: true } }],
  ];
  for (const matches of reachable) {
    it(`is not this one: ${JSON.stringify(matches)}`, () => {
      assert.equal(reachOfLast(...matches).kind, "reachable");
    });
  }

  it("is found exactly: a witness for each that can, no request for each that cannot", () => {
    const rules = fc.array(anyRule, { minLength: 1, maxLength: 4 });
    const property = fc.property(rules, anyRequest, (list, request) => {
      const first = list.findIndex((rule) => naivelyMatches(rule, request));
      for (const index of list.keys()) {
        const reach = reachOf(list, index);
        if (reach.kind === "reachable") {
          const winner = list.findIndex((rule) =>
            naivelyMatches(rule, decodedQuery(reach.witness)),
          );
          assert.equal(winner, index);
        } else assert.notEqual(first, index);
      }
    });
    fc.assert(property, { numRuns: 3_000 });
  });

  it("takes no time that somebody would notice to look for", () => {
    const names = Array.from({ length: 14 }, (_, i) => `c${i}`);
    const rules = names.flatMap((name, i) =>
      names
        .slice(i + 1)
        .map((other) => ruleSchema.parse({ match: { cookie: { [name]: true, [other]: false } } })),
    );
    rules.push(ruleSchema.parse({ match: "/x" }));
    const start = process.cpuUsage().user;
    assert.equal(reachOf(rules, rules.length - 1).kind, "reachable");
    assert.ok(process.cpuUsage().user - start < 2_000_000);
  });
});

/** The naive matcher takes queries as they stand. */
function decodedQuery<T extends { readonly query: string | undefined }>(request: T): T {
  const { query } = request;
  return query === undefined ? request : { ...request, query: decodeURIComponent(query) };
}
