import { HitCounter, type HitRatios } from "./replay.ts";
import type { Trace } from "./trace.ts";

/**
 * What a cache that knows the future does (P): it keeps what is used soonest. For objects of one
 * size no policy can hit more; for sizes it is the usual yardstick (the true optimum is NP-hard),
 * and a policy that prefers small objects may come out above it by objects.
 */
export function replayBelady(trace: Trace, capacity: number): HitRatios {
  const nextUse = nextUses(trace);
  const counter = new HitCounter();
  // Bytes of each object inside, -1 for those outside.
  const inside = new Float64Array(trace.names.length).fill(-1);
  const farthest = new MaxHeap(trace.requests);
  let used = 0;
  for (let i = 0; i < trace.requests; i += 1) {
    const object = trace.objects[i] ?? 0;
    const next = nextUse[i] ?? trace.requests;
    const bytes = trace.bytes[i] ?? 0;
    const held = inside[object] ?? -1;
    if (held >= 0) counter.hit(bytes);
    if (next === trace.requests) {
      // Never asked for again, so it may as well leave at once.
      if (held >= 0) used -= held;
      inside[object] = -1;
      continue;
    }
    if (held < 0) {
      if (bytes > capacity) continue;
      inside[object] = bytes;
      used += bytes;
    }
    farthest.push(next);
    while (used > capacity) {
      // Uses of the past are still in the heap, but below every future one.
      const victim = trace.objects[farthest.pop()] ?? 0;
      used -= inside[victim] ?? 0;
      inside[victim] = -1;
    }
  }
  return counter.ratios(trace);
}

/** For each request the index of the next one for the same object, or the number of requests. */
function nextUses(trace: Trace): Uint32Array {
  const next = new Uint32Array(trace.requests);
  const seen = new Uint32Array(trace.names.length).fill(trace.requests);
  for (let i = trace.requests - 1; i >= 0; i -= 1) {
    const object = trace.objects[i] ?? 0;
    next[i] = seen[object] ?? trace.requests;
    seen[object] = i;
  }
  return next;
}

/** A binary heap of numbers, largest first, in an array of fixed length. */
class MaxHeap {
  readonly #items: Uint32Array;
  #length = 0;

  constructor(lengthMax: number) {
    this.#items = new Uint32Array(lengthMax);
  }

  push(item: number): void {
    const items = this.#items;
    let at = this.#length;
    this.#length += 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const above = items[parent] ?? 0;
      if (above >= item) break;
      items[at] = above;
      at = parent;
    }
    items[at] = item;
  }

  pop(): number {
    const items = this.#items;
    const top = items[0] ?? 0;
    this.#length -= 1;
    const last = items[this.#length] ?? 0;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#length) break;
      if (child + 1 < this.#length && (items[child + 1] ?? 0) > (items[child] ?? 0)) child += 1;
      const below = items[child] ?? 0;
      if (below <= last) break;
      items[at] = below;
      at = child;
    }
    items[at] = last;
    return top;
  }
}
