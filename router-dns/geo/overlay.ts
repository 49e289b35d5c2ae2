import type { IpPrefix } from "../../common/ip.ts";
import { type PrefixTable, PrefixTableBuilder, wordsOf } from "./prefix-table.ts";

/**
 * Turns single prefixes into a table of the whole family (P): an address gets the value of the
 * longest prefix around it, and 0 outside all of them. Of two entries for one prefix the first
 * counts. Prefixes of the other family are passed over.
 */
export function tableOfPrefixes(
  family: 4 | 6,
  entries: readonly { readonly prefix: IpPrefix; readonly value: number }[],
): PrefixTable {
  const root: TrieNode = { halves: [undefined, undefined], value: undefined };
  for (const { prefix, value } of entries) {
    if (prefix.bytes.length === (family === 4 ? 4 : 16)) insert(root, prefix, value);
  }
  const builder = new PrefixTableBuilder(family);
  const key = new Uint32Array(wordsOf(family));
  emit(root, 0, 0);
  return builder.finish();

  function emit(node: TrieNode | undefined, depth: number, inherited: number): void {
    const value = node?.value ?? inherited;
    if (node === undefined || (node.halves[0] === undefined && node.halves[1] === undefined)) {
      builder.add(key, 0, depth, value);
      return;
    }
    const word = depth >>> 5;
    const mask = (1 << (31 - (depth & 31))) >>> 0;
    emit(node.halves[0], depth + 1, value);
    key[word] = (key[word] ?? 0) | mask;
    emit(node.halves[1], depth + 1, value);
    key[word] = (key[word] ?? 0) & ~mask;
  }
}

/**
 * Lays tables of one family over each other (P). `combine` gets, for each piece on which all of
 * them are constant, the value of each table in the order given; the array is used again.
 */
export function overlay(
  tables: readonly PrefixTable[],
  combine: (values: Uint32Array) => number,
): PrefixTable {
  const [first, ...others] = tables;
  if (first === undefined) throw new Error("overlay needs a table");
  const words = wordsOf(first.family);
  const builder = new PrefixTableBuilder(first.family, first.count);
  const at = new Uint32Array(tables.length);
  const values = new Uint32Array(tables.length);
  for (;;) {
    let finest = first;
    let position = at[0] ?? 0;
    values[0] = first.values[position] ?? 0;
    for (const [i, table] of others.entries()) {
      const own = at[i + 1] ?? 0;
      values[i + 1] = table.values[own] ?? 0;
      if ((table.lengths[own] ?? 0) <= (finest.lengths[position] ?? 0)) continue;
      finest = table;
      position = own;
    }
    builder.add(finest.keys, position * words, finest.lengths[position] ?? 0, combine(values));
    const next = position + 1;
    if (next === finest.count) return builder.finish();
    // Prefixes nest or are apart, so the finest ends first; others end with it or go on.
    for (const [i, table] of tables.entries()) {
      const following = (at[i] ?? 0) + 1;
      if (table === finest || sameKey(table, following, finest, next, words)) at[i] = following;
    }
  }
}

interface TrieNode {
  halves: [TrieNode | undefined, TrieNode | undefined];
  value: number | undefined;
}

function insert(root: TrieNode, prefix: IpPrefix, value: number): void {
  let node = root;
  for (let depth = 0; depth < prefix.length; depth += 1) {
    const bit = ((prefix.bytes[depth >>> 3] ?? 0) >>> (7 - (depth & 7))) & 1;
    const next = node.halves[bit] ?? { halves: [undefined, undefined], value: undefined };
    node.halves[bit] = next;
    node = next;
  }
  node.value ??= value;
}

function sameKey(
  left: PrefixTable,
  leftAt: number,
  right: PrefixTable,
  rightAt: number,
  words: number,
): boolean {
  if (leftAt >= left.count) return false;
  for (let i = 0; i < words; i += 1) {
    if (left.keys[leftAt * words + i] !== right.keys[rightAt * words + i]) return false;
  }
  return true;
}
