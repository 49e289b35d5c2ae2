/** One stored thing, as the eviction order sees it. Kept by the store, linked by the queues. */
export interface QueueNode {
  readonly key: string;
  /** Of the key, 0 before it has been asked for: see `hashOf`. */
  hash?: number;
  /** Must not change while the node is queued. */
  bytes: number;
  /** What the order knows about its uses: see `S3Fifo`. Zero for a new node. */
  uses: number;
  queue: "small" | "main" | "none";
  newer: QueueNode | undefined;
  older: QueueNode | undefined;
  /** When it entered its queue, on the clock of the order that queued it. */
  entered?: number;
}

/** One class for every power of two of bytes; everything from 2^39 on shares the last one. */
const CLASSES = 40;

/**
 * What a place in each class weighs: its least bytes to a power. One half is half way between "all
 * wait equally long" (0, best for bytes) and "time by size" (1, best for objects).
 */
const WEIGHTS = {
  none: Array.from({ length: CLASSES }, () => 1),
  root: Array.from({ length: CLASSES }, (_, i) => 2 ** (i / 2)),
} as const;

/** How much size counts: not at all, or by its square root. */
export type SizeWeight = keyof typeof WEIGHTS;

/**
 * A queue of nodes of similar size (within a factor of two) per size class. Within a class it is
 * first in, first out. Between classes the node whose waiting time, times the weight of its size,
 * is largest leaves first: by the square root a node of four times the bytes has half the time.
 * Nodes of one size leave in the order in which they came.
 */
export class SizedQueue {
  readonly #name: "small" | "main";
  readonly #classes = Array.from({ length: CLASSES }, () => new Fifo());
  bytes = 0;
  count = 0;

  constructor(name: "small" | "main") {
    this.#name = name;
  }

  push(node: QueueNode, now: number): void {
    node.queue = this.#name;
    node.entered = now;
    this.#classOf(node).push(node);
    this.bytes += node.bytes;
    this.count += 1;
  }

  /** Takes out the node that has waited longest for its size; undefined when it is empty. */
  shift(now: number, weight: SizeWeight): QueueNode | undefined {
    const { node } = this.next(now, weight);
    if (node !== undefined) this.unlink(node);
    return node;
  }

  /** The node that has waited longest for its size, and how long, weighed. */
  next(now: number, weight: SizeWeight): { node: QueueNode | undefined; waited: number } {
    let chosen: QueueNode | undefined;
    let most = 0;
    const weights = WEIGHTS[weight];
    for (let i = 0; i < CLASSES; i += 1) {
      const node = this.#classes[i]?.oldest;
      if (node === undefined) continue;
      const waited = (now - (node.entered ?? now) + 1) * (weights[i] ?? 1);
      if (waited > most) [chosen, most] = [node, waited];
    }
    return { node: chosen, waited: most };
  }

  /** Puts a node behind all others of its class, as if it came now. */
  renew(node: QueueNode, now: number): void {
    const queue = this.#classOf(node);
    queue.unlink(node);
    node.entered = now;
    queue.push(node);
  }

  unlink(node: QueueNode): void {
    this.#classOf(node).unlink(node);
    node.queue = "none";
    this.bytes -= node.bytes;
    this.count -= 1;
  }

  #classOf(node: QueueNode): Fifo {
    return this.#classes[classOf(node.bytes)] as Fifo;
  }
}

/** The index of a size's class, within CLASSES whatever the bytes (P). */
function classOf(bytes: number): number {
  if (bytes < 2 ** 31) return 31 - Math.clz32(Math.max(1, bytes));
  return Math.min(CLASSES - 1, Math.floor(Math.log2(bytes)));
}

/** A doubly linked list, oldest first. */
class Fifo {
  oldest: QueueNode | undefined;
  #newest: QueueNode | undefined;

  push(node: QueueNode): void {
    node.older = this.#newest;
    node.newer = undefined;
    if (this.#newest === undefined) this.oldest = node;
    else this.#newest.newer = node;
    this.#newest = node;
  }

  unlink(node: QueueNode): void {
    if (node.older === undefined) this.oldest = node.newer;
    else node.older.newer = node.newer;
    if (node.newer === undefined) this.#newest = node.older;
    else node.newer.older = node.older;
    node.older = undefined;
    node.newer = undefined;
  }
}
