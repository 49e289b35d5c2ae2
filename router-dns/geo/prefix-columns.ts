import { enlarged } from "./enlarged.ts";
import { type PrefixTable, PrefixTableBuilder, wordsOf } from "./prefix-table.ts";

/** One digit of the sort. */
const DIGIT_BITS = 16;

/** Prefixes of one family with a number on each, in the order of addresses, as plain columns. */
export interface PrefixRows {
  readonly keys: Uint32Array;
  readonly lengths: Uint8Array;
  readonly values: Uint32Array;
}

/**
 * Single prefixes of one family with a number on each, in any order: what operators and
 * measurements say, a million of them if need be, and so kept as columns.
 */
export class PrefixColumns {
  readonly family: 4 | 6;
  readonly #words: 1 | 4;
  #keys: Uint32Array;
  #lengths: Uint8Array;
  #values: Uint32Array;
  #count = 0;

  constructor(family: 4 | 6, expected = 1_024) {
    this.family = family;
    this.#words = wordsOf(family);
    this.#keys = new Uint32Array(expected * this.#words);
    this.#lengths = new Uint8Array(expected);
    this.#values = new Uint32Array(expected);
  }

  /** The prefixes of plain columns. */
  static of(family: 4 | 6, { keys, lengths, values }: PrefixRows): PrefixColumns {
    const columns = new PrefixColumns(family, lengths.length + 1);
    const words = wordsOf(family);
    for (let at = 0; at < lengths.length; at += 1) {
      columns.add(keys.subarray(at * words), lengths[at] ?? 0, values[at] ?? 0);
    }
    return columns;
  }

  /** How many prefixes there are. */
  get count(): number {
    return this.#count;
  }

  /** Adds a prefix by the words of its first address. */
  add(words: ArrayLike<number>, length: number, value: number): void {
    if (this.#count === this.#lengths.length) this.#grow();
    const at = this.#count;
    for (let i = 0; i < this.#words; i += 1) this.#keys[at * this.#words + i] = words[i] ?? 0;
    this.#lengths[at] = length;
    this.#values[at] = value;
    this.#count += 1;
  }

  /** The words of the first address of the prefix that was added at a position. */
  wordsAt(at: number): Uint32Array {
    return this.#keys.subarray(at * this.#words, (at + 1) * this.#words);
  }

  lengthAt(at: number): number {
    return this.#lengths[at] ?? 0;
  }

  valueAt(at: number): number {
    return this.#values[at] ?? 0;
  }

  /** Whether two positions hold one prefix. */
  isSame(left: number, right: number): boolean {
    if (this.#lengths[left] !== this.#lengths[right]) return false;
    for (let i = 0; i < this.#words; i += 1) {
      if (this.#keys[left * this.#words + i] !== this.#keys[right * this.#words + i]) return false;
    }
    return true;
  }

  /**
   * Positions in the order of addresses, the larger prefix first, and of equal ones the one that
   * was added first: by radix, because comparing a million prefixes takes longer than reading them.
   */
  sorted(): Uint32Array {
    const count = this.#count;
    const words = this.#words;
    let order = new Uint32Array(count);
    for (let at = 0; at < count; at += 1) order[at] = at;
    let spare = new Uint32Array(count);
    const digits = new Uint16Array(count);
    const sortByDigits = () => {
      const starts = new Uint32Array(2 ** DIGIT_BITS + 1);
      for (let at = 0; at < count; at += 1) {
        const digit = (digits[at] ?? 0) + 1;
        starts[digit] = (starts[digit] ?? 0) + 1;
      }
      // All the same digit: nothing to sort.
      if (starts[(digits[0] ?? 0) + 1] === count) return;
      for (let i = 1; i < starts.length; i += 1)
        starts[i] = (starts[i] ?? 0) + (starts[i - 1] ?? 0);
      for (let i = 0; i < count; i += 1) {
        const at = order[i] ?? 0;
        const digit = digits[at] ?? 0;
        const to = starts[digit] ?? 0;
        spare[to] = at;
        starts[digit] = to + 1;
      }
      [order, spare] = [spare, order];
    };
    digits.set(this.#lengths.subarray(0, count));
    sortByDigits();
    for (let word = words - 1; word >= 0; word -= 1) {
      for (const shift of [0, DIGIT_BITS]) {
        for (let at = 0; at < count; at += 1) {
          digits[at] = (this.#keys[at * words + word] ?? 0) >>> shift;
        }
        sortByDigits();
      }
    }
    return order;
  }

  /** The columns in the order of `sorted`. */
  inOrder(): PrefixRows {
    const order = this.sorted();
    const words = this.#words;
    const keys = new Uint32Array(order.length * words);
    const lengths = new Uint8Array(order.length);
    const values = new Uint32Array(order.length);
    for (let i = 0; i < order.length; i += 1) {
      const at = order[i] ?? 0;
      for (let word = 0; word < words; word += 1) {
        keys[i * words + word] = this.#keys[at * words + word] ?? 0;
      }
      lengths[i] = this.#lengths[at] ?? 0;
      values[i] = this.#values[at] ?? 0;
    }
    return { keys, lengths, values };
  }

  #grow(): void {
    const size = this.#lengths.length * 2;
    this.#keys = enlarged(this.#keys, size * this.#words);
    this.#lengths = enlarged(this.#lengths, size);
    this.#values = enlarged(this.#values, size);
  }
}

/**
 * Turns single prefixes into a table of the whole family (P): an address gets the value of the
 * longest prefix around it, and 0 outside all of them. Of two entries for one prefix the first
 * counts.
 */
export function tableOf(
  columns: PrefixColumns,
  labelOf: (value: number) => number = (value) => value,
): PrefixTable {
  const { family } = columns;
  const words = wordsOf(family);
  const { keys, lengths, values } = columns.inOrder();
  const builder = new PrefixTableBuilder(family, piecesMax(keys, lengths, words));
  const key = new Uint32Array(words);
  emit(0, lengths.length, 0, labelOf(0));
  return builder.finish();

  /** Those from `from` to before `to` lie in the prefix of `depth` bits that begins at `key`. */
  function emit(from: number, to: number, depth: number, inherited: number): void {
    let value = inherited;
    let first = from;
    for (; first < to && lengths[first] === depth; first += 1) {
      if (first === from) value = labelOf(values[first] ?? 0);
    }
    if (first === to) {
      builder.add(key, 0, depth, value);
      return;
    }
    const word = depth >>> 5;
    const mask = (1 << (31 - (depth & 31))) >>> 0;
    let middle = first;
    for (let end = to; middle < end; ) {
      const at = (middle + end) >>> 1;
      if (((keys[at * words + word] ?? 0) & mask) === 0) middle = at + 1;
      else end = at;
    }
    emit(first, middle, depth + 1, value);
    key[word] = (key[word] ?? 0) | mask;
    emit(middle, to, depth + 1, value);
    key[word] = (key[word] ?? 0) & ~mask;
  }
}

/** How many pieces a table has at most: each bit that a prefix does not share cuts one in two. */
function piecesMax(keys: Uint32Array, lengths: Uint8Array, words: number): number {
  let pieces = 1 + (lengths[0] ?? 0);
  for (let i = 1; i < lengths.length; i += 1) {
    let shared = 0;
    for (let word = 0; word < words; word += 1) {
      const differing = (keys[i * words + word] ?? 0) ^ (keys[(i - 1) * words + word] ?? 0);
      shared += Math.clz32(differing);
      if (differing !== 0) break;
    }
    pieces += Math.max(0, (lengths[i] ?? 0) - Math.min(shared, lengths[i - 1] ?? 0));
  }
  return pieces;
}
