import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { formatHttpDate, parseHttpDate } from "../../../edge/http/date.ts";
import { NOW } from "../build.ts";

const NOV_1994 = Date.UTC(1994, 10, 6, 8, 49, 37);

for (const [text, expected] of [
  ["Sun, 06 Nov 1994 08:49:37 GMT", NOV_1994],
  ["Sunday, 06-Nov-94 08:49:37 GMT", NOV_1994],
  ["Sun Nov  6 08:49:37 1994", NOV_1994],
  ["Sun Nov 06 08:49:37 1994", NOV_1994],
  ["SUN, 06 nOV 1994 08:49:37 gmt", NOV_1994],
  // The wrong day of the week is not held against the date.
  ["Mon, 06 Nov 1994 08:49:37 GMT", NOV_1994],
  ["Tue, 29 Feb 2028 00:00:00 GMT", Date.UTC(2028, 1, 29)],
  ["Sat, 31 Dec 2016 23:59:60 GMT", Date.UTC(2017, 0, 1)],
  ["Thu, 01 Jan 0099 00:00:00 GMT", new Date("0099-01-01T00:00:00Z").getTime()],
] as const) {
  test(`RFC 9110 s.5.6.7: reads ${text}`, () => {
    assert.equal(parseHttpDate(text, NOW), expected);
  });
}

for (const text of [
  "",
  "0",
  "-1",
  "Sun, 06 Nov 1994 08:49:37 UTC",
  "Sun, 06 Nov 1994 08:49:37 AEST",
  "Sun, 06 Nov 1994 08:49:37 +0000",
  "Sun, 06 Nov 1994 08:49:37",
  "Sun, 06 Nov 94 08:49:37 GMT",
  "Sun 06 Nov 1994 08:49:37 GMT",
  "Sun, 06  Nov  1994 08:49:37 GMT",
  "Sun, 6 Nov 1994 08:49:37 GMT",
  "Sun, 06-Nov-1994 08:49:37 GMT",
  "Sun, 06 Nov 1994 08.49.37 GMT",
  "Sun, 06 Nov 1994 8:49:37 GMT",
  "Sun, 06 Nov 1994 24:00:00 GMT",
  "Sun, 06 Nov 1994 08:60:37 GMT",
  "Sun, 06 Nov 1994 08:49:61 GMT",
  "Sun, 00 Nov 1994 08:49:37 GMT",
  "Sun, 31 Nov 1994 08:49:37 GMT",
  "Wed, 29 Feb 2027 00:00:00 GMT",
  "Son, 06 Nov 1994 08:49:37 GMT",
  "Sun, 06 Nvo 1994 08:49:37 GMT",
  "Sunday, 06 Nov 1994 08:49:37 GMT",
  "Sun, 06-Nov-94 08:49:37 GMT",
  "Sun Nov 6 08:49:37 1994",
  "Sun Nov  6 08:49:37 1994 GMT",
  " Sun, 06 Nov 1994 08:49:37 GMT",
  "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
]) {
  test(`RFC 9110 s.5.6.7: ${JSON.stringify(text)} is no date`, () => {
    assert.equal(parseHttpDate(text, NOW), undefined);
  });
}

for (const [year, twoDigits, full] of [
  [2026, "76", 2076],
  [2026, "77", 1977],
  [2026, "26", 2026],
  [2026, "00", 2000],
  [2099, "01", 2101],
  [2099, "49", 2149],
  [2099, "50", 2050],
] as const) {
  test(`RFC 9110 s.5.6.7: in ${year} the RFC 850 year ${twoDigits} is ${full}`, () => {
    const text = `Friday, 01-Jan-${twoDigits} 00:00:00 GMT`;
    assert.equal(parseHttpDate(text, Date.UTC(year, 5, 1)), Date.UTC(full, 0, 1));
  });
}

test("RFC 9110 s.5.6.7: what is written is read back, whatever the second", () => {
  const seconds = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) / 1000 });
  fc.assert(
    fc.property(seconds, (second) => {
      assert.equal(parseHttpDate(formatHttpDate(second * 1000), NOW), second * 1000);
    }),
  );
});

test("RFC 9110 s.5.6.7: no text makes it throw", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), (text) => {
      const instant = parseHttpDate(text, NOW);
      assert.ok(instant === undefined || Number.isFinite(instant));
    }),
  );
});
