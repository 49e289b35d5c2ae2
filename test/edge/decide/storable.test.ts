import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Exchange,
  fieldsToStore,
  judgeStorable,
  type NotStoredReason,
  withoutLimited,
} from "../../../edge/decide/storable.ts";
import { dateAt, lines, NOW } from "../build.ts";

const TARGET = "http://www.example.com/a?b";

function anExchange(texts: readonly string[], others: Partial<Exchange> = {}): Exchange {
  return {
    method: "GET",
    requestFields: [],
    status: 200,
    fields: lines(...texts),
    profile: "rfc",
    rule: undefined,
    targetUri: TARGET,
    receivedAt: NOW,
    ...others,
  };
}

function reasonFor(exchange: Exchange): NotStoredReason | "stored" {
  const verdict = judgeStorable(exchange);
  return verdict.store ? "stored" : verdict.reason;
}

const FRESH = "Cache-Control: max-age=60";
const DATE = `Date: ${dateAt(0)}`;

type Case = readonly [
  section: string,
  title: string,
  texts: readonly string[],
  expected: NotStoredReason | "stored",
  others?: Partial<Exchange>,
];

const CASES: readonly Case[] = [
  ["3", "explicit freshness", [FRESH], "stored"],
  ["3", "nothing to go by", [], "not-reusable"],
  ["3", "an ETag to validate with", ['ETag: "a"'], "stored"],
  ["3", "Last-Modified", [`Last-Modified: ${dateAt(-99)}`], "stored"],
  ["3", "max-age=0 alone", ["Cache-Control: max-age=0"], "not-reusable"],
  ["3", "max-age=0 and an ETag", ["Cache-Control: max-age=0", 'ETag: "a"'], "stored"],
  [
    "3",
    "max-age=0 and stale-while-revalidate",
    ["Cache-Control: max-age=0, stale-while-revalidate=9"],
    "stored",
  ],
  ["3", "max-age=0 and stale-if-error", ["Cache-Control: max-age=0, stale-if-error=9"], "stored"],
  ["3", "no-cache alone", ["Cache-Control: no-cache, max-age=60"], "not-reusable"],
  ["3", "no-cache and an ETag", ["Cache-Control: no-cache", 'ETag: "a"'], "stored"],
  ["3", "no-cache limited to a field", ['Cache-Control: no-cache="a", max-age=60'], "stored"],
  ["3", "Expires to come", [`Expires: ${dateAt(60)}`, DATE], "stored"],
  ["3", "Expires in the past", [`Expires: ${dateAt(-60)}`, DATE], "not-reusable"],
  ["3", "no-store", ["Cache-Control: no-store, max-age=60"], "no-store"],
  ["3", "private", ["Cache-Control: private, max-age=60"], "private"],
  ["3", "private limited to a field", ['Cache-Control: private="a", max-age=60'], "stored"],
  ["3", "private limited to nothing", ['Cache-Control: private="", max-age=60'], "private"],
  ["3", "public error", ["Cache-Control: public", 'ETag: "a"'], "stored", { status: 599 }],
  ["3", "error that says nothing", ['ETag: "a"'], "status", { status: 599 }],
  ["3", "error with a lifetime", [FRESH], "stored", { status: 599 }],
  ["3", "302 that says nothing", ["Location: /b"], "status", { status: 302 }],
  ["3", "302 with a lifetime", ["Location: /b", FRESH], "stored", { status: 302 }],
  ["3", "interim", [FRESH], "status", { status: 103 }],
  ["3.3", "a part", [FRESH, "Content-Range: bytes 0-1/9"], "partial", { status: 206 }],
  ["4.3.4", "304", [FRESH], "status", { status: 304 }],
  ["4.1", "Vary: *", [FRESH, "Vary: Accept, *"], "vary-star"],
  ["4.1", "Vary", [FRESH, "Vary: Accept"], "stored"],
  [
    "5.2.1.5",
    "no-store of a request is advisory",
    [FRESH],
    "stored",
    { requestFields: lines("Cache-Control: no-store") },
  ],
  [
    "5.2.2.3",
    "must-understand, understood, beats no-store",
    ["Cache-Control: max-age=60, must-understand, no-store"],
    "stored",
  ],
  [
    "5.2.2.3",
    "must-understand, unknown",
    ["Cache-Control: max-age=60, must-understand"],
    "must-understand",
    { status: 599 },
  ],
  [
    "5.2.2.3",
    "must-understand does not beat private",
    ["Cache-Control: max-age=60, must-understand, private"],
    "private",
  ],
  [
    "RFC 9213",
    "CDN-Cache-Control beats no-store",
    ["Cache-Control: no-store", "CDN-Cache-Control: max-age=60"],
    "stored",
  ],
  ["RFC 9213", "CDN-Cache-Control: private", [FRESH, "CDN-Cache-Control: private"], "private"],
  ["3", "HEAD", [FRESH], "method", { method: "HEAD" }],
  ["3", "PUT", [FRESH], "method", { method: "PUT" }],
  ["RFC 9110 9.3.3", "POST", [FRESH], "method", { method: "POST" }],
  [
    "RFC 9110 9.3.3",
    "POST about itself, relative",
    [FRESH, "Content-Location: /a?b"],
    "stored",
    { method: "POST" },
  ],
  [
    "RFC 9110 9.3.3",
    "POST about itself, absolute",
    [FRESH, `Content-Location: ${TARGET}`],
    "stored",
    { method: "POST" },
  ],
  [
    "RFC 9110 9.3.3",
    "POST about another",
    [FRESH, "Content-Location: /c"],
    "method",
    { method: "POST" },
  ],
  [
    "RFC 9110 9.3.3",
    "POST without lifetime",
    ['ETag: "a"', "Content-Location: /a?b"],
    "method",
    { method: "POST" },
  ],
  [
    "RFC 9110 9.3.3",
    "POST with an illegible location",
    [FRESH, "Content-Location: http://[/"],
    "method",
    { method: "POST" },
  ],
  [
    "RFC 9110 9.3.3",
    "POST to an illegible target",
    [FRESH, "Content-Location: /a"],
    "method",
    { method: "POST", targetUri: "*" },
  ],
  ["rule", "cache: false", [FRESH], "rule", { rule: { match: "/a", cache: false } }],
  ["rule", "a ttl makes it fresh", [], "stored", { rule: { match: "/a", cache: true, ttl: 2000 } }],
  [
    "rule",
    "a ttl beats max-age=0",
    ["Cache-Control: max-age=0"],
    "stored",
    { rule: { match: "/a", cache: true, ttl: 2000 } },
  ],
  ["rule", "a ttl of 0", [FRESH], "not-reusable", { rule: { match: "/a", cache: true, ttl: 0 } }],
  [
    "rule",
    "a ttl does not beat private",
    ["Cache-Control: private"],
    "private",
    { rule: { match: "/a", cache: true, ttl: 2000 } },
  ],
  [
    "rule",
    "a ttl does not beat no-store",
    ["Cache-Control: no-store"],
    "no-store",
    { rule: { match: "/a", cache: true, ttl: 2000 } },
  ],
  [
    "rule",
    "a ttl does not make an error storable",
    [],
    "status",
    { status: 500, rule: { match: "/a", cache: true, ttl: 2000 } },
  ],
  ["6585", "429 with a lifetime", [FRESH], "status", { status: 429 }],
  ["6585", "431 with a lifetime", [FRESH], "status", { status: 431 }],
  ["profile", "rfc stores a 400", [FRESH], "stored", { status: 400 }],
  ["profile", "safe does not", [FRESH], "request-error", { status: 400, profile: "safe" }],
  [
    "profile",
    "safe stores a 400 that a rule names",
    [FRESH],
    "stored",
    { status: 400, profile: "safe", rule: { match: "/a", cache: true, ttl: { 400: 2_000 } } },
  ],
  [
    "profile",
    "safe does not store a 400 for a lifetime of all",
    [FRESH],
    "request-error",
    { status: 400, profile: "safe", rule: { match: "/a", cache: true, ttl: 2_000 } },
  ],
  ["profile", "rfc stores a Set-Cookie", [FRESH, "Set-Cookie: a=b"], "stored"],
  ["profile", "safe does not", [FRESH, "Set-Cookie: a=b"], "set-cookie", { profile: "safe" }],
  [
    "profile",
    "safe stores what is left of it",
    ['Cache-Control: max-age=60, private="Set-Cookie"', "Set-Cookie: a=b"],
    "stored",
    { profile: "safe" },
  ],
  [
    "profile",
    "safe stores chunked",
    [FRESH, "Transfer-Encoding: Chunked"],
    "stored",
    { profile: "safe" },
  ],
  [
    "profile",
    "safe refuses other codings",
    [FRESH, "Transfer-Encoding: gzip, chunked"],
    "transfer-coding",
    { profile: "safe" },
  ],
  ["profile", "rfc takes other codings", [FRESH, "Transfer-Encoding: foo"], "stored"],
];

for (const [section, title, texts, expected, others] of CASES) {
  const place = section.startsWith("RFC") ? section : `RFC 9111 s.${section}`;
  test(`${place}: ${title} -> ${expected}`, () => {
    assert.equal(reasonFor(anExchange(texts, others)), expected);
  });
}

const DIRECTIVES = [
  "public",
  "private",
  "no-store",
  "no-cache",
  "max-age=60",
  "s-maxage=60",
  "must-revalidate",
  "proxy-revalidate",
  "must-understand",
] as const;

/** The same rules said once more, from the text of section 3 and 3.5, for every pair. */
function mayStore(names: ReadonlySet<string>, status: number, authorized: boolean): boolean {
  const has = (name: (typeof DIRECTIVES)[number]) => names.has(name);
  const understood = status === 200 || status === 404 || status === 500;
  if (has("must-understand") ? !understood : has("no-store")) return false;
  if (has("private")) return false;
  if (authorized && !has("public") && !has("must-revalidate") && !has("s-maxage=60")) return false;
  const lifetime = has("max-age=60") || has("s-maxage=60");
  return lifetime || has("public") || status === 200 || status === 404;
}

test("RFC 9111 s.3 and s.3.5: every pair of directives, status and Authorization", () => {
  let count = 0;
  for (const one of DIRECTIVES) {
    for (const two of DIRECTIVES) {
      for (const status of [200, 404, 500, 599]) {
        for (const authorized of [false, true]) {
          const exchange = anExchange([`Cache-Control: ${one}, ${two}`, 'ETag: "a"'], {
            status,
            requestFields: authorized ? lines("Authorization: x") : [],
          });
          const expected = mayStore(new Set([one, two]), status, authorized);
          const told = `${one}, ${two}, ${status}, ${authorized}`;
          assert.equal(reasonFor(exchange) === "stored", expected, told);
          count += 1;
        }
      }
    }
  }
  assert.equal(count, DIRECTIVES.length ** 2 * 8);
});

test("RFC 9111 s.3.5: Authorization is refused by name", () => {
  const requestFields = lines("Authorization: Basic eDp5");
  assert.equal(reasonFor(anExchange([FRESH], { requestFields })), "authorization");
});

test("RFC 9111 s.3.1: hop-by-hop and limited fields are not stored, and a Date is added", () => {
  const fields = lines(
    "Connection: a",
    "a: 1",
    "b: 2",
    "c: 3",
    "d: 4",
    'Cache-Control: max-age=60, private="b", no-cache="c"',
  );
  assert.deepEqual(
    fieldsToStore(fields, NOW),
    lines("d: 4", 'Cache-Control: max-age=60, private="b", no-cache="c"', `Date: ${dateAt(0)}`),
  );
});

test("RFC 9111 s.3.1: the Date of the origin stays as it is", () => {
  assert.deepEqual(fieldsToStore(lines("Date: x"), NOW), lines("Date: x"));
  assert.deepEqual(withoutLimited(lines("Date: x")), lines("Date: x"));
});

test("a GET with a body leaves nothing behind: what the body says is not in the key", () => {
  const requestFields = lines("Content-Length: 5");
  assert.equal(reasonFor(anExchange([FRESH], { requestFields })), "request-body");
});

test("a request whose key would not hold it, or whose no-store counts, leaves nothing behind", () => {
  for (const bypass of ["key-too-long", "request-no-store"] as const) {
    assert.equal(reasonFor(anExchange([FRESH], { bypass })), bypass);
  }
});

test("RFC 9111 s.5.2.2.4, 5.2.2.7: what no-cache and private are limited to is left out", () => {
  const kept = (directive: string) =>
    fieldsToStore(lines(`Cache-Control: ${directive}="A, b"`, DATE, "A: 1", "B: 2", "C: 3"), NOW)
      .map(([name]) => name)
      .join();
  assert.equal(kept("no-cache"), "cache-control,date,c");
  assert.equal(kept("private"), "cache-control,date,c");
});
