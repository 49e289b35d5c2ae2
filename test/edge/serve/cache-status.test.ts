import assert from "node:assert/strict";
import { test } from "node:test";
import { parseList, Token } from "structured-headers";
import { type CacheStatus, cacheStatusMember } from "../../../edge/serve/cache-status.ts";

const CASES: readonly (readonly [CacheStatus, string])[] = [
  [{ kind: "made-here", detail: "redirect" }, 'syd-1; detail="redirect"'],
  [{ kind: "hit", ttlSeconds: 30 }, "syd-1; hit; ttl=30"],
  [{ kind: "hit", ttlSeconds: -4.5 }, "syd-1; hit; ttl=-5"],
  [{ kind: "hit", ttlSeconds: 0.5, key: "s h/" }, 'syd-1; hit; ttl=0; key="s h/"'],
  [{ kind: "forward", reason: "method" }, "syd-1; fwd=method"],
  [
    { kind: "forward", reason: "uri-miss", forwardStatus: 200, stored: true, ttlSeconds: 60 },
    "syd-1; fwd=uri-miss; fwd-status=200; stored; ttl=60",
  ],
  [
    { kind: "forward", reason: "vary-miss", stored: false, collapsed: true },
    "syd-1; fwd=vary-miss; collapsed",
  ],
  [
    { kind: "forward", reason: "stale", forwardStatus: 503, detail: 'a "b\\' },
    'syd-1; fwd=stale; fwd-status=503; detail="a \\"b\\\\"',
  ],
  [{ kind: "forward", reason: "bypass", collapsed: false, key: "\u00fc" }, "syd-1; fwd=bypass"],
];

for (const [status, expected] of CASES) {
  test(`RFC 9211 s.2: ${expected}`, () => {
    assert.equal(cacheStatusMember("syd-1", status), expected);
  });
}

test("RFC 9211 s.2: a library reads back what is written by hand", () => {
  for (const [status] of CASES) {
    for (const edge of ["syd-1", "1-syd"]) {
      const [[name, parameters], ...rest] = parseList(cacheStatusMember(edge, status)) as [
        [Token | string, Map<string, unknown>],
      ];
      assert.deepEqual(rest, []);
      assert.equal(String(name), edge);
      assert.equal(name instanceof Token, edge === "syd-1", "a token cannot begin with a digit");
      const hit = status.kind === "hit";
      assert.equal(parameters.get("hit"), hit ? true : undefined);
      assert.equal(
        parameters.has("fwd"),
        status.kind === "forward",
        "hit and fwd exclude each other",
      );
      const given = status.kind === "made-here" ? undefined : status.key;
      const key = given === "\u00fc" ? undefined : given;
      assert.equal(parameters.get("key"), key);
      assert.equal(parameters.get("detail"), status.detail);
    }
  }
});
