import type { QueueNode } from "./eviction-queue.ts";
import { type EvictionMode, S3Fifo } from "./s3-fifo.ts";

/** A node, its place in the index, and the key that it may keep alive. */
const NODE_BYTES = 256;

/** An object of a trial: as much of it as the order needs. */
interface TrialNode extends QueueNode {
  hash: number;
}

/**
 * A small cache of nothing but keys and sizes, in which one mode is tried on a sample of the
 * requests. They are sampled by key, and the trial has the sample's share of the real budget, so
 * that it hits and misses as the whole would (Waldspurger et al., "Cache Modeling and Optimization
 * using Miniature Simulations", USENIX ATC 2017).
 */
export class EvictionTrial {
  readonly #order: S3Fifo<TrialNode>;
  readonly #nodes = new Map<number, TrialNode>();
  #bytesMax: number;

  constructor(mode: EvictionMode, bytesMax: number) {
    this.#order = new S3Fifo(bytesMax);
    this.#order.mode = mode;
    this.#bytesMax = bytesMax;
  }

  get objects(): number {
    return this.#nodes.size;
  }

  /** What the trial itself occupies. */
  get sideBytes(): number {
    return this.#nodes.size * NODE_BYTES + this.#order.sideBytes;
  }

  /** A request for something whose key has this hash: true if it is a hit. */
  request(hash: number, { key, bytes }: QueueNode): boolean {
    const held = this.#nodes.get(hash);
    if (held !== undefined) {
      this.#order.touch(held);
      return true;
    }
    if (bytes > this.#bytesMax) return false;
    const links = { newer: undefined, older: undefined, entered: 0 };
    const node: TrialNode = { hash, key, bytes, uses: 0, queue: "none", ...links };
    this.#nodes.set(hash, node);
    this.#order.insert(node);
    this.#makeRoom();
    return false;
  }

  /** Changes the budget, and forgets all that is no longer in the sample. */
  resize(bytesMax: number, isSampled: (hash: number) => boolean): void {
    this.#bytesMax = bytesMax;
    this.#order.resize(bytesMax);
    for (const [hash, node] of this.#nodes) {
      if (isSampled(hash)) continue;
      this.#nodes.delete(hash);
      this.#order.remove(node);
    }
    this.#makeRoom();
  }

  #makeRoom(): void {
    while (this.#order.bytes - this.#order.sideBytes > this.#bytesMax) {
      const victim = this.#order.evict();
      if (victim === undefined) return;
      this.#nodes.delete(victim.hash);
    }
  }
}
