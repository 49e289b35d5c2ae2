import { invariant } from "../../common/assert.ts";
import type { IpBytes, IpPrefix } from "../../common/ip.ts";
import { enlarged } from "./enlarged.ts";

/**
 * A whole address family cut into prefixes, in address order and without gaps, with a number on
 * each. Because nothing is missing, the prefix of an address is the last one that does not start
 * behind it, and its length is a true ECS scope.
 */
export interface PrefixTable {
  readonly family: 4 | 6;
  readonly count: number;
  /** First address of each prefix in network order: 1 word (IPv4) or 4 words (IPv6) each. */
  readonly keys: Uint32Array;
  /** Bits that count, of each prefix. */
  readonly lengths: Uint8Array;
  readonly values: Uint32Array;
  /** For each value of the first 16 bits, the first prefix that starts at or behind it. */
  readonly index: Uint32Array;
}

/** Words of a key. */
export function wordsOf(family: 4 | 6): 1 | 4 {
  return family === 4 ? 1 : 4;
}

/** Where in the table the prefix of an address is (P). `bytes` must be of the table's family. */
export function findPrefix(table: PrefixTable, bytes: IpBytes): number {
  const head = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
  // The prefix before the first of this head may reach into it; the last one can only start in it.
  let low = Math.max(0, (table.index[head] ?? 0) - 1);
  let high = (table.index[head + 1] ?? 0) - 1;
  const word0 = wordAt(bytes, 0);
  if (table.family === 4) {
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((table.keys[middle] ?? 0) <= word0) low = middle;
      else high = middle - 1;
    }
    return low;
  }
  const rest: readonly [number, number, number] = [
    wordAt(bytes, 4),
    wordAt(bytes, 8),
    wordAt(bytes, 12),
  ];
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (startsBehind(table.keys, middle, word0, rest)) high = middle - 1;
    else low = middle;
  }
  return low;
}

/** The prefix at a position (P). */
export function prefixAt(table: PrefixTable, position: number): IpPrefix {
  const words = wordsOf(table.family);
  const bytes = new Uint8Array(words * 4);
  for (let i = 0; i < words; i += 1) {
    const word = table.keys[position * words + i] ?? 0;
    bytes.set([word >>> 24, (word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff], i * 4);
  }
  return { bytes, length: table.lengths[position] ?? 0 };
}

/** A table of one prefix, the whole family (P). */
export function uniformTable(family: 4 | 6, value: number): PrefixTable {
  const builder = new PrefixTableBuilder(family, 1);
  builder.add(new Uint32Array(wordsOf(family)), 0, 0, value);
  return builder.finish();
}

/**
 * Collects prefixes in address order and joins two halves of a prefix as soon as both have the same
 * value, so that every prefix of the result is as large as it can be.
 */
export class PrefixTableBuilder {
  readonly #family: 4 | 6;
  readonly #words: 1 | 4;
  #keys: Uint32Array;
  #lengths: Uint8Array;
  #values: Uint32Array;
  #count = 0;

  constructor(family: 4 | 6, expected = 1024) {
    this.#family = family;
    this.#words = wordsOf(family);
    this.#keys = new Uint32Array(expected * this.#words);
    this.#lengths = new Uint8Array(expected);
    this.#values = new Uint32Array(expected);
  }

  /** How many prefixes there are now. */
  get count(): number {
    return this.#count;
  }

  /**
   * Adds the prefix that follows the last one. Its key is read from `keys` at word `offset`.
   *
   * Of two neighbours of equal length, where the second has its last bit set, the first is its
   * sibling: prefixes come in order and leave no gap. Siblings of one value become their parent,
   * which has the key of the first, and that one may have a sibling in turn.
   */
  add(keys: Uint32Array, offset: number, length: number, value: number): void {
    const words = this.#words;
    const lengths = this.#lengths;
    const values = this.#values;
    let at = this.#count;
    let joined = length;
    while (at > 0 && values[at - 1] === value && lengths[at - 1] === joined) {
      const bit = joined - 1;
      const from = joined === length ? keys : this.#keys;
      const word = from[(joined === length ? offset : at * words) + (bit >>> 5)] ?? 0;
      if (((word >>> (31 - (bit & 31))) & 1) === 0) break;
      joined = bit;
      at -= 1;
    }
    if (joined === length) {
      if (at === lengths.length) this.#grow();
      const own = this.#keys;
      own[at * words] = keys[offset] ?? 0;
      for (let i = 1; i < words; i += 1) own[at * words + i] = keys[offset + i] ?? 0;
      this.#values[at] = value;
    }
    this.#lengths[at] = joined;
    this.#count = at + 1;
  }

  /** The table. The builder must not be used afterwards. */
  finish(): PrefixTable {
    const count = this.#count;
    invariant(count > 0 && (this.#keys[0] ?? 0) === 0, "a prefix table starts at address 0");
    // A copy frees what is left over; if that is little it is not worth the time.
    const isTight = count * 1.25 > this.#lengths.length;
    const cut = <T extends Uint32Array | Uint8Array>(array: T, size: number): T =>
      (isTight ? array.subarray(0, size) : array.slice(0, size)) as T;
    const keys = cut(this.#keys, count * this.#words);
    return {
      family: this.#family,
      count,
      keys,
      lengths: cut(this.#lengths, count),
      values: cut(this.#values, count),
      index: indexHeads(keys, this.#words, count),
    };
  }

  #grow(): void {
    const size = this.#lengths.length * 2;
    this.#keys = enlarged(this.#keys, size * this.#words);
    this.#lengths = enlarged(this.#lengths, size);
    this.#values = enlarged(this.#values, size);
  }
}

function indexHeads(keys: Uint32Array, words: number, count: number): Uint32Array {
  const index = new Uint32Array(65_537);
  let position = 0;
  for (let head = 0; head <= 65_536; head += 1) {
    while (position < count && (keys[position * words] ?? 0) >>> 16 < head) position += 1;
    index[head] = position;
  }
  return index;
}

function startsBehind(
  keys: Uint32Array,
  position: number,
  word0: number,
  rest: readonly [number, number, number],
): boolean {
  const at = position * 4;
  const key0 = keys[at] ?? 0;
  if (key0 !== word0) return key0 > word0;
  const key1 = keys[at + 1] ?? 0;
  if (key1 !== rest[0]) return key1 > rest[0];
  const key2 = keys[at + 2] ?? 0;
  if (key2 !== rest[1]) return key2 > rest[1];
  return (keys[at + 3] ?? 0) > rest[2];
}

function wordAt(bytes: IpBytes, offset: number): number {
  return (
    (((bytes[offset] ?? 0) << 24) |
      ((bytes[offset + 1] ?? 0) << 16) |
      ((bytes[offset + 2] ?? 0) << 8) |
      (bytes[offset + 3] ?? 0)) >>>
    0
  );
}
