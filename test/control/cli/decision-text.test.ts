import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatHttpDecision } from "../../../control/cli/decision-text.ts";

const ASKED = {
  edge: "syd-1",
  url: "http://a.example/x",
  method: "GET",
  state: { status: "current", version: 7 },
};

describe("what an edge would do, for people", () => {
  it("a stale object under a rule", () => {
    const text = formatHttpDecision({
      ...ASKED,
      site: "shop",
      rule: { match: "/x*" },
      ruleText: "/x*: fresh for 2s",
      key: "shop a.example/x",
      stored: [
        { status: 200, bytes: 12, ageSeconds: 9.5, ttlSeconds: -7.5, varyOn: [["accept", "a"]] },
        {
          status: 404,
          bytes: 3,
          ageSeconds: 1,
          ttlSeconds: 5,
          varyOn: [],
          encoding: { eligible: false, reason: "status" },
        },
        {
          status: 200,
          bytes: 9_000,
          ageSeconds: 1,
          ttlSeconds: 5,
          varyOn: [],
          encoding: { eligible: true, forms: { zstd: 0, gzip: 900 }, serve: "gzip" },
        },
        {
          status: 200,
          bytes: 9,
          ageSeconds: 1,
          ttlSeconds: 5,
          varyOn: [],
          encoding: { eligible: false, reason: "off" },
          slices: { bytes: 2, count: 2, inMemory: 1 },
        },
      ],
      decision: { kind: "revalidate", index: 0, reason: "stale" },
      fillUnderWay: true,
      coalesced: true,
    });
    assert.equal(
      text,
      [
        "  asked   GET http://a.example/x",
        "  site    shop",
        "  rule    /x*: fresh for 2s",
        "  key     shop a.example/x",
        "  stored  200, 12 bytes, age 9 s, stale for 7 s, varies on accept",
        "  stored  404, 3 bytes, age 1 s, fresh for 5 s; not encoded, because: status",
        "  stored  200, 9000 bytes, age 1 s, fresh for 5 s; encoded: zstd in vain, gzip 900 bytes",
        "  stored  200, 9 bytes, 1 of 2 slices in memory, age 1 s, fresh for 5 s",
        "  would   ask the origin whether what is stored is still right, because: stale; with those" +
          " who do so already",
        "  state   current, version 7",
        "",
      ].join("\n"),
    );
  });

  it("a host that nobody has", () => {
    const decision = { kind: "reject", reason: "unknown-site" };
    const text = formatHttpDecision({ ...ASKED, decision });
    assert.match(text, /site +none\n +would +reject, because: unknown-site\n/);
  });

  it("a shape that is not known is shown as it is", () => {
    assert.equal(formatHttpDecision({ a: [1] }), "  a:\n    - 1\n");
  });
});
