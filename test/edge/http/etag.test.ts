import assert from "node:assert/strict";
import { test } from "node:test";
import {
  entityTagList,
  entityTagOf,
  matchesStrongly,
  matchesWeakly,
  parseEntityTag,
} from "../../../edge/http/etag.ts";
import { lines } from "../build.ts";

const strong = (opaque: string) => ({ weak: false, opaque });
const weak = (opaque: string) => ({ weak: true, opaque });

for (const [text, expected] of [
  ['"abc"', strong("abc")],
  ['""', strong("")],
  ['W/"abc"', weak("abc")],
  ['"a\u00fcb"', strong("a\u00fcb")],
  // A backslash escapes nothing here.
  ['"a\\b"', strong("a\\b")],
  ['w/"abc"', undefined],
  ['W"abc"', undefined],
  ['W\\"abc"', undefined],
  ["abc", undefined],
  ['"abc', undefined],
  ['"a b"', undefined],
  ['"a"b"', undefined],
  ["*", undefined],
  ["", undefined],
] as const) {
  test(`RFC 9110 s.8.8.3: entity tag ${text}`, () => {
    assert.deepEqual(parseEntityTag(text), expected);
  });
}

for (const [left, right, strongly, weakly] of [
  [weak("1"), weak("1"), false, true],
  [weak("1"), weak("2"), false, false],
  [weak("1"), strong("1"), false, true],
  [strong("1"), weak("1"), false, true],
  [strong("1"), strong("1"), true, true],
  [strong("1"), strong("2"), false, false],
] as const) {
  test(`RFC 9110 s.8.8.3.2: ${JSON.stringify(left)} and ${JSON.stringify(right)}`, () => {
    assert.equal(matchesStrongly(left, right), strongly);
    assert.equal(matchesWeakly(left, right), weakly);
  });
}

test("RFC 9110 s.8.8.3: a response with two entity tags has none that counts", () => {
  assert.deepEqual(entityTagOf(lines('ETag: "a"')), strong("a"));
  assert.equal(entityTagOf(lines('ETag: "a"', 'ETag: "a"')), undefined);
  assert.equal(entityTagOf(lines("X: 1")), undefined);
});

for (const [texts, expected] of [
  [[], undefined],
  [["If-None-Match: *"], "*"],
  [['If-None-Match: "a"'], [strong("a")]],
  [
    ['If-None-Match: "a,b", W/"c"', 'If-None-Match: "d"'],
    [strong("a,b"), weak("c"), strong("d")],
  ],
  [['If-None-Match: abc, "d"'], [strong("d")]],
  [['If-None-Match: *, "d"'], [strong("d")]],
  [["If-None-Match:"], []],
] as const) {
  test(`RFC 9110 s.13.1.2: ${JSON.stringify(texts)}`, () => {
    assert.deepEqual(entityTagList(lines(...texts), "if-none-match"), expected);
  });
}
