import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { hitHead } from "../../../edge/serve/hit-head.ts";
import { clientResponseFields } from "../../../edge/serve/response-fields.ts";
import { aStored } from "../build.ts";

suite("the head of a hit", () => {
  const STORED = [
    aStored(["content-type: text/plain", "cache-control: max-age=60"]),
    aStored(["age: 5", "via: 1.1 upstream", "cache-status: upstream; hit", "x: a", "x: b"]),
    aStored(["connection: y", "y: 1", "surrogate-key: a", "set-cookie: a=1", "set-cookie: b=2"]),
    aStored([], { status: 404 }),
  ];
  for (const [number, stored] of STORED.entries()) {
    test(`it is what the general rules give, however often it is used (${number})`, () => {
      for (const [edge, ageSeconds, ttlSeconds] of [
        ["syd-1", 0, 60],
        ["syd-1", 59, 1],
        ["fra-1", 70, -10],
      ] as const) {
        const expected = clientResponseFields({
          fields: stored.fields,
          edge,
          status: stored.status,
          cacheStatus: { kind: "hit", ttlSeconds },
          ageSeconds,
        });
        assert.deepEqual(hitHead(stored, edge, { ageSeconds, ttlSeconds }), expected.flat());
      }
    });
  }
});
