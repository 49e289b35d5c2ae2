import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { decideReuse } from "../../../edge/decide/reuse.ts";
import { mayServeStaleOnError } from "../../../edge/decide/stale.ts";
import { fieldsToStore, judgeStorable } from "../../../edge/decide/storable.ts";
import type { StoredResponse } from "../../../edge/decide/stored.ts";
import { selectedFields, varyNames } from "../../../edge/key/variant.ts";
import { dateAt, lines, NOW } from "../build.ts";
import {
  type Headers,
  type Past,
  reasonNotToKeep,
  reasonNotToServe,
  reasonNotToServeStale,
} from "./oracle.ts";

/** Fixed, so that a failure is the same everywhere; the report of a failure names the path. */
const SEED = 9111;
const RUNS = 4000;

const aNumber = fc.constantFrom(0, 1, 5, 30, 60, 3600);

const aDirective = fc.oneof(
  fc.constantFrom("public", "private", "no-store", "no-cache", "must-revalidate"),
  fc.constantFrom("proxy-revalidate", "must-understand", "immutable", "ext", "max-age=x"),
  fc
    .tuple(
      fc.constantFrom("max-age", "s-maxage", "stale-while-revalidate", "stale-if-error"),
      aNumber,
    )
    .map(([name, value]) => `${name}=${value}`),
);

const directives = fc.array(aDirective, { minLength: 1, maxLength: 4 });

const aDate = fc.integer({ min: -7200, max: 7200 }).map((seconds) => dateAt(seconds));

const aResponseLine = fc.oneof(
  { weight: 4, arbitrary: directives.map((list) => `Cache-Control: ${list.join(", ")}`) },
  directives.map((list) => `CDN-Cache-Control: ${list.join(", ")}`),
  directives.map((list) => `Meridian-Cache-Control: ${list.join(", ")}`),
  aDate.map((date) => `Expires: ${date}`),
  aDate.map((date) => `Date: ${date}`),
  aDate.map((date) => `Last-Modified: ${date}`),
  aNumber.map((age) => `Age: ${age}`),
  fc.constantFrom(
    "Expires: 0",
    "Age: x",
    'ETag: "a"',
    "Set-Cookie: a=b",
    "Connection: Cache-Control",
  ),
  fc.constantFrom("Vary: Foo", "Vary: Foo, Bar", "Vary: *", "Vary: Cookie", "Vary: Authorization"),
);

const aRequestLine = fc.constantFrom(
  "Foo: 1",
  "Foo: 2",
  "Foo:",
  "Bar: 1",
  "Cookie: a=1",
  "Cookie: a=2",
  "Authorization: x",
  "Authorization: y",
  "Cache-Control: max-stale=99999",
  "Cache-Control: only-if-cached",
  "Cache-Control: no-cache",
);

/** One line of a name in a request: what Node joins or refuses is not this test's business. */
const aRequest = fc.uniqueArray(aRequestLine, {
  maxLength: 4,
  selector: (line) => line.slice(0, line.indexOf(":")),
});

const aHistory = fc.record({
  request: aRequest,
  status: fc.constantFrom(200, 200, 200, 206, 301, 302, 404, 500, 599),
  response: fc.array(aResponseLine, { maxLength: 5 }),
  delaySeconds: fc.constantFrom(0, 0, 1, 10),
  profile: fc.constantFrom("safe" as const, "rfc" as const),
});

type History = typeof aHistory extends fc.Arbitrary<infer T> ? T : never;

function pastOf({ request, status, response, delaySeconds }: History): Past {
  const answered = NOW / 1000;
  const asked = answered - delaySeconds;
  return { request: lines(...request), status, response: lines(...response), asked, answered };
}

/** What the edge would have in store after this, or undefined when it stores nothing. */
function storedAfter(history: History): StoredResponse | undefined {
  const requestFields = lines(...history.request);
  const fields = lines(...history.response);
  const { status, profile } = history;
  const exchange = { method: "GET", requestFields, status, fields, profile, rule: undefined };
  const verdict = judgeStorable({ ...exchange, targetUri: "http://a.test/", receivedAt: NOW });
  const names = varyNames(fields);
  if (!verdict.store || names === "*") return undefined;
  return {
    status,
    fields: fieldsToStore(fields, NOW),
    times: { requestTime: NOW - history.delaySeconds * 1000, responseTime: NOW },
    bodyBytes: 1,
    method: "GET",
    varyOn: selectedFields(names, requestFields),
    ruleTtlSeconds: undefined,
  };
}

/** Counts what a run met, so that a property that is never put to the test fails. */
function tally() {
  const counts = new Map<string, number>();
  return {
    note: (what: string) => counts.set(what, (counts.get(what) ?? 0) + 1),
    atLeast: (what: string, least: number) => {
      const met = counts.get(what) ?? 0;
      assert.ok(met >= least, `only ${met} of ${RUNS} runs met "${what}"`);
    },
  };
}

test("RFC 9111 s.3: what the oracle calls another client's is never kept", () => {
  const { note, atLeast } = tally();
  fc.assert(
    fc.property(aHistory, (history) => {
      const stored = storedAfter(history);
      const reason = reasonNotToKeep(pastOf(history));
      note(`${stored === undefined ? "not kept" : "kept"}, ${reason ?? "allowed"}`);
      assert.ok(stored === undefined || reason === undefined, `kept in spite of ${reason}`);
    }),
    { seed: SEED, numRuns: RUNS },
  );
  atLeast("kept, allowed", RUNS / 10);
  for (const reason of ["private", "no-store", "authorization", "vary *", "not complete"]) {
    atLeast(`not kept, ${reason}`, 20);
  }
});

test("profile safe: no Set-Cookie is ever in the store", () => {
  const { note, atLeast } = tally();
  fc.assert(
    fc.property(aHistory, (history) => {
      const stored = storedAfter({ ...history, profile: "safe" });
      if (history.response.includes("Set-Cookie: a=b")) note("cookie");
      assert.ok(!(stored?.fields.some(([name]) => name === "set-cookie") ?? false));
    }),
    { seed: SEED, numRuns: RUNS },
  );
  atLeast("cookie", 100);
});

test("RFC 9111 s.4: nothing is served unasked that the oracle forbids", () => {
  const { note, atLeast } = tally();
  const waits = fc.constantFrom(0, 1, 4, 29, 59, 61, 400, 3700);
  fc.assert(
    fc.property(aHistory, aRequest, waits, fc.boolean(), (history, request, wait, same) => {
      const stored = storedAfter(history);
      fc.pre(stored !== undefined);
      const asked: Headers = lines(...(same ? history.request : request));
      const now = NOW + wait * 1000;
      const question = { stored: [stored], method: "GET", requestFields: asked, now };
      const reuse = decideReuse({ ...question, revalidateAll: false });
      const served = reuse.kind === "serve" || reuse.kind === "serve-stale-refresh";
      const reason = reasonNotToServe(pastOf(history), asked, now / 1000);
      note(served ? reuse.kind : (reason?.replace(/^stale.*/, "stale") ?? "not served, allowed"));
      assert.ok(!served || reason === undefined, `served in spite of: ${reason}`);
    }),
    { seed: SEED, numRuns: RUNS },
  );
  atLeast("serve", RUNS / 10);
  atLeast("serve-stale-refresh", 20);
  for (const reason of ["stale", "no-cache", "another variant"]) atLeast(reason, 20);
});

test("RFC 9111 s.4.2.4: no failure of the origin opens what the oracle forbids", () => {
  const { note, atLeast } = tally();
  const failures = fc.constantFrom(
    { kind: "unreachable" } as const,
    { kind: "status", status: 503 } as const,
    { kind: "status", status: 404 } as const,
  );
  fc.assert(
    fc.property(aHistory, failures, fc.constantFrom(1, 10, 100), (history, failure, wait) => {
      const stored = storedAfter(history);
      fc.pre(stored !== undefined);
      const served = mayServeStaleOnError(stored, NOW + wait * 1000, failure);
      const reason = reasonNotToServeStale(pastOf(history));
      note(served ? "served" : (reason ?? "not served, allowed"));
      assert.ok(!served || reason === undefined, `served stale in spite of ${reason}`);
      assert.ok(!served || failure.kind === "unreachable" || failure.status === 503);
    }),
    { seed: SEED, numRuns: RUNS },
  );
  atLeast("served", 100);
  for (const reason of ["no-cache", "must-revalidate", "proxy-revalidate", "s-maxage"]) {
    atLeast(reason, 20);
  }
});
