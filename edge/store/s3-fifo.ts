import { Ghost, hashKey } from "./ghost.ts";

/** Share of the budget in which new objects must prove themselves. */
const SMALL_SHARE = 0.1;

/** Uses beyond this make no difference: two bits per object, as in the paper. */
const USES_MAX = 3;

/** One stored thing, as the eviction order sees it. Kept by the store, linked by the queues. */
export interface QueueNode {
  readonly key: string;
  bytes: number;
  uses: number;
  queue: "small" | "main" | "none";
  newer: QueueNode | undefined;
  older: QueueNode | undefined;
}

/**
 * Which object leaves when room is needed: S3-FIFO by bytes (Yang et al., SOSP 2023). New objects
 * enter a small queue; those used again move to the main queue, the others leave and are remembered
 * for a while, so that the next time they enter the main queue at once. No use of an object moves
 * anything: it only counts.
 */
export class S3Fifo<N extends QueueNode> {
  readonly #small = new Queue();
  readonly #main = new Queue();
  readonly #ghost: Ghost;
  readonly #smallBytesMax: number;

  constructor(bytesMax: number) {
    this.#smallBytesMax = bytesMax * SMALL_SHARE;
    const slots = 2 ** Math.round(Math.log2(bytesMax / 16_384));
    this.#ghost = new Ghost(Math.min(65_536, Math.max(256, slots)));
  }

  /** Bytes of everything queued, and of the memory of what was evicted. */
  get bytes(): number {
    return this.#small.bytes + this.#main.bytes + this.#ghost.bytes;
  }

  /** How many things are queued. */
  get count(): number {
    return this.#small.count + this.#main.count;
  }

  /** Puts a new node in its place. */
  insert(node: N): void {
    const known = this.#ghost.take(hashKey(node.key), this.#main.count + 1);
    (known ? this.#main : this.#small).push(node, known ? "main" : "small");
  }

  /** Counts one use. */
  touch(node: N): void {
    if (node.uses < USES_MAX) node.uses += 1;
  }

  /** Takes a node out, whatever its place. */
  remove(node: N): void {
    if (node.queue !== "none") (node.queue === "small" ? this.#small : this.#main).unlink(node);
  }

  /** Takes out the node that should leave next, or gives undefined when nothing is queued. */
  evict(): N | undefined {
    let fromSmall = this.#small.bytes > this.#smallBytesMax;
    while (this.count > 0) {
      // Once begun, the small queue goes on until one leaves: what it passes on to main is safe.
      fromSmall = this.#main.count === 0 || (fromSmall && this.#small.count > 0);
      const node = (fromSmall ? this.#small : this.#main).shift();
      if (node === undefined) continue;
      if (node.uses === 0) {
        if (fromSmall) this.#ghost.add(hashKey(node.key));
        return node as N;
      }
      // From small, having been used is enough for main; within main each round costs one use.
      node.uses = fromSmall ? 0 : node.uses - 1;
      this.#main.push(node, "main");
    }
    return undefined;
  }
}

/** A doubly linked queue, oldest first, that knows its bytes. */
class Queue {
  #oldest: QueueNode | undefined;
  #newest: QueueNode | undefined;
  bytes = 0;
  count = 0;

  push(node: QueueNode, name: "small" | "main"): void {
    node.queue = name;
    node.older = this.#newest;
    node.newer = undefined;
    if (this.#newest === undefined) this.#oldest = node;
    else this.#newest.newer = node;
    this.#newest = node;
    this.bytes += node.bytes;
    this.count += 1;
  }

  shift(): QueueNode | undefined {
    const node = this.#oldest;
    if (node !== undefined) this.unlink(node);
    return node;
  }

  unlink(node: QueueNode): void {
    if (node.older === undefined) this.#oldest = node.newer;
    else node.older.newer = node.newer;
    if (node.newer === undefined) this.#newest = node.older;
    else node.newer.older = node.older;
    node.queue = "none";
    node.older = undefined;
    node.newer = undefined;
    this.bytes -= node.bytes;
    this.count -= 1;
  }
}
