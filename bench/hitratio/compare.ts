import { replayBelady } from "./belady.ts";
import { EdgePolicy, Lru, PlainS3Fifo } from "./policies.ts";
import { type HitRatios, replay } from "./replay.ts";
import type { Trace } from "./trace.ts";

export interface Comparison {
  readonly trace: {
    readonly requests: number;
    readonly unique: number;
    readonly uniqueBytes: number;
    readonly capacity: number;
  };
  readonly lru: HitRatios;
  readonly s3fifo: HitRatios;
  readonly policy: HitRatios & { readonly sideBytes: number };
  readonly belady: HitRatios;
}

/** Sends one trace through all policies with the same capacity (P). */
export function compare(trace: Trace, capacity: number): Comparison {
  const edge = new EdgePolicy(capacity, trace.names);
  const policy = replay(trace, edge, capacity);
  return {
    trace: {
      requests: trace.requests,
      unique: trace.names.length,
      uniqueBytes: trace.uniqueBytes,
      capacity,
    },
    lru: replay(trace, new Lru(trace.names.length), capacity),
    s3fifo: replay(trace, new PlainS3Fifo(capacity, trace.names.length), capacity),
    policy: { ...policy, sideBytes: edge.sideBytes },
    belady: replayBelady(trace, capacity),
  };
}
