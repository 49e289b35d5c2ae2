import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ALTERNATIVES_MAX,
  alternatives,
  anyOfThese,
  namedBy304,
} from "../../../edge/decide/alternatives.ts";
import type { StoredResponse } from "../../../edge/decide/stored.ts";
import { aStored, dateAt, lines } from "../build.ts";

const tagged = (tag: string, others: Partial<StoredResponse> = {}, ...more: string[]) =>
  aStored([`ETag: ${tag}`, "Vary: Foo", ...more], others);

test("RFC 9111 s.4.3.1: the newest come first, each tag once", () => {
  const stored = [
    tagged('"old"', {}, `Date: ${dateAt(-60)}`),
    tagged('"same"', {}, `Date: ${dateAt(-30)}`),
    tagged('"same"', {}, `Date: ${dateAt(-10)}`),
  ];
  const chosen = alternatives(stored, []);
  assert.deepEqual(chosen, [2, 0]);
  assert.deepEqual(anyOfThese(chosen.flatMap((index) => stored[index] ?? [])), [
    ["if-none-match", '"same", "old"'],
  ]);
  assert.deepEqual(anyOfThese([]), []);
  assert.deepEqual(anyOfThese([tagged('W/"weak"')]), []);
});

test("RFC 9110 s.8.8.1: only complete 200 responses to GET with one strong tag are named", () => {
  const stored = [
    tagged('W/"weak"'),
    tagged("illegible"),
    aStored(['ETag: "a"', 'ETag: "b"']),
    aStored(["Vary: Foo"]),
    tagged('"other status"', { status: 404 }),
    tagged('"post"', { method: "POST" }),
    tagged('"slices"', { sliceBytes: 1_048_576 }),
    tagged('"good"'),
  ];
  assert.deepEqual(alternatives(stored, []), [7]);
});

test("RFC 9110 s.12.5.3: none is named whose coding the client does not take", () => {
  const stored = [
    tagged('"gzip"', {}, "Content-Encoding: gzip"),
    tagged('"odd"', {}, "Content-Encoding: x-unknown"),
    tagged('"plain"'),
  ];
  const chosen = (...request: string[]) =>
    alternatives(stored, lines(...request)).toSorted((a, b) => a - b);
  assert.deepEqual(chosen("Accept-Encoding: br"), [2]);
  assert.deepEqual(chosen("Accept-Encoding: gzip"), [0, 2]);
  assert.deepEqual(chosen("Accept-Encoding: gzip, identity;q=0"), [0]);
});

test("there are never more than the limit", () => {
  const stored = Array.from({ length: ALTERNATIVES_MAX + 5 }, (_, i) => tagged(`"${i}"`));
  assert.equal(alternatives(stored, []).length, ALTERNATIVES_MAX);
});

test("RFC 9111 s.4.3.4: a 304 names one by exactly its strong tag", () => {
  const candidates = ['"a"', '"b"'].map((tag) => ({ response: tagged(tag) }));
  assert.equal(namedBy304(lines('ETag: "b"'), candidates), candidates[1]);
  for (const fields of [
    [],
    ['ETag: W/"b"'],
    ['ETag: "c"'],
    ["ETag: b"],
    ['ETag: "a"', 'ETag: "b"'],
  ]) {
    assert.equal(namedBy304(lines(...fields), candidates), undefined, fields.join());
  }
});
