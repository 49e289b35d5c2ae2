import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseRedisUrl } from "../../common/redis-url.ts";

describe("a URL of Redis", () => {
  const good: readonly (readonly [string, object])[] = [
    ["redis://h:1/2", { kind: "server", url: "redis://h:1/2" }],
    ["rediss://u:p@h", { kind: "server", url: "rediss://u:p@h" }],
    [
      "redis+sentinel://a,b:5,[::1]:6/main",
      {
        kind: "sentinel",
        name: "main",
        seeds: [
          { host: "a", port: 26_379 },
          { host: "b", port: 5 },
          { host: "::1", port: 6 },
        ],
        tls: false,
        database: 0,
      },
    ],
    [
      "rediss+sentinel://us%40er:p%3Aw@a/main/3?sentinelPassword=x%26y",
      {
        kind: "sentinel",
        name: "main",
        seeds: [{ host: "a", port: 26_379 }],
        tls: true,
        database: 3,
        username: "us@er",
        password: "p:w",
        sentinelPassword: "x&y",
      },
    ],
    [
      "redis+cluster://:secret@10.0.0.1:7000,10.0.0.2",
      {
        kind: "cluster",
        seeds: [
          { host: "10.0.0.1", port: 7_000 },
          { host: "10.0.0.2", port: 6_379 },
        ],
        tls: false,
        database: 0,
        password: "secret",
      },
    ],
  ];
  for (const [url, target] of good) {
    test(`${url} means what it says`, () => {
      assert.deepEqual(parseRedisUrl(url), { ok: true, value: target });
    });
  }

  const bad: readonly (readonly [string, RegExp])[] = [
    ["redis://", /not a URL/],
    ["redis+sentinel://a,b", /name of the master/],
    ["redis+sentinel://", /must look like/],
    ["redis+cluster://a/name", /no name/],
    ["redis+cluster://a,,b", /hosts with ports/],
    ["redis+cluster://a:0", /hosts with ports/],
    ["redis+cluster://a:70000", /hosts with ports/],
    ["redis+other://a", /must look like/],
  ];
  for (const [url, reason] of bad) {
    test(`${url} is refused`, () => {
      const target = parseRedisUrl(url);
      assert.ok(!target.ok);
      assert.match(target.error, reason);
    });
  }
});
