import assert from "node:assert/strict";
import { test } from "node:test";
import {
  combinedField,
  fieldLinesFromRaw,
  fieldMembers,
  fieldValues,
  hasField,
  listMembers,
  singleField,
  trimWhiteSpace,
  withoutFields,
} from "../../../edge/http/fields.ts";
import { endToEndFields, withoutListedFields } from "../../../edge/http/hop-by-hop.ts";
import { lines } from "../build.ts";

test("RFC 9110 s.5.1: names are in lower case, order and repetitions stay", () => {
  const raw = ["ETag", '"a"', "X-A", "1", "x-a", "2"];
  const fields = fieldLinesFromRaw(raw);
  assert.deepEqual(fields, [
    ["etag", '"a"'],
    ["x-a", "1"],
    ["x-a", "2"],
  ]);
  assert.deepEqual(fieldValues(fields, "x-a"), ["1", "2"]);
  assert.equal(combinedField(fields, "x-a"), "1, 2");
  assert.equal(combinedField(fields, "x-b"), undefined);
  assert.equal(singleField(fields, "etag"), '"a"');
  assert.equal(singleField(fields, "x-a"), undefined);
  assert.equal(singleField(fields, "x-b"), undefined);
  assert.equal(hasField(fields, "x-a"), true);
  assert.equal(hasField(fields, "x-b"), false);
  assert.deepEqual(withoutFields(fields, new Set(["x-a"])), [["etag", '"a"']]);
});

test("RFC 9110 s.5.5: bytes become the characters of the same number", () => {
  const raw = [Buffer.from("ETag"), Buffer.from([0x22, 0xfc, 0xa0, 0x22])];
  assert.deepEqual(fieldLinesFromRaw(raw), [["etag", '"\u00fc\u00a0"']]);
  assert.deepEqual(fieldLinesFromRaw(["odd"]), []);
});

test("RFC 9110 s.5.6.3: only spaces and tabs are white space", () => {
  assert.equal(trimWhiteSpace(" \t a b\t "), "a b");
  assert.equal(trimWhiteSpace("ab"), "ab");
  assert.equal(trimWhiteSpace("  "), "");
  assert.equal(trimWhiteSpace("\u00a0a"), "\u00a0a");
});

for (const [value, members] of [
  ["a, b ,c", ["a", "b", "c"]],
  [", a,, b,", ["a", "b"]],
  ["", []],
  ['a="x, y", b', ['a="x, y"', "b"]],
  ['a="x\\", y", b', ['a="x\\", y"', "b"]],
  ['a="x, b', ['a="x, b']],
  ['a\\, b, "c"', ["a\\", "b", '"c"']],
] as const) {
  test(`RFC 9110 s.5.6.1: the list ${JSON.stringify(value)} has ${members.length} members`, () => {
    assert.deepEqual(listMembers(value), members);
  });
}

test("RFC 9110 s.5.6.1: members are counted over all lines, and quotes end with their line", () => {
  assert.deepEqual(fieldMembers(lines('a: 1, "2', "a: 3, 4"), "a"), ["1", '"2', "3", "4"]);
});

test("RFC 9110 s.7.6.1: hop-by-hop fields and what Connection lists are removed", () => {
  const fields = lines(
    "Connection: Close, X-Hop",
    "Connection: other",
    "Keep-Alive: timeout=5",
    "TE: trailers",
    "Trailer: X",
    "Transfer-Encoding: chunked",
    "Upgrade: h2c",
    "HTTP2-Settings: x",
    "Proxy-Connection: close",
    "Proxy-Authenticate: x",
    "Proxy-Authorization: x",
    "Proxy-Authentication-Info: x",
    "X-Hop: 1",
    "Other: 1",
    "Close: 1",
    "Kept: 1",
  );
  assert.deepEqual(endToEndFields(fields), lines("Kept: 1"));
});

test("RFC 9110 s.7.6.1: Connection cannot take away what every recipient needs", () => {
  const essential = ["Cache-Control", "Host", "Content-Length", "Set-Cookie", "Vary", "Age"];
  const fields = essential.map((name) => `${name}: 1`);
  assert.deepEqual(
    endToEndFields(lines(`Connection: ${essential.join(", ")}`, ...fields)),
    lines(...fields),
  );
});

test("RFC 9110 s.7.6.1: a request loses what Connection lists, but not the connection's own", () => {
  const plain = lines("Connection: close", "Te: x", "Kept: 1");
  assert.deepEqual(withoutListedFields(plain), plain);
  const none = lines("Te: x");
  assert.equal(withoutListedFields(none), none);
  const listing = lines("Connection: Te, X-Hop", "Te: x", "X-Hop: 1", "Kept: 1");
  assert.deepEqual(
    withoutListedFields(listing),
    lines("Connection: Te, X-Hop", "Te: x", "Kept: 1"),
  );
});
