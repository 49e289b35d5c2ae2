import { Patience } from "./eviction-patience.ts";
import { type QueueNode, SizedQueue, type SizeWeight } from "./eviction-queue.ts";
import { Ghost, hashOf } from "./ghost.ts";

export type { QueueNode } from "./eviction-queue.ts";

/**
 * What makes an object stay: its uses while it is queued (S3-FIFO), or the time since its last use
 * (LRU); and how much its size counts against it.
 */
export interface EvictionMode {
  readonly by: "frequency" | "recency";
  readonly size: SizeWeight;
}

/** Share of the budget in which new objects must prove themselves: at first, and its bounds. */
const SMALL_SHARE = 0.05;
const SMALL_SHARE_MIN = 0.02;
const SMALL_SHARE_MAX = 0.9;

/** A miss that a queue larger by this share would have avoided counts in favour of that queue. */
const NEAR_SHARE = 0.1;

/** How far such a miss moves the border between the queues, in objects of mean size. */
const NEAR_STEP = 3;

/** The border moves by no more than this share of the budget at once, however few objects fit. */
const NEAR_STEP_SHARE_MAX = 0.01;

/*
 * `QueueNode.uses`: three bits of uses since the node was last looked at, three bits of rounds that
 * it may still live without a use, and whether it has just lived through one.
 */
const USES = 0b111;
const ROUND = 0b1000;
const SPARED = 0b1000000;

/**
 * Which object leaves when room is needed: S3-FIFO (Yang et al., SOSP 2023) with sizes. New objects
 * enter a small queue; those used again move to the main queue, the others leave and are remembered
 * for a while, so that the next time they enter the main queue at once. No use of an object moves
 * anything, unless the mode is recency: it only counts. Beyond the paper: both queues weigh size
 * (`SizedQueue`), the border between them follows what was evicted too early, and so does
 * `Patience`. Every operation takes constant time (amortised: each round of an object in main is
 * paid for by a use). Side storage is 16 to 32 bytes per object, and counted. See ADR 14 for what
 * each part is worth.
 */
export class S3Fifo<N extends QueueNode> {
  /** May change at any time: nothing that is queued moves for it. */
  mode: EvictionMode = { by: "frequency", size: "root" };
  readonly #small = new SizedQueue("small");
  readonly #main = new SizedQueue("main");
  readonly #leftSmall = new Ghost();
  readonly #leftMain = new Ghost();
  readonly #patience = new Patience();
  readonly #onUsed: (node: N) => void;
  #bytesMax: number;
  #smallBytesMax: number;
  #inserted = 0;

  /** `onUsed` is told of nodes that are found to have been used when their turn comes. */
  constructor(bytesMax: number, onUsed: (node: N) => void = () => {}) {
    this.#bytesMax = bytesMax;
    this.#onUsed = onUsed;
    this.#smallBytesMax = bytesMax * SMALL_SHARE;
  }

  /** Changes what everything queued may take. The border between the queues keeps its share. */
  resize(bytesMax: number): void {
    this.#smallBytesMax *= bytesMax / this.#bytesMax;
    this.#bytesMax = bytesMax;
  }

  /** Bytes of everything queued, and of the memory of what was evicted. */
  get bytes(): number {
    return this.#small.bytes + this.#main.bytes + this.sideBytes;
  }

  /** Bytes of the memory of what was evicted. */
  get sideBytes(): number {
    return this.#leftSmall.bytes + this.#leftMain.bytes;
  }

  /** How many things are queued. */
  get count(): number {
    return this.#small.count + this.#main.count;
  }

  /** Puts a new node in its place. */
  insert(node: N): void {
    this.#inserted += 1;
    const hash = hashOf(node);
    const sinceSmall = this.#leftSmall.take(hash);
    const sinceMain = this.#leftMain.take(hash);
    if (sinceMain <= this.#main.count) this.#patience.cameBack();
    this.#moveBorder(sinceSmall, sinceMain);
    const known = Math.min(sinceSmall, sinceMain) <= this.count + 1;
    const proven = known || this.mode.by === "recency";
    (proven ? this.#main : this.#small).push(node, this.#inserted);
  }

  /** Counts one use. */
  touch(node: N): void {
    if ((node.uses & USES) < USES) node.uses += 1;
    if (this.mode.by === "frequency" || node.queue === "none") return;
    this.#inserted += 1;
    (node.queue === "small" ? this.#small : this.#main).renew(node, this.#inserted);
  }

  /** Takes a node out, whatever its place. */
  remove(node: N): void {
    if (node.queue !== "none") (node.queue === "small" ? this.#small : this.#main).unlink(node);
  }

  /**
   * Puts a node in the queue that another one of the same thing leaves, with the uses of that one.
   * Not an insertion: nothing was missed, and what has proved itself need not do so again.
   */
  replace(node: N, successor: N): void {
    const { queue } = node;
    if (queue === "none") return this.insert(successor);
    this.remove(node);
    successor.uses = node.uses;
    (queue === "small" ? this.#small : this.#main).push(successor, this.#inserted);
  }

  /** Takes out the node that should leave next, or gives undefined when nothing is queued. */
  evict(): N | undefined {
    if (this.mode.by === "recency") return this.#evictLeastRecent();
    let fromSmall = this.#small.bytes > this.#smallBytesMax;
    while (this.count > 0) {
      // Once begun, the small queue goes on until one leaves: what it passes on to main is safe.
      fromSmall = this.#main.count === 0 || (fromSmall && this.#small.count > 0);
      const victim = fromSmall ? this.#nextOfSmall() : this.#nextOfMain();
      if (victim !== undefined) return victim as N;
    }
    return undefined;
  }

  /** Of both queues the node that has not been used for longest, for its size. */
  #evictLeastRecent(): N | undefined {
    const [small, main] = [this.#small, this.#main].map((queue) =>
      queue.next(this.#inserted, this.mode.size),
    );
    const inSmall = (small?.waited ?? 0) > (main?.waited ?? 0);
    const node = inSmall ? small?.node : main?.node;
    if (node === undefined) return undefined;
    (inSmall ? this.#small : this.#main).unlink(node);
    if ((node.uses & USES) > 0) this.#onUsed(node as N);
    (inSmall ? this.#leftSmall : this.#leftMain).add(hashOf(node), this.count);
    return node as N;
  }

  /** The next node of the small queue if it was never used; otherwise that moves to main. */
  #nextOfSmall(): QueueNode | undefined {
    const node = this.#small.shift(this.#inserted, this.mode.size);
    if (node === undefined) return undefined;
    if (node.uses === 0) {
      this.#leftSmall.add(hashOf(node), this.count);
      return node;
    }
    // Having been used is enough for main, where it starts like all others.
    this.#onUsed(node as N);
    node.uses = 0;
    this.#main.push(node, this.#inserted);
    return undefined;
  }

  /** The next node of the main queue if it has no round left; otherwise that takes one more. */
  #nextOfMain(): QueueNode | undefined {
    const node = this.#main.shift(this.#inserted, this.mode.size);
    if (node === undefined) return undefined;
    const used = node.uses & USES;
    if (used > 0) this.#onUsed(node as N);
    if ((node.uses & SPARED) !== 0) this.#patience.spared(used > 0);
    this.#patience.settle(this.count + 1);
    const left = (node.uses & (SPARED - 1)) >>> 3;
    const rounds = Math.min(this.#patience.rounds, left + used);
    if (rounds === 0) {
      this.#patience.evicted();
      this.#leftMain.add(hashOf(node), this.count);
      return node;
    }
    node.uses = (rounds - 1) * ROUND + (used === 0 ? SPARED : 0);
    this.#main.push(node, this.#inserted);
    return undefined;
  }

  /** Gives room to the queue that would have kept the node, had it been a little larger. */
  #moveBorder(sinceSmall: number, sinceMain: number): void {
    const objects = this.count + 1;
    const near = objects * NEAR_SHARE;
    const step = this.#bytesMax * Math.min(NEAR_STEP_SHARE_MAX, NEAR_STEP / objects);
    if (sinceSmall <= near) this.#smallBytesMax += step;
    if (sinceMain <= near) this.#smallBytesMax -= step;
    this.#smallBytesMax = Math.min(this.#smallBytesMax, this.#bytesMax * SMALL_SHARE_MAX);
    this.#smallBytesMax = Math.max(this.#smallBytesMax, this.#bytesMax * SMALL_SHARE_MIN);
  }
}
