import assert from "node:assert/strict";
import { test } from "node:test";
import { conditionalAnswer, parseByteRange } from "../../origin/conditional.ts";
import { anAsk } from "./an-ask.ts";

const RANGES = [
  ["bytes=0-0", { first: 0, last: 0 }],
  ["bytes=0-99", { first: 0, last: 99 }],
  ["bytes=90-", { first: 90, last: 99 }],
  ["bytes=90-1000", { first: 90, last: 99 }],
  ["bytes=-1", { first: 99, last: 99 }],
  ["bytes=-1000", { first: 0, last: 99 }],
  ["BYTES=1-2", { first: 1, last: 2 }],
  ["bytes=100-", "unsatisfiable"],
  ["bytes=-0", "unsatisfiable"],
  ["bytes=2-1", "ignore"],
  ["bytes=-", "ignore"],
  ["bytes=0-1,5-6", "ignore"],
  ["bytes=a-b", "ignore"],
  ["lines=0-1", "ignore"],
  ["", "ignore"],
  [undefined, "ignore"],
] as const;

for (const [value, expected] of RANGES) {
  test(`RFC 9110 s.14.1.2: Range "${value}" of 100 bytes`, () => {
    assert.deepEqual(parseByteRange(value, 100), expected);
  });
}

const MODIFIED = Date.UTC(2026, 0, 1);

const CASES = [
  ["no condition", {}, 200],
  ["s.13.1.2: the same tag", { "if-none-match": '"a"' }, 304],
  ["s.13.1.2: the same tag, weak", { "if-none-match": 'W/"a"' }, 304],
  ["s.13.1.2: one of a list", { "if-none-match": '"b", "a"' }, 304],
  ["s.13.1.2: any", { "if-none-match": "*" }, 304],
  ["s.13.1.2: another tag", { "if-none-match": '"b"' }, 200],
  ["s.13.1.3: not since", { "if-modified-since": new Date(MODIFIED).toUTCString() }, 304],
  ["s.13.1.3: since", { "if-modified-since": new Date(MODIFIED - 1000).toUTCString() }, 200],
  ["s.13.1.3: not a date", { "if-modified-since": "yesterday" }, 200],
  [
    "s.13.2.2: the tag beats the date",
    { "if-none-match": '"b"', "if-modified-since": new Date(MODIFIED).toUTCString() },
    200,
  ],
  ["s.14.2: a range", { range: "bytes=0-1" }, 206],
  ["s.14.4: beyond the end", { range: "bytes=10-" }, 416],
  ["s.13.1.5: If-Range fits", { range: "bytes=0-1", "if-range": '"a"' }, 206],
  ["s.13.1.5: If-Range is another", { range: "bytes=0-1", "if-range": '"b"' }, 200],
  ["s.13.1.5: If-Range is weak", { range: "bytes=0-1", "if-range": 'W/"a"' }, 200],
  ["s.13.2.2: 304 before the range", { range: "bytes=0-1", "if-none-match": '"a"' }, 304],
] as const;

for (const [title, fields, status] of CASES) {
  test(`RFC 9110 ${title}: ${status}`, () => {
    const answer = conditionalAnswer(anAsk({ fields }), {
      fields: {},
      etag: '"a"',
      modified: MODIFIED,
      length: 10,
      piece: (first, last) => ({ kind: "generated", first, last }),
    });
    assert.equal(answer.status, status);
    assert.equal(answer.fields["etag"], '"a"');
    const expected = { 200: [0, 9], 206: [0, 1], 304: undefined, 416: undefined }[status];
    const { body } = answer;
    assert.deepEqual(body.kind === "generated" ? [body.first, body.last] : undefined, expected);
    const contentRange = { 200: undefined, 206: "bytes 0-1/10", 304: undefined, 416: "bytes */10" };
    assert.equal(answer.fields["content-range"], contentRange[status]);
  });
}

test("RFC 9110 s.14.2: Range is for GET only", () => {
  const ask = anAsk({ method: "HEAD", fields: { range: "bytes=0-1" } });
  const answer = conditionalAnswer(ask, {
    fields: {},
    length: 10,
    piece: () => ({ kind: "none" }),
  });
  assert.equal(answer.status, 200);
});
