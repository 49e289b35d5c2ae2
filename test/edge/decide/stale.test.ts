import assert from "node:assert/strict";
import { test } from "node:test";
import {
  forbidsStale,
  mayServeStaleOnError,
  type OriginFailure,
} from "../../../edge/decide/stale.ts";
import { aStored, dateAt, NOW } from "../build.ts";

const UNREACHABLE: OriginFailure = { kind: "unreachable" };
const status = (code: number): OriginFailure => ({ kind: "status", status: code });

interface Case {
  readonly title: string;
  readonly texts: readonly string[];
  readonly afterSeconds?: number;
  readonly failure?: OriginFailure;
  readonly expected: boolean;
}

const DAY = 86_400;

const CASES: readonly Case[] = [
  { title: "s.4.2.4: origin unreachable", texts: ["Cache-Control: max-age=2"], expected: true },
  {
    title: "s.4.2.4: for less than three days",
    texts: ["Cache-Control: max-age=2"],
    afterSeconds: 3 * DAY + 1,
    expected: true,
  },
  {
    title: "s.4.2.4: not for longer",
    texts: ["Cache-Control: max-age=2"],
    afterSeconds: 3 * DAY + 2,
    expected: false,
  },
  {
    title: "s.4.2.4: 503 alone is the answer",
    texts: ["Cache-Control: max-age=2"],
    failure: status(503),
    expected: false,
  },
  {
    title: "s.4.2.4: heuristic freshness was freshness",
    texts: [`Last-Modified: ${dateAt(-100)}`],
    expected: true,
  },
  { title: "s.4.2.4: never fresh", texts: ['ETag: "a"'], expected: false },
  {
    title: "s.4.2.4: max-age=0",
    texts: ["Cache-Control: max-age=0", 'ETag: "a"'],
    expected: false,
  },
  {
    title: "RFC 5861 s.4: unreachable within the window",
    texts: ["Cache-Control: max-age=2, stale-if-error=60"],
    expected: true,
  },
  {
    title: "RFC 5861 s.4: the window has an end",
    texts: ["Cache-Control: max-age=2, stale-if-error=60"],
    afterSeconds: 62,
    expected: false,
  },
  {
    title: "RFC 5861 s.4: never fresh, but asked for",
    texts: ["Cache-Control: max-age=0, stale-if-error=60"],
    expected: true,
  },
  ...[500, 502, 503, 504].map((code) => ({
    title: `RFC 5861 s.4: ${code} within the window`,
    texts: ["Cache-Control: max-age=2, stale-if-error=60"],
    failure: status(code),
    expected: true,
  })),
  ...[404, 410, 429, 501, 505, 200].map((code) => ({
    title: `RFC 5861 s.4: ${code} is no such error`,
    texts: ["Cache-Control: max-age=2, stale-if-error=60"],
    failure: status(code),
    expected: false,
  })),
];

for (const { title, texts, afterSeconds = 10, failure = UNREACHABLE, expected } of CASES) {
  const place = title.startsWith("RFC") ? title : `RFC 9111 ${title}`;
  test(`${place} -> ${expected}`, () => {
    const now = NOW + afterSeconds * 1000;
    assert.equal(mayServeStaleOnError(aStored(texts), now, failure), expected);
  });
}

for (const [directive, expected] of [
  ["must-revalidate", true],
  ["proxy-revalidate", true],
  ["no-cache", true],
  ["s-maxage=2", true],
  ["private", true],
  ["no-store", true],
  ['no-cache="a"', false],
  ['private="a"', false],
  ["no-store, must-understand", false],
  ["public", false],
] as const) {
  test(`RFC 9111 s.4.2.4: ${directive} ${expected ? "forbids" : "does not forbid"} stale`, () => {
    const stored = aStored([`Cache-Control: max-age=2, stale-if-error=60, ${directive}`]);
    assert.equal(forbidsStale(stored), expected);
    for (const failure of [UNREACHABLE, status(503)]) {
      assert.equal(mayServeStaleOnError(stored, NOW + 10_000, failure), !expected);
    }
  });
}

test("RFC 5861 s.4: the window of what was softly purged while fresh begins with the purge", () => {
  const stored = aStored(["Cache-Control: max-age=600, stale-if-error=60"]);
  for (const [secondsAgo, expected] of [
    [0, true],
    [59, true],
    [60, false],
  ] as const) {
    const standing = { kind: "stale", since: NOW + 100_000 - secondsAgo * 1000 } as const;
    const served = mayServeStaleOnError(stored, NOW + 100_000, UNREACHABLE, standing);
    assert.equal(served, expected, `${secondsAgo} s ago`);
  }
});

test("RFC 9111 s.5.2.2.10: s-maxage implies proxy-revalidate, whatever stale-if-error says", () => {
  const stored = aStored(["Cache-Control: s-maxage=5, stale-if-error=60"]);
  assert.ok(forbidsStale(stored));
  assert.ok(!mayServeStaleOnError(stored, NOW + 10_000, UNREACHABLE));
});
