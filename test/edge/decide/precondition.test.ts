import assert from "node:assert/strict";
import { test } from "node:test";
import {
  isUnconditional,
  type Selection,
  type SelectionQuestion,
  selectRepresentation,
} from "../../../edge/decide/precondition.ts";
import { dateAt, lines, NOW } from "../build.ts";

const FULL: Selection = { kind: "full" };
const NOT_MODIFIED: Selection = { kind: "not-modified" };
const FAILED: Selection = { kind: "precondition-failed" };
const UNSATISFIABLE: Selection = { kind: "range-not-satisfiable" };
const ranges = (...list: readonly (readonly [number, number])[]): Selection => ({
  kind: "ranges",
  ranges: list.map(([first, last]) => ({ first, last })),
});
const range = (first: number, last: number): Selection => ({ kind: "range", first, last });

const ETAG = 'ETag: "a"';
const DATE = `Date: ${dateAt(0)}`;
const MODIFIED = `Last-Modified: ${dateAt(-60)}`;

function select(
  request: readonly string[],
  response: readonly string[] = [ETAG, DATE, MODIFIED],
  others: Partial<SelectionQuestion> = {},
): Selection {
  return selectRepresentation({
    method: "GET",
    requestFields: lines(...request),
    status: 200,
    fields: lines(...response),
    completeLength: 100,
    receivedAt: NOW,
    ...others,
  });
}

test("RFC 9110 s.13.1, s.14.2: which fields make a request conditional", () => {
  assert.equal(isUnconditional(lines("Host: a", "If: x", "Accept-Ranges: bytes")), true);
  for (const name of ["If-Match", "If-None-Match", "If-Range", "Range", "If-Modified-Since"]) {
    assert.equal(isUnconditional(lines("Host: a", `${name}: x`)), false, name);
  }
});

type Case = readonly [
  title: string,
  request: readonly string[],
  expected: Selection,
  response?: readonly string[],
];

const CONDITIONS: readonly Case[] = [
  ["13.2: no condition", [], FULL],
  ["13.1.2: If-None-Match, same", ['If-None-Match: "a"'], NOT_MODIFIED],
  ["13.1.2: If-None-Match, other", ['If-None-Match: "b"'], FULL],
  ["13.1.2: If-None-Match, last of a list", ['If-None-Match: "b", "c", "a"'], NOT_MODIFIED],
  ["13.1.2: If-None-Match, weak against strong", ['If-None-Match: W/"a"'], NOT_MODIFIED],
  [
    "13.1.2: If-None-Match, strong against weak",
    ['If-None-Match: "a"'],
    NOT_MODIFIED,
    ['ETag: W/"a"'],
  ],
  ["13.1.2: If-None-Match: *", ["If-None-Match: *"], NOT_MODIFIED, []],
  ["13.1.2: If-None-Match without an ETag", ['If-None-Match: "a"'], FULL, [DATE]],
  ["13.1.3: If-Modified-Since, same", [`If-Modified-Since: ${dateAt(-60)}`], NOT_MODIFIED],
  ["13.1.3: If-Modified-Since, later", [`If-Modified-Since: ${dateAt(-1)}`], NOT_MODIFIED],
  ["13.1.3: If-Modified-Since, earlier", [`If-Modified-Since: ${dateAt(-61)}`], FULL],
  ["13.1.3: If-Modified-Since, invalid", ["If-Modified-Since: 0"], FULL],
  [
    "13.1.3: If-Modified-Since, twice",
    [`If-Modified-Since: ${dateAt(0)}`, `If-Modified-Since: ${dateAt(0)}`],
    FULL,
  ],
  [
    "13.1.3: ignored beside If-None-Match",
    ['If-None-Match: "b"', `If-Modified-Since: ${dateAt(0)}`],
    FULL,
  ],
  [
    "13.1.2: decides beside If-Modified-Since",
    ['If-None-Match: "a"', `If-Modified-Since: ${dateAt(-99)}`],
    NOT_MODIFIED,
  ],
  ["13.1.1: If-Match, same", ['If-Match: "a"'], FULL],
  ["13.1.1: If-Match, other", ['If-Match: "b"'], FAILED],
  ["13.1.1: If-Match, weak", ['If-Match: W/"a"'], FAILED],
  ["13.1.1: If-Match without an ETag", ['If-Match: "a"'], FAILED, []],
  ["13.1.1: If-Match: *", ["If-Match: *"], FULL, []],
  ["13.1.4: If-Unmodified-Since, same", [`If-Unmodified-Since: ${dateAt(-60)}`], FULL],
  ["13.1.4: If-Unmodified-Since, earlier", [`If-Unmodified-Since: ${dateAt(-61)}`], FAILED],
  ["13.1.4: If-Unmodified-Since, invalid", ["If-Unmodified-Since: x"], FULL],
  [
    "13.1.4: If-Unmodified-Since, nothing to compare",
    [`If-Unmodified-Since: ${dateAt(-61)}`],
    FULL,
    [ETAG],
  ],
  [
    "13.2.2: If-Match decides beside If-Unmodified-Since",
    ['If-Match: "a"', `If-Unmodified-Since: ${dateAt(-99)}`],
    FULL,
  ],
  ["13.2.2: If-Match before If-None-Match", ['If-Match: "b"', 'If-None-Match: "a"'], FAILED],
  ["13.2.2: If-None-Match before Range", ['If-None-Match: "a"', "Range: bytes=0-1"], NOT_MODIFIED],
];

for (const [title, request, expected, response] of CONDITIONS) {
  test(`RFC 9110 s.${title} -> ${expected.kind}`, () => {
    assert.deepEqual(select(request, response), expected);
  });
}

test("RFC 9111 s.4.3.2: without Last-Modified, Date is compared, then the arrival", () => {
  const older = [`If-Modified-Since: ${dateAt(-1)}`];
  const same = [`If-Modified-Since: ${dateAt(0)}`];
  assert.deepEqual(select(older, [DATE]), FULL);
  assert.deepEqual(select(same, [DATE]), NOT_MODIFIED);
  assert.deepEqual(select(older, []), FULL);
  assert.deepEqual(select(same, []), NOT_MODIFIED);
});

test("RFC 9110 s.13.2.1: conditions and ranges count only for 200 and for GET and HEAD", () => {
  const request = ['If-None-Match: "a"', "Range: bytes=0-1"];
  assert.deepEqual(select(request, undefined, { status: 404 }), FULL);
  assert.deepEqual(select(request, undefined, { method: "POST" }), FULL);
  assert.deepEqual(select(request, undefined, { method: "HEAD" }), NOT_MODIFIED);
  assert.deepEqual(select(["Range: bytes=0-1"], undefined, { method: "HEAD" }), FULL);
});

const RANGES: readonly (readonly [string, Selection])[] = [
  ["bytes=0-1", range(0, 1)],
  ["bytes=1-", range(1, 99)],
  ["bytes=-1", range(99, 99)],
  ["bytes=-100", range(0, 99)],
  ["bytes=-101", range(0, 99)],
  ["bytes=99-99", range(99, 99)],
  ["bytes=0-99", range(0, 99)],
  ["bytes=0-100", range(0, 99)],
  ["bytes=50-999999999999999", range(50, 99)],
  ["BYTES=0-1", range(0, 1)],
  ["bytes = 0-1 ", range(0, 1)],
  ["bytes=100-", UNSATISFIABLE],
  ["bytes=100-200", UNSATISFIABLE],
  ["bytes=-0", UNSATISFIABLE],
  ["bytes=2-1", FULL],
  ["bytes=-", FULL],
  ["bytes=", FULL],
  ["bytes=a-b", FULL],
  ["bytes=0-1, 4-5", ranges([0, 1], [4, 5])],
  ["bytes=0-1, 200-", range(0, 1)],
  ["bytes=9999999999999999-", FULL],
  ["items=0-1", FULL],
  ["0-1", FULL],
];

for (const [value, expected] of RANGES) {
  test(`RFC 9110 s.14.1.2: ${value} of 100 bytes -> ${JSON.stringify(expected)}`, () => {
    assert.deepEqual(select([`Range: ${value}`]), expected);
  });
}

test("RFC 9110 s.14.2: two Range lines are several ranges", () => {
  assert.deepEqual(select(["Range: bytes=0-1", "Range: 4-5"]), ranges([0, 1], [4, 5]));
  assert.deepEqual(select(["Range: bytes=0-1", "Range: bytes=4-5"]), FULL);
});

test("RFC 9110 s.14.2: of an arriving body only ascending ranges are sent", () => {
  const down = ["Range: bytes=4-5, 0-1"];
  assert.deepEqual(select(down), ranges([4, 5], [0, 1]));
  assert.deepEqual(select(down, undefined, { arriving: true }), FULL);
  const up = ["Range: bytes=0-1, 4-5"];
  assert.deepEqual(select(up, undefined, { arriving: true }), ranges([0, 1], [4, 5]));
});

test("RFC 9110 s.14.2: an unknown length is answered whole, an empty body has no range", () => {
  assert.deepEqual(select(["Range: bytes=0-1"], [], { completeLength: undefined }), FULL);
  assert.deepEqual(select(["Range: bytes=0-1"], [], { completeLength: 0 }), UNSATISFIABLE);
  assert.deepEqual(select(["Range: bytes=-1"], [], { completeLength: 0 }), FULL);
});

const IF_RANGES: readonly (readonly [string, string, Selection, (readonly string[])?])[] = [
  ["same ETag", '"a"', range(0, 1)],
  ["other ETag", '"b"', FULL],
  ["weak ETag", 'W/"a"', FULL],
  ["ETag of a response that has none", '"a"', FULL, [DATE]],
  ["weak ETag of the response", '"a"', FULL, ['ETag: W/"a"']],
  ["same date", dateAt(-60), range(0, 1)],
  ["later date", dateAt(-59), FULL],
  [
    "date that is not a second older than Date",
    dateAt(0),
    FULL,
    [DATE, `Last-Modified: ${dateAt(0)}`],
  ],
  [
    "date a second older than Date",
    dateAt(-1),
    range(0, 1),
    [DATE, `Last-Modified: ${dateAt(-1)}`],
  ],
  ["date without Date", dateAt(-60), FULL, [MODIFIED]],
  ["date without Last-Modified", dateAt(-60), FULL, [DATE]],
  ["nonsense", "x", FULL],
];

for (const [title, value, expected, response] of IF_RANGES) {
  test(`RFC 9110 s.13.1.5: If-Range with ${title} -> ${expected.kind}`, () => {
    assert.deepEqual(select(["Range: bytes=0-1", `If-Range: ${value}`], response), expected);
  });
}

test("RFC 9110 s.13.1.5: two If-Range lines hold for nothing", () => {
  assert.deepEqual(select(["Range: bytes=0-1", 'If-Range: "a"', 'If-Range: "a"']), FULL);
});
