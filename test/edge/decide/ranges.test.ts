import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  DISORDERED_MAX,
  isAscending,
  OVERLAPS_MAX,
  RANGES_MAX,
  selectRanges,
} from "../../../edge/decide/ranges.ts";

/** Ranges as `first-last` texts, or the kind of any other outcome. */
function select(value: string | undefined, length = 100): string {
  const selection = selectRanges(value, length);
  if (selection.kind !== "ranges") return selection.kind;
  return selection.ranges.map(({ first, last }) => `${first}-${last}`).join(" ");
}

const CASES: readonly (readonly [value: string | undefined, expected: string, length?: number])[] =
  [
    [undefined, "full"],
    ["bytes=0-1", "0-1"],
    ["bytes=0-1,4-5", "0-1 4-5"],
    ["bytes= 0-1 , ,\t4-5,", "0-1 4-5"],
    ["bytes=90-,0-1", "90-99 0-1"],
    ["bytes=0-0,-1", "0-0 99-99"],
    ["bytes=0-4, 3-9, -2", "0-9 98-99"],
    ["bytes=0-4,5-9", "0-9"],
    ["bytes=0-4,6-9", "0-4 6-9"],
    ["bytes=50-60,0-1,55-70", "50-70 0-1"],
    ["bytes=0-1,100-200", "0-1"],
    ["bytes=100-,200-", "range-not-satisfiable"],
    ["bytes=-0", "range-not-satisfiable"],
    ["bytes=0-1,x", "full"],
    ["bytes=0-1,5-4", "full"],
    ["bytes=0-1,-", "full"],
    ["bytes=,", "full"],
    ["items=0-1,4-5", "full"],
    ["bytes=-1", "full", 0],
    ["bytes=0-", "range-not-satisfiable", 0],
    ["bytes=-0", "range-not-satisfiable", 0],
  ];

for (const [value, expected, length] of CASES) {
  test(`RFC 9110 s.14.1.2: ${value} of ${length ?? 100} bytes -> ${expected}`, () => {
    assert.equal(select(value, length), expected);
  });
}

/** `count` ranges of one byte with a gap behind each. */
function spread(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${i * 3}-${i * 3}`);
}

test("RFC 9110 s.14.2: too many, too disordered and too overlapping sets are ignored", () => {
  const list = (members: readonly string[]) => select(`bytes=${members.join(",")}`, 10_000);
  assert.equal(list(spread(RANGES_MAX)).split(" ").length, RANGES_MAX);
  assert.equal(list(spread(RANGES_MAX + 1)), "full");
  assert.equal(list(spread(DISORDERED_MAX).toReversed()).split(" ").length, DISORDERED_MAX);
  assert.equal(list(spread(DISORDERED_MAX + 1).toReversed()), "full");
  const same = (times: number) => Array.from({ length: times }, () => "5-9");
  assert.equal(list(same(OVERLAPS_MAX + 1)), "5-9");
  assert.equal(list(same(OVERLAPS_MAX + 2)), "full");
});

test("whatever is asked for, what is sent is asked for, in bounds, apart, and no more", () => {
  const aBound = fc.integer({ min: 0, max: 40 });
  const aMember = fc.oneof(
    fc.tuple(aBound, aBound).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
    aBound.map((n) => `${n}-`),
    aBound.map((n) => `-${n}`),
  );
  let several = 0;
  fc.assert(
    fc.property(
      fc.array(aMember, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 50 }),
      (members, length) => {
        const wanted = new Set(
          Array.from({ length }, (_, byte) => byte).filter((byte) =>
            members.some((member) => asksFor(member, byte, length)),
          ),
        );
        const selection = selectRanges(`bytes=${members.join(", ")}`, length);
        if (selection.kind === "range-not-satisfiable") assert.equal(wanted.size, 0);
        if (selection.kind !== "ranges") return;
        if (selection.ranges.length > 1) several += 1;
        const sent = selection.ranges.flatMap(({ first, last }) =>
          Array.from({ length: last - first + 1 }, (_, i) => first + i),
        );
        assert.deepEqual(new Set(sent), wanted);
        assert.equal(sent.length, wanted.size, "no byte twice");
      },
    ),
    { seed: 9110, numRuns: 2_000 },
  );
  assert.ok(several > 100, `only ${several} runs had several ranges`);
});

/** RFC 9110 section 14.1.2, read member by member. */
function asksFor(member: string, byte: number, length: number): boolean {
  const [from = "", to = ""] = member.split("-");
  if (from === "") return byte >= length - Number(to);
  return byte >= Number(from) && (to === "" || byte <= Number(to));
}

test("ascending means that none begins in front of the one before it", () => {
  assert.ok(isAscending([]));
  assert.ok(
    isAscending([
      { first: 0, last: 3 },
      { first: 5, last: 6 },
    ]),
  );
  assert.ok(
    !isAscending([
      { first: 5, last: 6 },
      { first: 0, last: 3 },
    ]),
  );
});
