import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { OBJECT_TAGS_MAX, tagsOf } from "../../../edge/http/tags.ts";
import { TAG_LENGTH_MAX } from "../../../state/limits.ts";
import { lines } from "../build.ts";

suite("tags of a response", () => {
  const cases: readonly [string, readonly string[], readonly string[]][] = [
    ["none", ["etag: x"], []],
    ["spaces separate Surrogate-Key", ["surrogate-key: a  b\tc,d "], ["a", "b", "c,d"]],
    ["commas separate Cache-Tag", ["cache-tag: a, b c ,,d"], ["a", "b c", "d"]],
    [
      "both fields, several lines, each tag once",
      ["surrogate-key: a b", "cache-tag: b,c", "surrogate-key: d"],
      ["a", "b", "d", "c"],
    ],
    ["case is kept", ["surrogate-key: A a"], ["A", "a"]],
    ["empty", ["surrogate-key:", "cache-tag: ,"], []],
  ];
  for (const [title, fields, tags] of cases) {
    test(title, () => {
      assert.deepEqual(tagsOf(lines(...fields)), { tags, overflow: false });
    });
  }

  test("what goes beyond the bounds is left out, and said to be", () => {
    const many = Array.from({ length: OBJECT_TAGS_MAX + 1 }, (_, i) => `t${i}`);
    const { tags, overflow } = tagsOf(lines(`surrogate-key: ${many.join(" ")}`));
    assert.deepEqual([tags.length, overflow], [OBJECT_TAGS_MAX, true]);
    const long = "x".repeat(TAG_LENGTH_MAX + 1);
    assert.deepEqual(tagsOf(lines(`cache-tag: a,${long},b`)), { tags: ["a", "b"], overflow: true });
    const longest = "x".repeat(TAG_LENGTH_MAX);
    assert.deepEqual(tagsOf(lines(`cache-tag: ${longest}`)), { tags: [longest], overflow: false });
  });
});
