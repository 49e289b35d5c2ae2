import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { type RuleInput, ruleSchema } from "../../../common/config/rule.ts";
import { directivesOf } from "../../../edge/decide/facts.ts";
import { fieldsUnderRule, lifetimeMs } from "../../../edge/decide/rule-fields.ts";
import { judgeStorable } from "../../../edge/decide/storable.ts";
import { lines, NOW } from "../build.ts";

function aRule(others: Partial<RuleInput>) {
  return ruleSchema.parse({ match: "/*", ...others });
}

suite("lifetimes of a rule", () => {
  const table = { "200": 1, "404": 2, "4xx": 3, "5xx": 0 };
  for (const [lifetimes, status, expected] of [
    [undefined, 200, undefined],
    [7, 200, 7],
    [7, 404, 7],
    [7, 500, undefined],
    [table, 200, 1],
    [table, 206, undefined],
    [table, 404, 2],
    [table, 410, 3],
    [table, 503, 0],
  ] as const) {
    test(`${JSON.stringify(lifetimes)} for ${status}`, () => {
      assert.equal(lifetimeMs(lifetimes, status), expected);
    });
  }
});

suite("an answer under a rule", () => {
  const targeted = (rule: Partial<RuleInput>, ...texts: readonly string[]) =>
    fieldsUnderRule(lines(...texts), aRule(rule), NOW).find(
      ([name]) => name === "meridian-cache-control",
    )?.[1];
  const cases: readonly (readonly [Partial<RuleInput>, readonly string[], string | undefined])[] = [
    [{ ttl: "1h" }, ["Cache-Control: private"], undefined],
    [{ override: ["private"] }, ["Cache-Control: private, max-age=5"], "by-rule, max-age=5"],
    [{ override: ["private"] }, ["Cache-Control: private, no-store"], "by-rule, no-store"],
    [{ override: ["no-store"] }, ["Cache-Control: private, no-store"], "by-rule, private"],
    [{ override: ["no-cache"] }, ['Cache-Control: no-cache="a, b"'], "by-rule"],
    [{ override: ["private"] }, ['Cache-Control: no-cache="a, b"'], 'by-rule, no-cache="a, b"'],
    [
      { override: ["must-revalidate"] },
      ["Cache-Control: must-revalidate, proxy-revalidate, max-age=1"],
      "by-rule, max-age=1",
    ],
    [
      { override: ["private"] },
      ["Cache-Control: s-maxage=9, max-age=1, private"],
      "by-rule, max-age=9, public, proxy-revalidate",
    ],
    [
      { staleWhileRevalidate: "1m", staleIfError: "1h" },
      ["Cache-Control: s-maxage=9, stale-if-error=5"],
      "by-rule, max-age=9, stale-while-revalidate=60, stale-if-error=3600, public",
    ],
    [
      { staleIfError: "0s" },
      ["Cache-Control: must-revalidate, must-understand, max-age=1"],
      "by-rule, max-age=1, stale-if-error=0, must-revalidate, must-understand",
    ],
    [
      { staleIfError: "1s" },
      ["Meridian-Cache-Control: max-age=3", "Cache-Control: max-age=1"],
      "by-rule, max-age=3, stale-if-error=1",
    ],
    [
      { staleIfError: "1s" },
      [`Expires: ${new Date(NOW + 5_000).toUTCString()}`],
      "by-rule, max-age=5, stale-if-error=1",
    ],
    [{ staleIfError: "1s" }, [], "by-rule, stale-if-error=1"],
  ];
  for (const [rule, texts, expected] of cases) {
    test(`${JSON.stringify(rule)} of ${JSON.stringify(texts)}`, () => {
      assert.equal(targeted(rule, ...texts), expected);
    });
  }

  test("that says nothing about directives is the same list, and what browsers are told stays", () => {
    const fields = lines("Cache-Control: private");
    assert.equal(fieldsUnderRule(fields, aRule({ ttl: "1s", cache: true }), NOW), fields);
    assert.equal(fieldsUnderRule(fields, undefined, NOW), fields);
    const ruled = fieldsUnderRule(fields, aRule({ override: ["private"] }), NOW);
    assert.deepEqual(ruled[0], ["cache-control", "private"]);
    assert.equal(directivesOf(ruled).directives.private, false);
  });
});

suite("storing under a rule", () => {
  const judged = (
    rule: Partial<RuleInput>,
    {
      status = 200,
      request = [] as string[],
      response = [] as string[],
      setCookie = undefined as "strip" | "keep" | "refuse" | undefined,
      profile = "safe" as "safe" | "rfc",
    },
  ) => {
    const ruled = aRule(rule);
    const verdict = judgeStorable({
      method: "GET",
      requestFields: lines(...request),
      status,
      fields: fieldsUnderRule(lines(...response), ruled, NOW),
      profile,
      rule: ruled,
      setCookie,
      targetUri: "http://shop.example/",
      receivedAt: NOW,
    });
    return verdict.store ? "stored" : verdict.reason;
  };

  test("a lifetime never makes storable what is private, no-store or somebody's own", () => {
    for (const [response, request, reason] of [
      ["Cache-Control: private", [], "private"],
      ["Cache-Control: no-store", [], "no-store"],
      ["ETag: 1", ["Authorization: x"], "authorization"],
      ["Set-Cookie: a=1", [], "set-cookie"],
    ] as const) {
      for (const ttl of ["1h", { "200": "1h", "2xx": "1h" }]) {
        assert.equal(judged({ ttl }, { response: [response], request: [...request] }), reason);
      }
    }
  });

  test("an override does, each for what it names alone", () => {
    const response = ["Cache-Control: private, no-store"];
    assert.equal(judged({ ttl: "1h", override: ["private"] }, { response }), "no-store");
    assert.equal(judged({ ttl: "1h", override: ["no-store"] }, { response }), "private");
    assert.equal(judged({ ttl: "1h", override: ["no-store", "private"] }, { response }), "stored");
    const request = ["Authorization: x"];
    assert.equal(judged({ ttl: "1h", override: ["authorization"] }, { request }), "stored");
  });

  test("a status that a rule names is stored without the origin saying so", () => {
    assert.equal(judged({ ttl: "1h" }, { status: 403 }), "status");
    assert.equal(judged({ ttl: { "403": "1h" } }, { status: 403 }), "stored");
    assert.equal(judged({ ttl: { "5xx": "1s" } }, { status: 503 }), "stored");
    assert.equal(judged({ ttl: { "5xx": 0 } }, { status: 503 }), "not-reusable");
    assert.equal(
      judged({ ttl: { "404": 0 } }, { status: 404, response: ["Cache-Control: max-age=9"] }),
      "not-reusable",
    );
  });

  test("Set-Cookie: by the profile, or as the site says", () => {
    const response = ["Set-Cookie: a=1", "Cache-Control: max-age=9"];
    assert.equal(judged({}, { response }), "set-cookie");
    assert.equal(judged({}, { response, profile: "rfc" }), "stored");
    assert.equal(judged({}, { response, profile: "rfc", setCookie: "refuse" }), "set-cookie");
    assert.equal(judged({}, { response, setCookie: "keep" }), "stored");
    assert.equal(judged({}, { response, setCookie: "strip" }), "set-cookie", "until it is gone");
  });
});
