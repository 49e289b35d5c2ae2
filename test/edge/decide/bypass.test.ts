import assert from "node:assert/strict";
import { test } from "node:test";
import { bypassReason } from "../../../edge/decide/bypass.ts";
import type { FieldLines } from "../../../edge/http/fields.ts";

const RULES = {
  none: undefined,
  caches: { match: "/*", cache: true },
  bypasses: { match: "/*", cache: false },
};

const CASES: readonly (readonly [string, keyof typeof RULES, FieldLines, string | undefined])[] = [
  ["GET", "none", [], undefined],
  ["HEAD", "caches", [["host", "a.test"]], undefined],
  ["POST", "none", [], "method"],
  ["PURGE", "bypasses", [], "method"],
  ["GET", "bypasses", [], "rule"],
  ["GET", "none", [["content-length", "0"]], undefined],
  ["GET", "none", [["content-length", "1"]], "request-body"],
  ["GET", "caches", [["transfer-encoding", "chunked"]], "request-body"],
];

for (const [method, rule, fields, expected] of CASES) {
  const what = `${method} with ${JSON.stringify(fields)} and rule ${rule}`;
  test(`RFC 9112 s.6.3: ${what}: ${expected ?? "the cache's"}`, () => {
    assert.equal(bypassReason(method, RULES[rule], fields), expected);
  });
}

test("RFC 9111 s.5.2.1.5: a client's no-store counts only where the site honours it", () => {
  const fields: FieldLines = [["cache-control", "no-store"]];
  assert.equal(bypassReason("GET", undefined, fields), undefined);
  assert.equal(bypassReason("GET", undefined, fields, "ignore"), undefined);
  assert.equal(bypassReason("GET", undefined, fields, "honour"), "request-no-store");
  assert.equal(bypassReason("POST", undefined, fields, "honour"), "method");
});
