import assert from "node:assert/strict";
import { test } from "node:test";
import { decideReuse } from "../../../edge/decide/reuse.ts";
import { conditionalFields, freshen, freshenFromHead } from "../../../edge/decide/validation.ts";
import { singleField } from "../../../edge/http/fields.ts";
import { aStored, dateAt, lines, NOW } from "../build.ts";

const TIMES = { requestTime: NOW + 9000, responseTime: NOW + 10_000 };
const NEW_DATE = `Date: ${dateAt(10)}`;
const MODIFIED = `Last-Modified: ${dateAt(-60)}`;

for (const [title, texts, expected] of [
  ["ETag", ['ETag: "a"'], ['If-None-Match: "a"']],
  ["weak ETag", ['ETag: W/"a"'], ['If-None-Match: W/"a"']],
  ["malformed ETag, as it is", ["ETag: abc"], ["If-None-Match: abc"]],
  ["ETag with obs-text", ['ETag: "a\u00fc"'], ['If-None-Match: "a\u00fc"']],
  ["Last-Modified", [MODIFIED], [`If-Modified-Since: ${dateAt(-60)}`]],
  ["malformed Last-Modified, as it is", ["Last-Modified: x"], ["If-Modified-Since: x"]],
  ["both", ['ETag: "a"', MODIFIED], ['If-None-Match: "a"', `If-Modified-Since: ${dateAt(-60)}`]],
  ["none", [], []],
  ["empty ones", ["ETag:", "Last-Modified:"], []],
  ["two of a kind", ['ETag: "a"', 'ETag: "b"'], []],
] as const) {
  test(`RFC 9111 s.4.3.1: condition from ${title}`, () => {
    assert.deepEqual(conditionalFields(aStored(texts)), lines(...expected));
  });
}

test("RFC 9111 s.3.2: a 304 replaces the fields that it has and leaves the others", () => {
  const stored = aStored(['ETag: "a"', "A: 1", "A: 2", "B: 3", `Date: ${dateAt(0)}`, "Age: 50"]);
  const after = freshen(stored, lines('ETag: "a"', "A: 9", NEW_DATE, "C: 4"), TIMES);
  assert.deepEqual(after.fields, lines("B: 3", 'ETag: "a"', "A: 9", NEW_DATE, "C: 4"));
  assert.deepEqual(after.times, TIMES);
  assert.deepEqual({ ...after, fields: [], times: 0 }, { ...stored, fields: [], times: 0 });
});

test("RFC 9111 s.3.2: what describes the body stays", () => {
  const body = [
    "Content-Length: 5",
    "Content-Encoding: gzip",
    "Content-Type: a/b",
    "Content-MD5: x",
  ];
  const stored = aStored([...body, "Content-Foo: 1", NEW_DATE]);
  const news = lines(
    "Content-Length: 10",
    "Content-Encoding: br",
    "Content-MD5: y",
    "Content-Type: c/d",
    "Content-Range: bytes 0-1/2",
    "Content-Foo: 2",
    NEW_DATE,
  );
  const after = freshen(stored, news, TIMES);
  assert.deepEqual(after.fields, lines(...body, "Content-Foo: 2", NEW_DATE));
});

test("RFC 9111 s.4.3.4: Age and Date are those of the confirmation", () => {
  const stored = aStored(["Cache-Control: max-age=60", "Age: 50", `Date: ${dateAt(-100)}`]);
  const reuse = (response: typeof stored) => {
    const question = { method: "GET", requestFields: [], now: NOW + 10_000, revalidateAll: false };
    return decideReuse({ stored: [response], ...question });
  };
  assert.equal(reuse(stored).kind, "revalidate");
  const after = freshen(stored, [], TIMES);
  assert.deepEqual(after.fields, lines("Cache-Control: max-age=60", NEW_DATE));
  assert.deepEqual(reuse(after), { kind: "serve", index: 0, ageSeconds: 1, ttlSeconds: 59 });
});

test("RFC 9111 s.3.1: hop-by-hop fields of a 304 are not stored", () => {
  const stored = aStored([NEW_DATE, "A: 1"]);
  const news = lines("Connection: a", "a: 2", "Keep-Alive: timeout=1", NEW_DATE);
  assert.deepEqual(freshen(stored, news, TIMES).fields, lines("A: 1", NEW_DATE));
});

test("RFC 9111 s.5.2.2: fields that a 304 limits leave the store", () => {
  const stored = aStored(["A: 1", "B: 2", NEW_DATE]);
  const news = lines('Cache-Control: max-age=9, private="A", no-cache="B"', "B: 3", NEW_DATE);
  const left = lines('Cache-Control: max-age=9, private="A", no-cache="B"', NEW_DATE);
  assert.deepEqual(freshen(stored, news, TIMES).fields, left);
});

test("RFC 9111 s.7.3: the Set-Cookie of a 304 is for one client, and is not stored", () => {
  const news = lines("Set-Cookie: sid=SECRET", NEW_DATE);
  assert.deepEqual(freshen(aStored([NEW_DATE]), news, TIMES).fields, lines(NEW_DATE));
  const withCookie = aStored(["Set-Cookie: old=1", NEW_DATE]);
  assert.deepEqual(freshen(withCookie, news, TIMES).fields, news);
});

test("RFC 9111 s.4.3.4: a 304 that says private ends serving without asking", () => {
  const stored = aStored(["Cache-Control: max-age=60", NEW_DATE]);
  const after = freshen(stored, lines("Cache-Control: private, max-age=60", NEW_DATE), TIMES);
  const question = { method: "GET", requestFields: [], now: NOW + 10_000, revalidateAll: false };
  const reuse = decideReuse({ stored: [after], ...question });
  assert.deepEqual(reuse, { kind: "revalidate", index: 0, reason: "no-cache" });
});

for (const [title, before, after, updates] of [
  ["no validators", ['ETag: "a"', MODIFIED], [], true],
  ["the same ETag", ['ETag: "a"'], ['ETag: "a"'], true],
  ["the same ETag, weakened", ['ETag: "a"'], ['ETag: W/"a"'], true],
  ["the same ETag, strengthened", ['ETag: W/"a"'], ['ETag: "a"'], false],
  ["another ETag", ['ETag: "a"'], ['ETag: "b"'], false],
  ["another weak ETag", ['ETag: W/"a"'], ['ETag: W/"b"'], false],
  ["another ETag, the same date", ['ETag: "a"', MODIFIED], ['ETag: "b"', MODIFIED], false],
  ["an ETag where there was none", [], ['ETag: "a"'], false],
  ["an ETag where there was a date", [MODIFIED], ['ETag: "a"'], false],
  ["an ETag, and the same date", [MODIFIED], ['ETag: "a"', MODIFIED], true],
  ["the same date", ['ETag: "a"', MODIFIED], [MODIFIED], true],
  ["another date", [MODIFIED], [`Last-Modified: ${dateAt(-1)}`], false],
] as const) {
  test(`RFC 9111 s.4.3.4: a 304 with ${title} ${updates ? "updates" : "changes nothing"}`, () => {
    const stored = aStored([...before, "A: 1"]);
    const result = freshen(stored, lines(...after, "A: 2"), TIMES);
    assert.equal(singleField(result.fields, "a"), updates ? "2" : "1");
    assert.equal(result === stored, !updates);
  });
}

for (const [title, head, expected] of [
  ["nothing to compare", ["A: 1"], "freshened"],
  ["same ETag", ['ETag: "a"'], "freshened"],
  ["other ETag", ['ETag: "b"'], "outdated"],
  ["same Last-Modified", [MODIFIED], "freshened"],
  ["other Last-Modified", [`Last-Modified: ${dateAt(-1)}`], "outdated"],
  ["same length", ["Content-Length: 10"], "freshened"],
  ["other length", ["Content-Length: 11"], "outdated"],
] as const) {
  test(`RFC 9111 s.4.3.5: HEAD with ${title} -> ${expected}`, () => {
    const stored = aStored(['ETag: "a"', MODIFIED]);
    assert.equal(freshenFromHead(stored, lines(...head), TIMES).kind, expected);
  });
}

test("RFC 9111 s.4.3.5: HEAD updates fields; an unknown length agrees with none", () => {
  const stored = aStored(["A: 1", NEW_DATE], { bodyBytes: undefined });
  const verdict = freshenFromHead(stored, lines("A: 2", NEW_DATE), TIMES);
  assert.ok(verdict.kind === "freshened");
  assert.deepEqual(verdict.stored.fields, lines("A: 2", NEW_DATE));
  assert.equal(freshenFromHead(stored, lines("Content-Length: 1"), TIMES).kind, "outdated");
});
