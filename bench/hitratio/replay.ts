import type { Trace } from "./trace.ts";

/** An eviction order over numbered objects. The replay keeps the books of what is inside. */
export interface Policy {
  /** Bytes of the objects inside. */
  readonly bytes: number;
  insert(object: number, bytes: number): void;
  /** A request for an object that is inside. */
  touch(object: number): void;
  /** Takes the next victim out; undefined when nothing is inside. */
  evict(): number | undefined;
}

/** Shares of the requests, and of their bytes, that found what they asked for. */
export interface HitRatios {
  readonly hitRatio: number;
  readonly byteHitRatio: number;
}

/** Adds up hits. */
export class HitCounter {
  #hits = 0;
  #hitBytes = 0;

  hit(bytes: number): void {
    this.#hits += 1;
    this.#hitBytes += bytes;
  }

  ratios(trace: Trace): HitRatios {
    const bytes = trace.bytes.reduce((sum, each) => sum + each, 0);
    return {
      hitRatio: this.#hits / trace.requests,
      byteHitRatio: bytes === 0 ? 0 : this.#hitBytes / bytes,
    };
  }
}

/**
 * Sends every request of a trace through a policy (P). What is larger than the whole cache passes
 * by. As in the edge, the new object enters first and then leaves if it is the one that should; an
 * object keeps the size at which it entered.
 */
export function replay(trace: Trace, policy: Policy, capacity: number): HitRatios {
  const inside = new Uint8Array(trace.names.length);
  const counter = new HitCounter();
  for (let i = 0; i < trace.requests; i += 1) {
    const object = trace.objects[i] ?? 0;
    const bytes = trace.bytes[i] ?? 0;
    if (inside[object] === 1) {
      counter.hit(bytes);
      policy.touch(object);
    } else if (bytes <= capacity) {
      inside[object] = 1;
      policy.insert(object, bytes);
      while (policy.bytes > capacity) {
        const victim = policy.evict();
        if (victim === undefined) throw new Error("a policy is over its budget and has no victim");
        inside[victim] = 0;
      }
    }
  }
  return counter.ratios(trace);
}
