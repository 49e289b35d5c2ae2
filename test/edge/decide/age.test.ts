import assert from "node:assert/strict";
import { test } from "node:test";
import { ageValueSeconds, currentAgeSeconds, dateValue } from "../../../edge/decide/age.ts";
import { aStored, dateAt, lines, NOW } from "../build.ts";

for (const [texts, expected] of [
  [[], 0],
  [["Age: 0"], 0],
  [["Age: 7200"], 7200],
  [["Age: 007200"], 7200],
  [["Age: 7200, 0"], 7200],
  [["Age: 0, 7200"], 0],
  [["Age: 7200", "Age: 0"], 7200],
  [["Age: 0", "Age: 7200"], 0],
  [["Age: -7200"], 0],
  [["Age: 7200.0"], 0],
  [["Age: 7200;foo=bar"], 0],
  [["Age: abc"], 0],
  [["Age:"], 0],
  [["Age: 2147483647"], 2 ** 31 - 1],
  [["Age: 2147483648"], 2 ** 31 - 1],
  [["Age: 99999999999999999999"], 2 ** 31 - 1],
] as const) {
  test(`RFC 9111 s.5.1: ${JSON.stringify(texts)} is ${expected} s`, () => {
    assert.equal(ageValueSeconds(lines(...texts)), expected);
  });
}

interface AgeCase {
  readonly title: string;
  readonly texts: readonly string[];
  readonly delayMs?: number;
  readonly waitMs?: number;
  readonly expected: number;
}

const CASES: readonly AgeCase[] = [
  { title: "new", texts: [], expected: 0 },
  {
    title: "Age 10, delay 2 s, 30 s in store",
    texts: ["Age: 10"],
    delayMs: 2000,
    waitMs: 30_000,
    expected: 42,
  },
  { title: "only the delay", texts: [], delayMs: 1500, expected: 1 },
  {
    title: "parts of a second are dropped at the end",
    texts: [],
    delayMs: 600,
    waitMs: 600,
    expected: 1,
  },
  { title: "just under 3 s", texts: [], waitMs: 2999, expected: 2 },
  { title: "3 s", texts: [], waitMs: 3000, expected: 3 },
  { title: "an hour ago by Date", texts: [`Date: ${dateAt(-3600)}`], expected: 3600 },
  { title: "Date beats a smaller Age", texts: [`Date: ${dateAt(-60)}`, "Age: 10"], expected: 60 },
  { title: "Age beats a newer Date", texts: [`Date: ${dateAt(-60)}`, "Age: 90"], expected: 90 },
  { title: "Date in the future", texts: [`Date: ${dateAt(60)}`], waitMs: 5000, expected: 5 },
  { title: "invalid Date", texts: ["Date: yesterday"], waitMs: 5000, expected: 5 },
  { title: "two Dates", texts: [`Date: ${dateAt(-60)}`, `Date: ${dateAt(-60)}`], expected: 0 },
  { title: "clock went back in the store", texts: ["Age: 10"], waitMs: -60_000, expected: 10 },
  { title: "clock went back while asking", texts: ["Age: 10"], delayMs: -60_000, expected: 10 },
  { title: "more than fits", texts: ["Age: 2147483647"], waitMs: 10_000, expected: 2 ** 31 - 1 },
];

for (const { title, texts, delayMs = 0, waitMs = 0, expected } of CASES) {
  test(`RFC 9111 s.4.2.3: ${title} -> ${expected} s`, () => {
    const times = { requestTime: NOW - delayMs, responseTime: NOW };
    const stored = aStored(texts, { times });
    assert.equal(currentAgeSeconds(stored, NOW + waitMs), expected);
    assert.equal(currentAgeSeconds(stored, NOW + waitMs), expected, "the same when asked again");
  });
}

test("RFC 9111 s.4.2.3: whole seconds of Date are not taken for age", () => {
  const times = { requestTime: NOW + 999, responseTime: NOW + 999 };
  assert.equal(currentAgeSeconds(aStored([`Date: ${dateAt(0)}`], { times }), NOW + 1998), 0);
});

test("RFC 9110 s.6.6.1: without a valid Date the arrival counts", () => {
  assert.equal(dateValue(lines(`Date: ${dateAt(-9)}`), NOW), NOW - 9000);
  assert.equal(dateValue(lines("Date: x"), NOW), NOW);
  assert.equal(dateValue([], NOW), NOW);
});
