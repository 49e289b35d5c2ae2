import assert from "node:assert/strict";
import { test } from "node:test";
import { ABSENT, matchesVariant, selectedFields, varyNames } from "../../../edge/key/variant.ts";
import { lines } from "../build.ts";

for (const [texts, expected] of [
  [[], []],
  [["Vary: Foo"], ["foo"]],
  [
    ["Vary: Foo, BAR", "Vary: foo, baz"],
    ["foo", "bar", "baz"],
  ],
  [["Vary:"], []],
  [["Vary: *"], "*"],
  [["Vary: *, *"], "*"],
  [["Vary: , *"], "*"],
  [["Vary: *, Foo"], "*"],
  [["Vary: Foo, *"], "*"],
  [["Vary:", "Vary: *"], "*"],
] as const) {
  test(`RFC 9110 s.12.5.5: ${JSON.stringify(texts)}`, () => {
    const fields = lines(...texts);
    assert.deepEqual(varyNames(fields), expected);
    assert.deepEqual(varyNames(fields), expected, "the same when asked again");
  });
}

const SAME: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ["lines are combined", ["Foo: 1, 2"], ["Foo: 1", "Foo: 2"]],
  ["white space around commas", ["Foo: 1,2"], ["Foo:  1 ,\t2"]],
  ["absent", [], ["Other: 1"]],
  ["language order", ["Accept-Language: en, de"], ["Accept-Language: de, en"]],
  ["language case", ["Accept-Language: en, de"], ["Accept-Language: eN, De"]],
  [
    "language weights written apart",
    ["Accept-Language: en;q=1.0, de;q=0.50"],
    ["Accept-Language: de ; q=0.5,en"],
  ],
  ["coding order and case", ["Accept-Encoding: gzip, br"], ["Accept-Encoding: BR,GZIP"]],
  [
    "coding weights above no coding",
    ["Accept-Encoding: gzip;q=0.5, br"],
    ["Accept-Encoding: br;q=0.2, gzip"],
  ],
  ["codings nobody knows", ["Accept-Encoding: gzip, sdch, dcb"], ["Accept-Encoding: gzip"]],
  ["no coding and no word about it", [], ["Accept-Encoding: identity"]],
];

for (const [title, one, two] of SAME) {
  test(`RFC 9111 s.4.1: the same variant: ${title}`, () => {
    const names = ["foo", "accept-language", "accept-encoding"];
    assert.deepEqual(selectedFields(names, lines(...one)), selectedFields(names, lines(...two)));
  });
}

const DIFFERENT: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ["value", ["Foo: 1"], ["Foo: 2"]],
  ["case of a value nobody knows", ["Foo: a"], ["Foo: A"]],
  ["order of values nobody knows", ["Foo: 1, 2"], ["Foo: 2, 1"]],
  ["absent and empty", [], ["Foo:"]],
  ["inside quotes", ['Foo: "1,2"'], ['Foo: "1, 2"']],
  ["weight", ["Accept-Language: en;q=0.5, de"], ["Accept-Language: en, de;q=0.5"]],
  ["refused coding", ["Accept-Encoding: br, gzip;q=0"], ["Accept-Encoding: br, gzip"]],
  ["illegible weight", ["Accept-Language: en;q=x"], ["Accept-Language: en"]],
  ["illegible weights", ["Accept-Language: en;q=x"], ["Accept-Language: en;q=y"]],
];

for (const [title, one, two] of DIFFERENT) {
  test(`RFC 9111 s.4.1: other variants: ${title}`, () => {
    const names = ["foo", "accept-language", "accept-encoding"];
    assert.notDeepEqual(selectedFields(names, lines(...one)), selectedFields(names, lines(...two)));
  });
}

test("RFC 9111 s.4.1: heaviest first, then by name; absent is marked", () => {
  const request = lines("Accept-Language: de;q=0.5, fr, en");
  assert.deepEqual(selectedFields(["accept-language", "foo"], request), [
    ["accept-language", "en;q=1,fr;q=1,de;q=0.5"],
    ["foo", ABSENT],
  ]);
});

test("RFC 9111 s.4.1: a stored response matches when every selecting field does", () => {
  const request = lines("Foo: 1", "Other: 2");
  const fields = lines("Vary: Foo, Bar");
  const stored = { fields, varyOn: selectedFields(["foo", "bar"], request) };
  assert.equal(matchesVariant(stored, request), true);
  assert.equal(matchesVariant(stored, lines("Other: 3", "Foo: 1")), true);
  assert.equal(matchesVariant(stored, lines("Foo: 2")), false);
  assert.equal(matchesVariant(stored, lines("Foo: 1", "Bar: 1")), false);
  assert.equal(matchesVariant({ fields: [], varyOn: [] }, request), true);
});

test("RFC 9111 s.4.1: a Vary that a 304 has changed matches nothing", () => {
  const varyOn = [["foo", "1"]] as const;
  const request = lines("Foo: 1");
  for (const vary of ["Foo, Cookie", "Cookie", "*"]) {
    assert.equal(matchesVariant({ fields: lines(`Vary: ${vary}`), varyOn }, request), false, vary);
  }
  assert.equal(matchesVariant({ fields: lines("Vary: Foo"), varyOn: [] }, request), false);
  assert.equal(matchesVariant({ fields: [], varyOn }, request), false);
});

type Suits = readonly [stored: readonly string[], asked: string, now: string, suits: boolean];

const SUITS: readonly Suits[] = [
  [["Content-Encoding: gzip"], "gzip", "gzip, br", true],
  [["Content-Encoding: gzip"], "gzip, br", "gzip", true],
  [["Content-Encoding: x-gzip"], "gzip, br", "gzip", true],
  [["Content-Encoding: br"], "gzip, br", "gzip", false],
  [["Content-Encoding: br"], "gzip, br", "identity", false],
  [["Content-Encoding: gzip"], "gzip", "gzip;q=0.2, identity", false],
  [["Content-Encoding: gzip"], "gzip", "*;q=0", false],
  // It was asked for with these very words.
  [["Content-Encoding: gzip"], "identity", "identity", true],
  [["Content-Encoding: dcb"], "gzip", "GZIP", true],
  [["Content-Encoding: dcb"], "gzip", "gzip, br", false],
  [["Content-Encoding: gzip, gzip"], "gzip", "gzip, br", false],
  // Without coding: only if all that is wanted now had been offered then.
  [[], "gzip, br", "gzip", true],
  [[], "gzip, br", "identity", true],
  [[], "gzip, br", "", true],
  [[], "gzip", "gzip, br", false],
  [[], "identity", "gzip", false],
  [[], "gzip, br", "gzip, identity;q=0", false],
];

for (const [stored, asked, now, suits] of SUITS) {
  test(`RFC 9111 s.4.1: ${stored[0] ?? "no coding"} of "${asked}" for "${now}": ${suits}`, () => {
    const fields = lines("Vary: Accept-Encoding, Foo", ...stored);
    const names = ["accept-encoding", "foo"];
    const filled = lines(`Accept-Encoding: ${asked}`, "Foo: 1");
    const variant = { fields, varyOn: selectedFields(names, filled) };
    assert.equal(matchesVariant(variant, lines(`Accept-Encoding: ${now}`, "Foo: 1")), suits);
    const elsewhere = lines(`Accept-Encoding: ${now}`, "Foo: 2");
    assert.equal(matchesVariant(variant, elsewhere), false, "the other fields still count");
  });
}
