import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  type CacheDirectives,
  DELTA_SECONDS_MAX,
  type RequestDirectives,
  requestDirectives,
  responseDirectives,
} from "../../../edge/http/cache-control.ts";
import { effectiveDirectives } from "../../../edge/http/targeted-cache-control.ts";
import { lines } from "../build.ts";

const NONE: CacheDirectives = {
  maxAge: undefined,
  sMaxage: undefined,
  staleWhileRevalidate: undefined,
  staleIfError: undefined,
  noStore: false,
  noCache: false,
  private: false,
  public: false,
  mustRevalidate: false,
  proxyRevalidate: false,
  mustUnderstand: false,
  immutable: false,
};

const NO_WISHES: RequestDirectives = {
  noCache: false,
  noStore: false,
  onlyIfCached: false,
  maxAge: undefined,
  minFresh: undefined,
  maxStale: undefined,
};

const CASES: readonly (readonly [string, Partial<CacheDirectives>])[] = [
  ["", {}],
  ["nothing-to-see-here", {}],
  ["max-age=3600", { maxAge: 3600 }],
  ["MaX-aGe=3600", { maxAge: 3600 }],
  ["foobar, max-age=3600", { maxAge: 3600 }],
  ["max-age=003600", { maxAge: 3600 }],
  ['max-age="3600"', { maxAge: 3600 }],
  ["max-age='3600'", { maxAge: 0 }],
  ["max-age=-3600", { maxAge: 0 }],
  ["max-age=+3600", { maxAge: 0 }],
  ["max-age=3600.0", { maxAge: 0 }],
  ["max-age=3600a", { maxAge: 0 }],
  ["max-age=", { maxAge: 0 }],
  ["max-age", { maxAge: 0 }],
  ["max-age= 3600", { maxAge: 0 }],
  // With a space before the equals sign it is the name of another directive.
  ["max-age =3600", {}],
  ["max-age=1, max-age=3600", { maxAge: 1 }],
  ["max-age=x, max-age=3600", { maxAge: 0 }],
  ["max-age=2147483649", { maxAge: DELTA_SECONDS_MAX }],
  ["max-age=99999999999999999999999999", { maxAge: DELTA_SECONDS_MAX }],
  ['extension="max-age=3600"', {}],
  ['extension="max-age=3600", max-age=1', { maxAge: 1 }],
  ['max-age="1", extension="max-age=3600"', { maxAge: 1 }],
  ["s-maxage=5, max-age=7", { sMaxage: 5, maxAge: 7 }],
  ["stale-while-revalidate=5, stale-if-error=7", { staleWhileRevalidate: 5, staleIfError: 7 }],
  ["No-StOrE", { noStore: true }],
  ["no-store=x", { noStore: true }],
  ["no-cache", { noCache: true }],
  ['no-cache="a"', { noCache: ["a"] }],
  ['no-cache="A, b"', { noCache: ["a", "b"] }],
  ["no-cache=a", { noCache: ["a"] }],
  ["private", { private: true }],
  ['private="Set-Cookie"', { private: ["set-cookie"] }],
  ['private=""', { private: true }],
  ['private="a b"', { private: true }],
  ['private="a', { private: true }],
  ['private="a\\b"', { private: ["ab"] }],
  ['private="a, max-age=60', { private: true }],
  ["public", { public: true }],
  ["public=yes", {}],
  [
    "must-revalidate, proxy-revalidate, must-understand, immutable, no-transform",
    { mustRevalidate: true, proxyRevalidate: true, mustUnderstand: true, immutable: true },
  ],
];

for (const [value, expected] of CASES) {
  test(`RFC 9111 s.5.2: Cache-Control: ${value}`, () => {
    const directives = responseDirectives(lines(`Cache-Control: ${value}`));
    assert.deepEqual(directives, { ...NONE, ...expected });
  });
}

test("RFC 9111 s.5.2: directives are read over all lines", () => {
  const fields = lines("Cache-Control: max-age=5", "Cache-Control: no-cache");
  assert.deepEqual(responseDirectives(fields), { ...NONE, maxAge: 5, noCache: true });
});

test("RFC 9111 s.5.2: no text makes it throw, and no lifetime leaves its range", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 40 }), (text) => {
      const { maxAge = 0 } = responseDirectives([["cache-control", `max-age=${text}`]]);
      assert.ok(maxAge >= 0 && maxAge <= DELTA_SECONDS_MAX);
    }),
  );
});

for (const [value, expected] of [
  ["only-if-cached", true],
  ["max-age=0, Only-If-Cached", true],
  ['x="only-if-cached"', false],
  ["no-cache", false],
] as const) {
  test(`RFC 9111 s.5.2.1.7: a request with ${value}`, () => {
    assert.equal(requestDirectives(lines(`Cache-Control: ${value}`)).onlyIfCached, expected);
  });
}

const WISHES: readonly (readonly [lines: readonly string[], expected: object])[] = [
  [[], {}],
  [["Cache-Control: nothing-to-see-here", "Pragma: foo"], {}],
  [["Cache-Control: no-cache"], { noCache: true }],
  [["Cache-Control: No-Cache, NO-STORE"], { noCache: true, noStore: true }],
  [["Pragma: x, No-Cache"], { noCache: true }],
  [["Pragma: no-cache", "Cache-Control: max-age=5"], { maxAge: 5 }],
  [["Cache-Control: max-age=5, max-age=9"], { maxAge: 5 }],
  [["Cache-Control: max-age=x"], { maxAge: 0 }],
  [["Cache-Control: max-age"], { maxAge: 0 }],
  [['Cache-Control: max-age="7"'], { maxAge: 7 }],
  [["Cache-Control: min-fresh=30"], { minFresh: 30 }],
  [["Cache-Control: min-fresh=-1"], { minFresh: DELTA_SECONDS_MAX }],
  [["Cache-Control: min-fresh"], { minFresh: DELTA_SECONDS_MAX }],
  [["Cache-Control: max-stale"], { maxStale: DELTA_SECONDS_MAX }],
  [["Cache-Control: max-stale=30"], { maxStale: 30 }],
  [["Cache-Control: max-stale=x"], { maxStale: 0 }],
  [["Cache-Control: max-age=99999999999"], { maxAge: DELTA_SECONDS_MAX }],
  [["Cache-Control: max-age=1", "Cache-Control: no-store"], { maxAge: 1, noStore: true }],
];

for (const [texts, expected] of WISHES) {
  test(`RFC 9111 s.5.2.1: a request with ${texts.join("; ") || "nothing"}`, () => {
    assert.deepEqual(requestDirectives(lines(...texts)), { ...NO_WISHES, ...expected });
  });
}

test("RFC 8246: immutable is read", () => {
  assert.ok(responseDirectives(lines("Cache-Control: max-age=1, Immutable")).immutable);
});

const OWN = "Cache-Control: max-age=1";

for (const [texts, source, expected] of [
  [[OWN], "cache-control", { maxAge: 1 }],
  [[OWN, "CDN-Cache-Control: max-age=60"], "cdn-cache-control", { maxAge: 60 }],
  [
    ["Cache-Control: no-store", "CDN-Cache-Control: max-age=60"],
    "cdn-cache-control",
    { maxAge: 60 },
  ],
  [[OWN, "CDN-Cache-Control: foo"], "cdn-cache-control", {}],
  [[OWN, "CDN-Cache-Control: no-store"], "cdn-cache-control", { noStore: true }],
  [
    [OWN, "CDN-Cache-Control: no-cache, private"],
    "cdn-cache-control",
    { noCache: true, private: true },
  ],
  [[OWN, "CDN-Cache-Control: max-age=60, no-store=?0"], "cdn-cache-control", { maxAge: 60 }],
  [[OWN, "CDN-Cache-Control: no-store=?1"], "cdn-cache-control", { noStore: true }],
  [[OWN, "CDN-Cache-Control: max-age=60;ext=1"], "cdn-cache-control", { maxAge: 60 }],
  [[OWN, 'CDN-Cache-Control: private="a, b"'], "cdn-cache-control", { private: ["a", "b"] }],
  [[OWN, "CDN-Cache-Control: private=a"], "cdn-cache-control", { private: true }],
  [[OWN, 'CDN-Cache-Control: private=("a" "b")'], "cdn-cache-control", { private: true }],
  [[OWN, "CDN-Cache-Control: private=1"], "cdn-cache-control", { private: true }],
  [
    [OWN, "CDN-Cache-Control: max-age=60", "CDN-Cache-Control: no-cache"],
    "cdn-cache-control",
    { maxAge: 60, noCache: true },
  ],
  // Of the wrong type.
  [[OWN, 'CDN-Cache-Control: max-age="60"'], "cdn-cache-control", { maxAge: 0 }],
  [[OWN, "CDN-Cache-Control: max-age=60.5"], "cdn-cache-control", { maxAge: 0 }],
  [[OWN, "CDN-Cache-Control: max-age=-60"], "cdn-cache-control", { maxAge: 0 }],
  [[OWN, "CDN-Cache-Control: max-age"], "cdn-cache-control", { maxAge: 0 }],
  // Not a structured dictionary: as good as absent.
  [[OWN, "CDN-Cache-Control: max-age=60, &&&&&"], "cache-control", { maxAge: 1 }],
  [[OWN, "CDN-Cache-Control: max-age =60"], "cache-control", { maxAge: 1 }],
  [[OWN, "CDN-Cache-Control: max-age= 60"], "cache-control", { maxAge: 1 }],
  [[OWN, "CDN-Cache-Control: MaX-aGe=60"], "cache-control", { maxAge: 1 }],
  [[OWN, "CDN-Cache-Control:"], "cache-control", { maxAge: 1 }],
  // Precedence.
  [[OWN, "Surrogate-Control: max-age=60"], "surrogate-control", { maxAge: 60 }],
  [[OWN, "Surrogate-Control: no-store"], "surrogate-control", { noStore: true }],
  [
    ["Cache-Control: private", 'Surrogate-Control: content="ESI/1.0"'],
    "cache-control",
    { private: true },
  ],
  [
    [OWN, "Surrogate-Control: max-age=60", "CDN-Cache-Control: max-age=70"],
    "cdn-cache-control",
    { maxAge: 70 },
  ],
  [
    ["CDN-Cache-Control: max-age=70", "Meridian-Cache-Control: max-age=80"],
    "meridian-cache-control",
    { maxAge: 80 },
  ],
  [
    ["CDN-Cache-Control: max-age=70", "Meridian-Cache-Control: ?"],
    "cdn-cache-control",
    { maxAge: 70 },
  ],
] as const) {
  test(`RFC 9213 s.2.2: ${texts.join(" | ")}`, () => {
    const effective = effectiveDirectives(lines(...texts));
    assert.deepEqual(effective, { directives: { ...NONE, ...expected }, source });
  });
}
