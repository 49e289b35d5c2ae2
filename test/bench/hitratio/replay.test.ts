import assert from "node:assert/strict";
import { suite, test } from "node:test";
import * as fc from "fast-check";
import { replayBelady } from "../../../bench/hitratio/belady.ts";
import { EdgePolicy, Lru, PlainS3Fifo } from "../../../bench/hitratio/policies.ts";
import { type HitRatios, type Policy, replay } from "../../../bench/hitratio/replay.ts";
import { type Trace, TraceBuilder } from "../../../bench/hitratio/trace.ts";

/** `a b:5`: a request for a, of one byte, and one for b, of five. */
function aTrace(text: string): Trace {
  const builder = new TraceBuilder();
  for (const request of text.split(" ")) {
    const [name = "", bytes = "1"] = request.split(":");
    builder.add(name, Number(bytes));
  }
  return builder.build();
}

const RUNS: Readonly<Record<string, (trace: Trace, capacity: number) => HitRatios>> = {
  lru: (trace, capacity) => replay(trace, new Lru(trace.names.length), capacity),
  s3fifo: (trace, capacity) =>
    replay(trace, new PlainS3Fifo(capacity, trace.names.length), capacity),
  policy: (trace, capacity) => replay(trace, new EdgePolicy(capacity, trace.names), capacity),
  belady: replayBelady,
};

function hits(text: string, capacity: number): Record<string, number> {
  const trace = aTrace(text);
  return Object.fromEntries(
    Object.entries(RUNS).map(([name, run]) => [
      name,
      Math.round(run(trace, capacity).hitRatio * trace.requests),
    ]),
  );
}

suite("replay of traces computed by hand", () => {
  test("LRU loses what was not asked for longest, the optimum never takes in what is not", () => {
    const { lru, belady } = hits("a b a c b", 2);
    assert.deepEqual({ lru, belady }, { lru: 1, belady: 2 });
  });

  test("S3-FIFO keeps what was used while new, and welcomes back what it let go", () => {
    // d makes room: a moves to main, b leaves. a hits; b comes back to main, so one of c, a leaves.
    const { lru, s3fifo, policy } = hits("a a b c d a b d", 3);
    assert.deepEqual({ lru, s3fifo, policy }, { lru: 2, s3fifo: 3, policy: 3 });
  });

  test("S3-FIFO remembers only as many evictions as its main queue has objects", () => {
    // With main empty it remembers one: b, then c, are in the small queue again and pass by.
    const { s3fifo } = hits("a b c a b c", 1);
    assert.equal(s3fifo, 0);
  });

  test("by bytes, as many leave as it takes", () => {
    // c needs the room of both others; the optimum gives up c, which would cost two hits.
    const { lru, belady } = hits("a:5 b:5 c:8 a:5 b:5 c:8", 10);
    assert.deepEqual({ lru, belady }, { lru: 0, belady: 2 });
  });

  test("the edge's policy lets the large object go, S3-FIFO and LRU the two small ones", () => {
    const found = hits("s:1 t:1 big:64 s:1 t:1", 64);
    assert.deepEqual(found, { lru: 0, s3fifo: 0, policy: 2, belady: 2 });
  });

  test("what is larger than the cache passes by, what is as large fits, nothing costs nothing", () => {
    const ratio = { lru: 3, s3fifo: 3, policy: 3, belady: 3 };
    assert.deepEqual(hits("a:1 big:11 a:1 a:1 big:11 a:1", 10), ratio);
    assert.deepEqual(hits("full:10 full:10 none:0 none:0 full:10", 10), ratio);
  });

  test("bytes are counted as asked for", () => {
    const { hitRatio, byteHitRatio } = replay(aTrace("a:1 b:8 b:8 a:3"), new Lru(2), 10);
    assert.deepEqual({ hitRatio, byteHitRatio }, { hitRatio: 0.5, byteHitRatio: 11 / 20 });
  });

  test("a policy that cannot make room is a mistake that shows", () => {
    const stuck: Policy = { bytes: 11, insert: () => {}, touch: () => {}, evict: () => undefined };
    assert.throws(() => replay(aTrace("a"), stuck, 10), /over its budget/);
  });
});

suite("replay of any trace", () => {
  const requests = fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 120 });

  test("with one size no policy beats the optimum, which is what trying everything finds", () => {
    fc.assert(
      fc.property(requests, fc.integer({ min: 1, max: 6 }), (numbers, capacity) => {
        const found = hits(numbers.join(" "), capacity);
        for (const name of ["lru", "s3fifo", "policy"]) {
          assert.ok(
            (found[name] ?? 0) <= (found["belady"] ?? 0),
            `${name} in ${numbers.join(" ")}`,
          );
        }
        assert.equal(found["belady"], mostHits(numbers, capacity));
      }),
      { numRuns: 60 },
    );
  });

  test("in a cache that holds everything only first requests miss", () => {
    fc.assert(
      fc.property(requests, (numbers) => {
        const expected = numbers.length - new Set(numbers).size;
        assert.deepEqual(Object.values(hits(numbers.join(" "), 13)), Array(4).fill(expected));
      }),
    );
  });
});

/** The most hits any choice of contents can have, by following every set that may be inside. */
function mostHits(numbers: readonly number[], capacity: number): number {
  let sets = new Map<number, number>([[0, 0]]);
  for (const number of numbers) {
    const bit = 1 << number;
    const after = new Map<number, number>();
    const reach = (set: number, count: number): void => {
      if ((after.get(set) ?? -1) < count) after.set(set, count);
    };
    for (const [set, count] of sets) {
      if ((set & bit) !== 0) {
        reach(set, count + 1);
        continue;
      }
      reach(set, count);
      if (bits(set) < capacity) reach(set | bit, count);
      for (let other = 1; other <= set; other <<= 1) {
        if ((set & other) !== 0) reach((set & ~other) | bit, count);
      }
    }
    sets = after;
  }
  return Math.max(...sets.values());
}

function bits(set: number): number {
  let count = 0;
  for (let rest = set; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}
