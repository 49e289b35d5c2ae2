import { invariant } from "../../common/assert.ts";
import type { SteerReason } from "../steering.ts";
import { enlarged } from "./enlarged.ts";

/** Why the first PoP of a leaf is first, in the order of the codes. */
const REASONS = [
  "closest",
  "coverage",
  "deep",
  "no-location",
  "latency",
] as const satisfies SteerReason[];

/** Why the first PoP of a leaf is first. */
export type LeafReason = (typeof REASONS)[number];

/** What a client prefix leads to: PoPs by position in the configuration, best first. */
export interface Leaf {
  readonly ranking: readonly number[];
  /** Why the first is first. */
  readonly reason: LeafReason;
}

/**
 * Leaves as columns, which go from thread to thread without being copied. A ranking is its head,
 * which is the leaf's own, and then, of the shared row `tailOf`, every PoP that the head lacks.
 */
export interface LeafColumns {
  readonly count: number;
  /** Positions of a head in `heads`, used or not. */
  readonly stride: number;
  readonly heads: Uint16Array;
  readonly headLengths: Uint8Array;
  readonly tailOf: Uint16Array;
  readonly reasons: Uint8Array;
  /** Positions of a row in `tails`. */
  readonly tailLength: number;
  readonly tails: Uint16Array;
}

/** The leaves of a map. Each is put together when it is first asked for. */
export class LeafList {
  readonly columns: LeafColumns;
  readonly #made = new Map<number, Leaf>();

  constructor(columns: LeafColumns) {
    this.columns = columns;
  }

  /** How many there are. */
  get count(): number {
    return this.columns.count;
  }

  /** The leaf of a number, always the same object; undefined if there is none. */
  at(number: number): Leaf | undefined {
    const made = this.#made.get(number);
    if (made !== undefined || !(number >= 0 && number < this.columns.count)) return made;
    const { heads, headLengths, stride, tailOf, tails, tailLength, reasons } = this.columns;
    const from = number * stride;
    const ranking = [...heads.subarray(from, from + (headLengths[number] ?? 0))];
    const row = (tailOf[number] ?? 0) * tailLength;
    const isHead = new Set(ranking);
    for (const pop of tails.subarray(row, row + tailLength))
      if (!isHead.has(pop)) ranking.push(pop);
    const leaf = { ranking, reason: REASONS[reasons[number] ?? 0] ?? "closest" };
    this.#made.set(number, leaf);
    return leaf;
  }
}

/** Collects leaves, each once. */
export class LeafBuilder {
  readonly #stride: number;
  readonly #countMax: number;
  readonly #tails: Uint16Array;
  readonly #tailLength: number;
  #heads: Uint16Array;
  #headLengths: Uint8Array;
  #tailOf: Uint16Array;
  #reasons: Uint8Array;
  #slots = new Int32Array(4_096).fill(-1);
  #count = 0;

  /** `tails` holds rows of `tailLength` PoPs; a head has at most `headMax`. */
  constructor(shape: {
    readonly headMax: number;
    readonly countMax: number;
    readonly tails: Uint16Array;
    readonly tailLength: number;
  }) {
    this.#stride = Math.max(1, shape.headMax);
    this.#countMax = shape.countMax;
    this.#tails = shape.tails;
    this.#tailLength = shape.tailLength;
    const expected = 1_024;
    this.#heads = new Uint16Array(expected * this.#stride);
    this.#headLengths = new Uint8Array(expected);
    this.#tailOf = new Uint16Array(expected);
    this.#reasons = new Uint8Array(expected);
  }

  /** True once there were more leaves than there may be; what is added since is not kept. */
  get isOverfull(): boolean {
    return this.#count > this.#countMax;
  }

  /** The number of the leaf with this head (the first `length` of it), tail row and reason. */
  add(head: Uint16Array, length: number, tailOf: number, reason: LeafReason): number {
    invariant(length <= this.#stride, "a head is no longer than its room");
    if (this.isOverfull) return 0;
    const code = REASONS.indexOf(reason);
    const mask = this.#slots.length - 1;
    let hash = Math.imul(tailOf * 8 + code, 0x9e3779b1);
    for (let i = 0; i < length; i += 1) hash = Math.imul(hash ^ (head[i] ?? 0), 0x01000193);
    let slot = (hash ^ (hash >>> 15)) & mask;
    for (;;) {
      const known = this.#slots[slot] ?? -1;
      if (known < 0) break;
      if (this.#isSame(known, head, length, tailOf * 8 + code)) return known;
      slot = (slot + 1) & mask;
    }
    const number = this.#count;
    if (number === this.#reasons.length) this.#grow();
    this.#heads.set(head.subarray(0, length), number * this.#stride);
    this.#headLengths[number] = length;
    this.#tailOf[number] = tailOf;
    this.#reasons[number] = code;
    this.#slots[slot] = number;
    this.#count += 1;
    if (this.#count * 2 > this.#slots.length) this.#growSlots();
    return number;
  }

  /** All leaves. The builder must not be used afterwards. */
  finish(): LeafColumns {
    const count = this.#count;
    return {
      count,
      stride: this.#stride,
      heads: this.#heads.slice(0, count * this.#stride),
      headLengths: this.#headLengths.slice(0, count),
      tailOf: this.#tailOf.slice(0, count),
      reasons: this.#reasons.slice(0, count),
      tailLength: this.#tailLength,
      tails: this.#tails,
    };
  }

  #isSame(number: number, head: Uint16Array, length: number, rest: number): boolean {
    if (this.#headLengths[number] !== length) return false;
    if ((this.#tailOf[number] ?? 0) * 8 + (this.#reasons[number] ?? 0) !== rest) return false;
    const from = number * this.#stride;
    for (let i = 0; i < length; i += 1) if (this.#heads[from + i] !== head[i]) return false;
    return true;
  }

  #grow(): void {
    const size = this.#reasons.length * 2;
    this.#heads = enlarged(this.#heads, size * this.#stride);
    this.#headLengths = enlarged(this.#headLengths, size);
    this.#tailOf = enlarged(this.#tailOf, size);
    this.#reasons = enlarged(this.#reasons, size);
  }

  #growSlots(): void {
    const slots = new Int32Array(this.#slots.length * 2).fill(-1);
    const mask = slots.length - 1;
    for (let number = 0; number < this.#count; number += 1) {
      const from = number * this.#stride;
      const rest = (this.#tailOf[number] ?? 0) * 8 + (this.#reasons[number] ?? 0);
      let hash = Math.imul(rest, 0x9e3779b1);
      for (let i = 0; i < (this.#headLengths[number] ?? 0); i += 1) {
        hash = Math.imul(hash ^ (this.#heads[from + i] ?? 0), 0x01000193);
      }
      let slot = (hash ^ (hash >>> 15)) & mask;
      while ((slots[slot] ?? -1) >= 0) slot = (slot + 1) & mask;
      slots[slot] = number;
    }
    this.#slots = slots;
  }
}
