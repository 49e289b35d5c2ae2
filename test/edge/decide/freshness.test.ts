import assert from "node:assert/strict";
import { test } from "node:test";
import {
  explicitLifetimeSeconds,
  freshnessLifetimeSeconds,
  isCacheableByDefault,
} from "../../../edge/decide/freshness.ts";
import { DELTA_SECONDS_MAX } from "../../../edge/http/cache-control.ts";
import { aStored, dateAt, lines, NOW } from "../build.ts";

const DATE = `Date: ${dateAt(0)}`;
const HOUR_LATER = `Expires: ${dateAt(3600)}`;
const DAY_OLD = `Last-Modified: ${dateAt(-86_400)}`;

const EXPLICIT: readonly (readonly [string, readonly string[], number | undefined])[] = [
  ["nothing", [], undefined],
  ["max-age", ["Cache-Control: max-age=60"], 60],
  ["s-maxage before max-age", ["Cache-Control: max-age=60, s-maxage=5"], 5],
  ["s-maxage before max-age=0", ["Cache-Control: max-age=0, s-maxage=5"], 5],
  ["max-age before Expires", ["Cache-Control: max-age=0", HOUR_LATER, DATE], 0],
  ["max-age before an invalid Expires", ["Cache-Control: max-age=60", "Expires: 0", DATE], 60],
  ["Expires", [HOUR_LATER, DATE], 3600],
  ["Expires without Date", [HOUR_LATER], 3600],
  ["Expires with an invalid Date", [HOUR_LATER, "Date: x"], 3600],
  ["Expires equal to Date", [`Expires: ${dateAt(0)}`, DATE], 0],
  ["Expires before Date", [`Expires: ${dateAt(-1)}`, DATE], 0],
  ["Expires counts from Date, not from arrival", [HOUR_LATER, `Date: ${dateAt(3000)}`], 600],
  ["Expires: 0", ["Expires: 0", DATE], 0],
  ["Expires: empty", ["Expires:", DATE], 0],
  ["two Expires", [HOUR_LATER, HOUR_LATER, DATE], 0],
  ["Expires far away", ["Expires: Fri, 31 Dec 9999 23:59:59 GMT", DATE], DELTA_SECONDS_MAX],
  [
    "CDN-Cache-Control before max-age",
    ["Cache-Control: max-age=1", "CDN-Cache-Control: max-age=9"],
    9,
  ],
  ["Expires plays no part beside it", [HOUR_LATER, "CDN-Cache-Control: foo"], undefined],
];

for (const [title, texts, expected] of EXPLICIT) {
  test(`RFC 9111 s.4.2.1: ${title}`, () => {
    assert.equal(explicitLifetimeSeconds(lines(...texts), NOW), expected);
    assert.equal(freshnessLifetimeSeconds(aStored(texts)), expected ?? 0);
  });
}

test("RFC 9111 s.4.2.1: a rule of the site beats everything", () => {
  const stored = aStored(["Cache-Control: s-maxage=60", HOUR_LATER], { ruleTtlSeconds: 2 });
  assert.equal(freshnessLifetimeSeconds(stored), 2);
  assert.equal(freshnessLifetimeSeconds(stored), 2, "the same when asked again");
});

for (let status = 200; status <= 599; status += 1) {
  const known = [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501].includes(status);
  test(`RFC 9111 s.4.2.2: heuristics ${known ? "count" : "do not count"} for ${status}`, () => {
    assert.equal(isCacheableByDefault(status), known);
    const lifetime = freshnessLifetimeSeconds(aStored([DATE, DAY_OLD], { status }));
    assert.equal(lifetime, known ? 8640 : 0);
    const shared = aStored([DATE, DAY_OLD, "Cache-Control: public"], { status });
    assert.equal(freshnessLifetimeSeconds(shared), 8640);
  });
}

const HEURISTIC: readonly (readonly [string, readonly string[], number])[] = [
  ["a tenth of the time since Last-Modified", [DATE, `Last-Modified: ${dateAt(-105)}`], 10],
  ["at most a day", [DATE, `Last-Modified: ${dateAt(-400 * 86_400)}`], 86_400],
  ["Last-Modified in the future", [DATE, `Last-Modified: ${dateAt(5)}`], 0],
  ["invalid Last-Modified", [DATE, "Last-Modified: x"], 0],
  ["no Last-Modified", [DATE], 0],
  ["not against Expires in the past", [DATE, DAY_OLD, "Expires: -1"], 0],
  ["not against max-age=0", [DATE, DAY_OLD, "Cache-Control: max-age=0"], 0],
];

for (const [title, texts, expected] of HEURISTIC) {
  test(`RFC 9111 s.4.2.2: ${title}`, () => {
    assert.equal(freshnessLifetimeSeconds(aStored(texts)), expected);
  });
}
