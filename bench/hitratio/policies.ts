import { EvictionOrder } from "../../edge/store/eviction-order.ts";
import type { QueueNode } from "../../edge/store/eviction-queue.ts";
import type { Policy } from "./replay.ts";

/** First in, first out, by bytes: a list in arrays with one place per object of the trace. */
class Fifo {
  readonly #bytesOf: Float64Array;
  // Neighbours, where 0 is the end of the list and n is object n - 1.
  readonly #newer: Uint32Array;
  readonly #older: Uint32Array;
  #oldest = 0;
  #newest = 0;
  bytes = 0;
  count = 0;

  constructor(objects: number) {
    this.#bytesOf = new Float64Array(objects + 1);
    this.#newer = new Uint32Array(objects + 1);
    this.#older = new Uint32Array(objects + 1);
  }

  push(object: number, bytes: number): void {
    const at = object + 1;
    this.#bytesOf[at] = bytes;
    this.#older[at] = this.#newest;
    this.#newer[at] = 0;
    if (this.#newest === 0) this.#oldest = at;
    else this.#newer[this.#newest] = at;
    this.#newest = at;
    this.bytes += bytes;
    this.count += 1;
  }

  /** Takes an object out and gives its bytes. */
  remove(object: number): number {
    const at = object + 1;
    const [newer, older] = [this.#newer[at] ?? 0, this.#older[at] ?? 0];
    if (older === 0) this.#oldest = newer;
    else this.#newer[older] = newer;
    if (newer === 0) this.#newest = older;
    else this.#older[newer] = older;
    const bytes = this.#bytesOf[at] ?? 0;
    this.bytes -= bytes;
    this.count -= 1;
    return bytes;
  }

  oldest(): number | undefined {
    return this.#oldest === 0 ? undefined : this.#oldest - 1;
  }
}

/** Least recently used, by bytes. */
export class Lru implements Policy {
  readonly #order: Fifo;

  constructor(objects: number) {
    this.#order = new Fifo(objects);
  }

  get bytes(): number {
    return this.#order.bytes;
  }

  insert(object: number, bytes: number): void {
    this.#order.push(object, bytes);
  }

  touch(object: number): void {
    this.#order.push(object, this.#order.remove(object));
  }

  evict(): number | undefined {
    const object = this.#order.oldest();
    if (object !== undefined) this.#order.remove(object);
    return object;
  }
}

/** The paper's figures: share of the small queue, uses that are counted. */
const SMALL_SHARE = 0.1;
const USES_MAX = 3;

/**
 * S3-FIFO as published (Yang et al., SOSP 2023), by bytes: the yardstick, not what the edge runs.
 * The ghost is exact and goes back as many evictions as the main queue holds objects.
 */
export class PlainS3Fifo implements Policy {
  readonly #small: Fifo;
  readonly #main: Fifo;
  readonly #uses: Uint8Array;
  /** The number of the eviction from small with which each object left, 0 for none. */
  readonly #evictedAt: Uint32Array;
  readonly #smallBytesMax: number;
  #evicted = 0;

  constructor(capacity: number, objects: number) {
    this.#smallBytesMax = capacity * SMALL_SHARE;
    this.#small = new Fifo(objects);
    this.#main = new Fifo(objects);
    this.#uses = new Uint8Array(objects);
    this.#evictedAt = new Uint32Array(objects);
  }

  get bytes(): number {
    return this.#small.bytes + this.#main.bytes;
  }

  insert(object: number, bytes: number): void {
    const evictedAt = this.#evictedAt[object] ?? 0;
    this.#evictedAt[object] = 0;
    const known = evictedAt !== 0 && this.#evicted - evictedAt <= this.#main.count;
    (known ? this.#main : this.#small).push(object, bytes);
    this.#uses[object] = 0;
  }

  touch(object: number): void {
    this.#uses[object] = Math.min(USES_MAX, (this.#uses[object] ?? 0) + 1);
  }

  evict(): number | undefined {
    let fromSmall = this.#small.bytes > this.#smallBytesMax;
    for (;;) {
      fromSmall = this.#main.count === 0 || (fromSmall && this.#small.count > 0);
      const queue = fromSmall ? this.#small : this.#main;
      const object = queue.oldest();
      if (object === undefined) return undefined;
      const bytes = queue.remove(object);
      const uses = this.#uses[object] ?? 0;
      if (uses === 0) {
        if (fromSmall) {
          this.#evicted += 1;
          this.#evictedAt[object] = this.#evicted;
        }
        return object;
      }
      this.#uses[object] = fromSmall ? 0 : uses - 1;
      this.#main.push(object, bytes);
    }
  }
}

interface Node extends QueueNode {
  readonly object: number;
}

/** What the edge's memory store runs: the same class, told of the same events. */
export class EdgePolicy implements Policy {
  readonly #order: EvictionOrder<Node>;
  readonly #names: readonly string[];
  readonly #nodes: (Node | undefined)[] = [];

  constructor(capacity: number, names: readonly string[]) {
    this.#order = new EvictionOrder(capacity);
    this.#names = names;
  }

  get bytes(): number {
    return this.#order.bytes - this.#order.sideBytes;
  }

  /** What it remembers beside the objects. The store takes it from its budget. */
  get sideBytes(): number {
    return this.#order.sideBytes;
  }

  insert(object: number, bytes: number): void {
    const node: Node = {
      object,
      key: this.#names[object] ?? "",
      bytes,
      uses: 0,
      queue: "none",
      newer: undefined,
      older: undefined,
    };
    this.#nodes[object] = node;
    this.#order.insert(node);
  }

  touch(object: number): void {
    const node = this.#nodes[object];
    if (node !== undefined) this.#order.touch(node);
  }

  evict(): number | undefined {
    const node = this.#order.evict();
    if (node === undefined) return undefined;
    this.#nodes[node.object] = undefined;
    return node.object;
  }
}
