import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { TOGETHER_BYTES_MAX, WritePace } from "../../../edge/serve/write-pace.ts";

suite("how much is written at once", () => {
  test("twice as much each time that the client was quick, up to the limit", () => {
    let now = 0;
    const pace = new WritePace(() => now);
    const seen: number[] = [];
    for (let i = 0; i < 5; i += 1) {
      seen.push(pace.bytesMax);
      pace.written();
      now += 19;
      pace.taken();
    }
    assert.deepEqual(seen, [0, 131_072, 262_144, TOGETHER_BYTES_MAX, TOGETHER_BYTES_MAX]);
  });

  test("one piece at a time again for a client that was slow once", () => {
    let now = 0;
    const pace = new WritePace(() => now);
    pace.written();
    pace.taken();
    assert.equal(pace.bytesMax, 131_072);
    pace.written();
    now += 20;
    pace.taken();
    assert.equal(pace.bytesMax, 0);
  });
});
