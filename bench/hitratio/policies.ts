import { type QueueNode, S3Fifo } from "../../edge/store/s3-fifo.ts";
import type { Policy } from "./replay.ts";

/** Least recently used, by bytes: a Map iterates in the order of insertion. */
export class Lru implements Policy {
  readonly #order = new Map<number, number>();
  bytes = 0;

  insert(object: number, bytes: number): void {
    this.#order.set(object, bytes);
    this.bytes += bytes;
  }

  touch(object: number): void {
    const bytes = this.#order.get(object) ?? 0;
    this.#order.delete(object);
    this.#order.set(object, bytes);
  }

  evict(): number | undefined {
    for (const [object, bytes] of this.#order) {
      this.#order.delete(object);
      this.bytes -= bytes;
      return object;
    }
    return undefined;
  }
}

/** The paper's figures: share of the small queue, uses that are counted. */
const SMALL_SHARE = 0.1;
const USES_MAX = 3;

/** First in, first out, by bytes. */
class Fifo {
  readonly #order = new Map<number, number>();
  bytes = 0;

  get count(): number {
    return this.#order.size;
  }

  push(object: number, bytes: number): void {
    this.#order.set(object, bytes);
    this.bytes += bytes;
  }

  shift(): readonly [object: number, bytes: number] | undefined {
    for (const entry of this.#order) {
      this.#order.delete(entry[0]);
      this.bytes -= entry[1];
      return entry;
    }
    return undefined;
  }
}

/**
 * S3-FIFO as published (Yang et al., SOSP 2023), by bytes: the yardstick, not what the edge runs.
 * The ghost is exact and holds as many identifiers as the main queue holds objects.
 */
export class PlainS3Fifo implements Policy {
  readonly #small = new Fifo();
  readonly #main = new Fifo();
  readonly #ghost = new Map<number, number>();
  readonly #uses = new Map<number, number>();
  readonly #smallBytesMax: number;
  #evicted = 0;

  constructor(capacity: number) {
    this.#smallBytesMax = capacity * SMALL_SHARE;
  }

  get bytes(): number {
    return this.#small.bytes + this.#main.bytes;
  }

  insert(object: number, bytes: number): void {
    const evictedAt = this.#ghost.get(object);
    this.#ghost.delete(object);
    const known = evictedAt !== undefined && this.#evicted - evictedAt <= this.#main.count + 1;
    (known ? this.#main : this.#small).push(object, bytes);
    this.#uses.set(object, 0);
  }

  touch(object: number): void {
    this.#uses.set(object, Math.min(USES_MAX, (this.#uses.get(object) ?? 0) + 1));
  }

  evict(): number | undefined {
    let fromSmall = this.#small.bytes > this.#smallBytesMax;
    for (;;) {
      fromSmall = this.#main.count === 0 || (fromSmall && this.#small.count > 0);
      const next = (fromSmall ? this.#small : this.#main).shift();
      if (next === undefined) return undefined;
      const [object, bytes] = next;
      const uses = this.#uses.get(object) ?? 0;
      if (uses === 0) {
        if (fromSmall) this.#remember(object);
        this.#uses.delete(object);
        return object;
      }
      this.#uses.set(object, fromSmall ? 0 : uses - 1);
      this.#main.push(object, bytes);
    }
  }

  #remember(object: number): void {
    this.#evicted += 1;
    this.#ghost.set(object, this.#evicted);
    for (const [oldest] of this.#ghost) {
      if (this.#ghost.size <= this.#main.count + 1) break;
      this.#ghost.delete(oldest);
    }
  }
}

interface Node extends QueueNode {
  readonly object: number;
}

/** What the edge's memory store runs: the same class, told of the same events. */
export class EdgePolicy implements Policy {
  readonly #order: S3Fifo<Node>;
  readonly #names: readonly string[];
  readonly #nodes: (Node | undefined)[] = [];

  constructor(capacity: number, names: readonly string[]) {
    this.#order = new S3Fifo(capacity);
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
