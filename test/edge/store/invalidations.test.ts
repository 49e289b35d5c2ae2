import assert from "node:assert/strict";
import { test } from "node:test";
import { Invalidations } from "../../../edge/store/invalidations.ts";
import { CURRENT } from "../../../state/purge.ts";
import { aStored } from "../build.ts";

function asked(at: number) {
  return aStored([], { times: { requestTime: at, responseTime: at } });
}

function kinds(of: Invalidations, base: string, ...at: readonly number[]): string[] {
  return of
    .standings(
      base,
      at.map(asked),
      at.map(() => CURRENT),
    )
    .map(({ kind }) => kind);
}

test("RFC 9111 s.4.4: what was asked for until then must be confirmed, what came later not", () => {
  const urls = new Invalidations();
  urls.note("a", 100);
  assert.deepEqual(kinds(urls, "a", 99, 100, 101), ["unsure", "unsure", "current"]);
  assert.deepEqual(kinds(urls, "b", 1), ["current"]);
});

test("purges that have made something stale are still told", () => {
  const stale = { kind: "stale", since: 5 } as const;
  const urls = new Invalidations();
  urls.note("a", 1);
  assert.deepEqual(urls.standings("a", [asked(2)], [stale]), [stale]);
  assert.deepEqual(urls.standings("b", [asked(2)], [stale]), [stale]);
});

test("beyond its size the oldest URLs count for all: more is asked about, never less", () => {
  const urls = new Invalidations(2);
  urls.note("a", 1);
  urls.note("b", 2);
  urls.note("a", 3);
  urls.note("c", 4);
  assert.deepEqual(kinds(urls, "b", 2, 3), ["unsure", "current"]);
  assert.deepEqual(kinds(urls, "never", 2, 3), ["unsure", "current"]);
  assert.deepEqual(kinds(urls, "a", 3, 4), ["unsure", "current"]);
});
