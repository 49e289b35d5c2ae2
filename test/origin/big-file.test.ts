import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { assert as assertProperty, nat, property } from "fast-check";
import { BIG_FILE_BYTES, bigFileBytes } from "../../origin/big-file.ts";

test("the generated file is the same for ever", () => {
  const digest = createHash("sha256")
    .update(bigFileBytes(0, BIG_FILE_BYTES - 1))
    .digest("hex");
  assert.equal(digest, "166b5818c233c3d79c0f55c4cb4ee771ef5c117f5506d0528d3c474a44cd1852");
});

test("a piece equals the same place in any larger piece", () => {
  const whole = bigFileBytes(0, 4095);
  assertProperty(
    property(nat(4095), nat(4095), (a, b) => {
      const [first, last] = [Math.min(a, b), Math.max(a, b)];
      assert.deepEqual(bigFileBytes(first, last), whole.slice(first, last + 1));
    }),
  );
});

test("neighbouring pieces differ", () => {
  assert.notDeepEqual(bigFileBytes(0, 65_535), bigFileBytes(65_536, 131_071));
});
