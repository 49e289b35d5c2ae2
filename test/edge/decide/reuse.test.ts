import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decideReuse,
  type Reuse,
  type ReuseQuestion,
  type RevalidateReason,
} from "../../../edge/decide/reuse.ts";
import type { Standing } from "../../../edge/decide/standing.ts";
import type { StoredResponse } from "../../../edge/decide/stored.ts";
import { aStored, dateAt, lines, NOW } from "../build.ts";

function decide(stored: readonly StoredResponse[], others: Partial<ReuseQuestion> = {}): Reuse {
  const question = { method: "GET", requestFields: [], now: NOW + 10_000, revalidateAll: false };
  return decideReuse({ stored, ...question, ...others });
}

const fresh = (index = 0): Reuse => ({ kind: "serve", index, ageSeconds: 10, ttlSeconds: 50 });
const revalidate = (reason: RevalidateReason, index = 0): Reuse => ({
  kind: "revalidate",
  index,
  reason,
});

const SINGLE: readonly (readonly [string, string, Reuse])[] = [
  ["4.2: fresh", "max-age=60", fresh()],
  ["4.2: a second left", "max-age=11", { kind: "serve", index: 0, ageSeconds: 10, ttlSeconds: 1 }],
  ["4.2: as old as its lifetime", "max-age=10", revalidate("stale")],
  ["4.2: stale", "max-age=5", revalidate("stale")],
  ["5.2.2.4: no-cache", "max-age=60, no-cache", revalidate("no-cache")],
  ["5.2.2.4: limited no-cache", 'max-age=60, no-cache="a"', fresh()],
  ["5.2.2.7: private that came later", "max-age=60, private", revalidate("no-cache")],
  ["5.2.2.5: no-store that came later", "max-age=60, no-store", revalidate("no-cache")],
  [
    "5.2.2.3: no-store that must-understand undoes",
    "max-age=60, no-store, must-understand",
    fresh(),
  ],
  ["5.2.2.2: must-revalidate while fresh", "max-age=60, must-revalidate", fresh()],
  ["RFC 8246: immutable while fresh", "max-age=60, immutable", fresh()],
  ["RFC 8246: immutable and stale", "max-age=5, immutable", revalidate("stale")],
  [
    "RFC 5861 s.3: within the window",
    "max-age=5, stale-while-revalidate=6",
    { kind: "serve-stale-refresh", index: 0, ageSeconds: 10, ttlSeconds: -5 },
  ],
  [
    "RFC 5861 s.3: at its beginning",
    "max-age=10, stale-while-revalidate=1",
    { kind: "serve-stale-refresh", index: 0, ageSeconds: 10, ttlSeconds: 0 },
  ],
  ["RFC 5861 s.3: at its end", "max-age=5, stale-while-revalidate=5", revalidate("stale")],
  ...["must-revalidate", "proxy-revalidate", "s-maxage=5"].map(
    (directive): readonly [string, string, Reuse] => [
      `4.2.4: ${directive} beats stale-while-revalidate`,
      `max-age=5, ${directive}, stale-while-revalidate=60`,
      revalidate("stale"),
    ],
  ),
];

for (const [title, directives, expected] of SINGLE) {
  const place = title.startsWith("RFC") ? title : `RFC 9111 s.${title}`;
  test(`${place} (${directives})`, () => {
    assert.deepEqual(decide([aStored([`Cache-Control: ${directives}`])]), expected);
  });
}

test("RFC 9111 s.4: nothing stored, nothing that matches, other methods", () => {
  const vary = aStored(["Cache-Control: max-age=60", "Vary: Foo"], { varyOn: [["foo", "1"]] });
  assert.deepEqual(decide([]), { kind: "fetch", reason: "uri-miss" });
  assert.deepEqual(decide([vary]), { kind: "fetch", reason: "vary-miss" });
  assert.deepEqual(decide([vary], { requestFields: lines("Foo: 1") }), fresh());
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "M-SEARCH", "get"]) {
    assert.deepEqual(decide([vary], { method }), { kind: "fetch", reason: "method" });
  }
  assert.deepEqual(decide([aStored(["Cache-Control: max-age=60"])], { method: "HEAD" }), fresh());
});

test("a rule may set a lifetime of less than a second, and it is kept to", () => {
  const stored = [aStored([], { ruleTtlSeconds: 0.5 })];
  const expected = { kind: "serve", index: 0, ageSeconds: 0, ttlSeconds: 0 };
  assert.deepEqual(decide(stored, { now: NOW + 499 }), expected);
  assert.deepEqual(decide(stored, { now: NOW + 500 }), revalidate("stale"));
});

test("RFC 9111 s.1.2.2: the longest lifetime ends too", () => {
  const stored = [aStored(["Cache-Control: max-age=99999999999", "Age: 2147483647"])];
  assert.equal(decide(stored, { now: NOW }).kind, "serve");
  assert.deepEqual(decide(stored, { now: NOW + 1000 }), revalidate("stale"));
});

test("purges may have been missed: nothing is served unasked", () => {
  const stored = [aStored(["Cache-Control: max-age=60, stale-while-revalidate=60"])];
  assert.deepEqual(decide(stored, { revalidateAll: true }), revalidate("catching-up"));
});

for (const request of [
  "Cache-Control: no-cache",
  "Cache-Control: max-age=0",
  "Cache-Control: no-store",
  "Cache-Control: min-fresh=999",
  "Pragma: no-cache",
]) {
  test(`RFC 9111 s.5.2.1: ${request} of a request is advisory`, () => {
    const stored = [aStored(["Cache-Control: max-age=60"])];
    assert.deepEqual(decide(stored, { requestFields: lines(request) }), fresh());
  });
}

test("RFC 9111 s.5.2.1.2: max-stale does not open what has expired", () => {
  const requestFields = lines("Cache-Control: max-stale=99999");
  const stored = [aStored(["Cache-Control: max-age=5"])];
  assert.deepEqual(decide(stored, { requestFields }), revalidate("stale"));
});

test("RFC 9111 s.5.2.1.7: only-if-cached is answered from the store or refused", () => {
  const requestFields = lines("Cache-Control: only-if-cached");
  const refused = { kind: "refuse", reason: "only-if-cached" };
  const of = (directives: string) =>
    decide([aStored([`Cache-Control: ${directives}`])], { requestFields });
  assert.deepEqual(of("max-age=60"), fresh());
  assert.equal(of("max-age=5, stale-while-revalidate=60").kind, "serve-stale-refresh");
  assert.deepEqual(of("max-age=5"), refused);
  assert.deepEqual(of("no-cache"), refused);
  assert.deepEqual(decide([], { requestFields }), refused);
});

test("RFC 9111 s.4: among several that match, the most recent that may be used is used", () => {
  const older = aStored(["Cache-Control: max-age=60", `Date: ${dateAt(-5)}`]);
  const newer = aStored(["Cache-Control: max-age=60", `Date: ${dateAt(0)}`]);
  const stale = aStored(["Cache-Control: max-age=1", `Date: ${dateAt(5)}`]);
  const extended = aStored(["Cache-Control: max-age=1, stale-while-revalidate=60"]);
  assert.deepEqual(decide([older, newer]), fresh(1));
  assert.deepEqual(decide([newer, older]), fresh(0));
  assert.deepEqual(decide([stale, newer]), fresh(1), "an expired one hides no valid one");
  assert.deepEqual(decide([newer, stale, extended]), fresh(0));
  assert.equal(decide([stale, extended]).kind, "serve-stale-refresh");
  assert.deepEqual(decide([stale]), revalidate("stale"));
});

test("RFC 9111 s.4.1: the request's weights choose among codings, then Date, then length", () => {
  const coded = (coding: string, seconds: number, bodyBytes = 10) =>
    aStored(
      [
        "Cache-Control: max-age=60",
        "Vary: Accept-Encoding",
        `Date: ${dateAt(seconds)}`,
        ...(coding === "" ? [] : [`Content-Encoding: ${coding}`]),
      ],
      { varyOn: [["accept-encoding", "zstd, br, gzip"]], bodyBytes },
    );
  const stored = [coded("gzip", 0), coded("br", -5), coded("zstd", -5, 9), coded("", 0)];
  const CASES = [
    ["gzip;q=0.5, br", 1],
    ["gzip, br;q=0.5", 0],
    ["gzip, br", 0],
    ["br, zstd", 2],
    ["zstd;q=0.9, br;q=0.8, gzip;q=0.7", 2],
    ["identity", 3],
    ["", 3],
    ["gzip;q=0.1, identity;q=0.2", 3],
  ] as const;
  for (const [accept, index] of CASES) {
    const requestFields = lines(`Accept-Encoding: ${accept}`);
    const chosen = (among: readonly StoredResponse[]) => {
      const reuse = decide(among, { requestFields });
      return "index" in reuse ? among[reuse.index] : undefined;
    };
    assert.equal(chosen(stored), stored[index], accept);
    assert.equal(chosen(stored.toReversed()), stored[index], `${accept}, backwards`);
  }
});

test("RFC 9111 s.4.1: a coding that is liked better but expired hides no valid one", () => {
  const coded = (coding: string, maxAge: number) =>
    aStored(
      [`Cache-Control: max-age=${maxAge}`, "Vary: Accept-Encoding", `Content-Encoding: ${coding}`],
      { varyOn: [["accept-encoding", coding]] },
    );
  const requestFields = lines("Accept-Encoding: br, gzip;q=0.1");
  assert.deepEqual(decide([coded("br", 5), coded("gzip", 60)], { requestFields }), fresh(1));
});

const softly = (secondsAgo: number): Standing => ({
  kind: "stale",
  since: NOW + 10_000 - secondsAgo * 1000,
});

const PURGED: readonly (readonly [string, string, Standing, Reuse])[] = [
  ["no purge", "max-age=60", { kind: "current" }, fresh()],
  ["soft: no longer fresh", "max-age=60", softly(0), revalidate("purged")],
  [
    "RFC 5861 s.3: soft, within the window that begins with it",
    "max-age=60, stale-while-revalidate=5",
    softly(4),
    { kind: "serve-stale-refresh", index: 0, ageSeconds: 10, ttlSeconds: -4 },
  ],
  [
    "RFC 5861 s.3: soft, after that window",
    "max-age=60, stale-while-revalidate=5",
    softly(5),
    revalidate("purged"),
  ],
  [
    "RFC 5861 s.3: expired before it was softly purged, the window has begun then",
    "max-age=5, stale-while-revalidate=5",
    softly(1),
    revalidate("purged"),
  ],
  [
    "RFC 9111 s.5.2.2.2: soft, and never to be served stale",
    "max-age=60, stale-while-revalidate=5, must-revalidate",
    softly(0),
    revalidate("purged"),
  ],
  ["purges may have been missed", "max-age=60", { kind: "unsure" }, revalidate("catching-up")],
];
for (const [title, directives, standing, expected] of PURGED) {
  test(`purged: ${title} -> ${expected.kind}`, () => {
    const stored = aStored([`Cache-Control: ${directives}`]);
    assert.deepEqual(decide([stored], { standings: [standing] }), expected);
  });
}

test("purged: a variant that no purge concerns goes before one that is softly purged", () => {
  const stored = aStored(["Cache-Control: max-age=60, stale-while-revalidate=60"]);
  assert.deepEqual(decide([stored, stored], { standings: [softly(1)] }), fresh(1));
});

const STALE_5: Reuse = { kind: "serve", index: 0, ageSeconds: 10, ttlSeconds: -5 };
const REFRESH_5: Reuse = {
  kind: "serve-stale-refresh",
  index: 0,
  ageSeconds: 10,
  ttlSeconds: -5,
};
const REFUSED: Reuse = { kind: "refuse", reason: "only-if-cached" };

/** Ten seconds old: what the response says, what the client says, what a site that honours does. */
const HONOURED: readonly (readonly [response: string, request: string, Reuse])[] = [
  ["max-age=60", "x", fresh()],
  ["max-age=60", "no-cache", revalidate("request")],
  ["max-age=60, immutable", "no-cache", revalidate("request")],
  ["max-age=60", "max-age=0", revalidate("request")],
  ["max-age=60", "max-age=9", revalidate("request")],
  ["max-age=60", "max-age=10", fresh()],
  ["max-age=60, immutable", "max-age=0", fresh()],
  ["max-age=5, immutable", "max-age=0", revalidate("request")],
  ["max-age=60", "min-fresh=50", fresh()],
  ["max-age=60", "min-fresh=51", revalidate("request")],
  ["max-age=60, immutable", "min-fresh=51", revalidate("request")],
  ["max-age=5", "max-stale", STALE_5],
  ["max-age=5", "max-stale=6", STALE_5],
  ["max-age=5", "max-stale=5", revalidate("stale")],
  ["max-age=5", "max-stale=99, max-age=99", STALE_5],
  ["max-age=5", "max-stale=99, max-age=9", revalidate("request")],
  ["max-age=5, stale-while-revalidate=60", "max-stale", REFRESH_5],
  ["max-age=5, stale-while-revalidate=60", "max-age=60", revalidate("request")],
  ["max-age=5, stale-while-revalidate=60", "x", REFRESH_5],
  ["max-age=5, must-revalidate", "max-stale", revalidate("stale")],
  ["max-age=5, proxy-revalidate", "max-stale", revalidate("stale")],
  ["s-maxage=5", "max-stale", revalidate("stale")],
  ["max-age=60, no-cache", "max-stale", revalidate("no-cache")],
  ["max-age=60", "only-if-cached", fresh()],
  ["max-age=60", "only-if-cached, no-cache", REFUSED],
  ["max-age=60", "only-if-cached, max-age=0", REFUSED],
  ["max-age=5", "only-if-cached", REFUSED],
  ["max-age=5", "only-if-cached, max-stale", STALE_5],
];

for (const [response, request, expected] of HONOURED) {
  const requestFields = lines(`Cache-Control: ${request}`);
  const stored = [aStored([`Cache-Control: ${response}`])];
  test(`RFC 9111 s.5.2.1: "${response}" asked for with "${request}", honoured`, () => {
    const reuse = decide(stored, { requestFields, clientDirectives: "honour" });
    assert.deepEqual(reuse, expected);
  });
  test(`ADR 7: "${response}" asked for with "${request}", ignored`, () => {
    // But for only-if-cached, which costs the origin nothing, as if the client had said nothing.
    const plain = decide(stored);
    const isRefused = request.includes("only-if-cached") && plain.kind === "revalidate";
    assert.deepEqual(decide(stored, { requestFields }), isRefused ? REFUSED : plain);
  });
}

test("RFC 9111 s.5.4: Pragma counts where it is honoured", () => {
  const stored = [aStored(["Cache-Control: max-age=60"])];
  const requestFields = lines("Pragma: no-cache");
  assert.deepEqual(decide(stored, { requestFields }), fresh());
  assert.deepEqual(
    decide(stored, { requestFields, clientDirectives: "honour" }),
    revalidate("request"),
  );
});

test("no client may ask for what has been purged, however softly", () => {
  const stored = [aStored(["Cache-Control: max-age=60"])];
  const standings: Standing[] = [{ kind: "stale", since: NOW + 5_000 }];
  const requestFields = lines("Cache-Control: max-stale");
  assert.deepEqual(
    decide(stored, { standings, requestFields, clientDirectives: "honour" }),
    revalidate("purged"),
  );
});

test("RFC 9111 s.4.1: among equals a body of unknown length counts as the shortest", () => {
  const stored = [10, undefined, 20].map((bodyBytes) =>
    aStored(["Cache-Control: max-age=60"], { bodyBytes }),
  );
  assert.deepEqual(decide(stored), fresh(1));
  assert.deepEqual(decide(stored.toReversed()), fresh(1));
});
