import assert from "node:assert/strict";
import { test } from "node:test";
import { imposedLifetimeSeconds, negativeLifetimeSeconds } from "../../../edge/decide/imposed.ts";
import { judgeStorable } from "../../../edge/decide/storable.ts";
import { dateAt, lines, NOW } from "../build.ts";

const TABLE = { "404": 10_000, "4xx": 2_000, "503": 1_500, "5xx": 500 };

const CASES: readonly (readonly [
  status: number,
  fields: readonly string[],
  expected: number | undefined,
  replaces?: boolean,
])[] = [
  [404, [], 10],
  [404, [`Last-Modified: ${dateAt(-9_999)}`], 10],
  [410, [], 2],
  [503, [], 1.5],
  [500, [], 0.5],
  [200, [], undefined],
  [404, ["Cache-Control: max-age=3"], undefined],
  [404, [`Expires: ${dateAt(3)}`], undefined],
  [404, ["Expires: 0"], undefined],
  [404, [], 10, true],
  [503, [], undefined, true],
];

for (const [status, fields, expected, replaces = false] of CASES) {
  const title = `${status} with ${fields.join() || "nothing"}${replaces ? " over another" : ""}`;
  test(`a failure that states no lifetime: ${title} -> ${expected}`, () => {
    const answer = { status, fields: lines(...fields), receivedAt: NOW, replaces };
    assert.equal(negativeLifetimeSeconds(TABLE, answer), expected);
    assert.equal(negativeLifetimeSeconds(undefined, answer), undefined);
  });
}

test("the ttl of a rule goes before that of failures", () => {
  assert.equal(imposedLifetimeSeconds(undefined, 404, undefined), undefined);
  assert.equal(imposedLifetimeSeconds(undefined, 404, 5), 5);
  assert.equal(imposedLifetimeSeconds({ match: "/*", cache: true, ttl: 2_000 }, 404, 5), 2);
});

test("RFC 9111 s.3: a lifetime for failures stores them, but nothing that says no", () => {
  const judge = (fields: readonly string[], request: readonly string[] = []) => {
    const verdict = judgeStorable({
      method: "GET",
      requestFields: lines(...request),
      status: 503,
      fields: lines(...fields),
      profile: "rfc",
      rule: undefined,
      targetUri: "http://a.test/",
      receivedAt: NOW,
      negativeSeconds: 5,
    });
    return verdict.store ? "stored" : verdict.reason;
  };
  assert.equal(judge([]), "stored");
  assert.equal(judge(["Cache-Control: no-store"]), "no-store");
  assert.equal(judge(["Cache-Control: private"]), "private");
  assert.equal(judge(["Vary: *"]), "vary-star");
  assert.equal(judge([], ["Authorization: x"]), "authorization");
});

test("RFC 9111 s.5.2.1.5: a client's no-store keeps answers out only where it is honoured", () => {
  const exchange = {
    method: "GET",
    requestFields: lines("Cache-Control: no-store"),
    status: 200,
    fields: lines("Cache-Control: max-age=60"),
    profile: "rfc" as const,
    rule: undefined,
    targetUri: "http://a.test/",
    receivedAt: NOW,
  };
  assert.deepEqual(judgeStorable(exchange), { store: true });
  assert.deepEqual(judgeStorable({ ...exchange, bypass: "request-no-store" }), {
    store: false,
    reason: "request-no-store",
  });
});
