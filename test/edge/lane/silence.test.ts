import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { judgeSilence } from "../../../edge/lane/silence.ts";

const PATIENCE = { headMs: 10_000, idleMs: 60_000, keepAliveMs: 66_000 };

suite("connections in the fast lane that say nothing", () => {
  for (const [title, hasServed, hasBegun, silentMs, sinceMs, verdict] of [
    ["a new one has time for its first head", false, false, 9_999, 9_999, "keep"],
    ["a new one that says nothing is told", false, false, 10_000, 10_000, "time-out"],
    ["a head that drips in is told", false, true, 1, 10_000, "time-out"],
    ["a head on its way is waited for", true, true, 9_999, 9_999, "keep"],
    ["the next head has as long as the first", true, true, 1, 10_000, "time-out"],
    ["between two requests there is more time", true, false, 65_999, 65_999, "keep"],
    ["but not for ever", true, false, 66_000, 66_000, "close"],
  ] as const) {
    test(title, () => {
      const now = 100_000;
      const connection = { hasServed, hasBegun, since: now - sinceMs, lastByteAt: now - silentMs };
      assert.equal(judgeSilence(connection, now, PATIENCE), verdict);
    });
  }

  test("where less silence is allowed than a head may take, silence counts", () => {
    const connection = { hasServed: false, hasBegun: true, since: 0, lastByteAt: 100 };
    assert.equal(judgeSilence(connection, 400, { ...PATIENCE, idleMs: 300 }), "close");
  });
});
