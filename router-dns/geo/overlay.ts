import type { IpPrefix } from "../../common/ip.ts";
import { PrefixColumns, tableOf } from "./prefix-columns.ts";
import { type PrefixTable, PrefixTableBuilder, wordsOf } from "./prefix-table.ts";
import { wordsOfPrefix } from "./prefix-text.ts";

/**
 * Turns a few prefixes into a table of the whole family (P): see `tableOf`. Prefixes of the other
 * family are passed over.
 */
export function tableOfPrefixes(
  family: 4 | 6,
  entries: readonly { readonly prefix: IpPrefix; readonly value: number }[],
): PrefixTable {
  return tableOf(columnsOf(family, entries));
}

/** Those of a few prefixes that are of a family, in their order (P). */
export function columnsOf(
  family: 4 | 6,
  entries: readonly { readonly prefix: IpPrefix; readonly value: number }[],
): PrefixColumns {
  const columns = new PrefixColumns(family, entries.length + 1);
  for (const { prefix, value } of entries) {
    if (prefix.bytes.length === (family === 4 ? 4 : 16)) {
      columns.add(wordsOfPrefix(prefix), prefix.length, value);
    }
  }
  return columns;
}

/**
 * Lays tables of one family over each other (P). `combine` gets, for each piece on which all of
 * them are constant, the value of each table in the order given; the array is used again.
 */
export function overlay(
  tables: readonly PrefixTable[],
  combine: (values: Uint32Array) => number,
): PrefixTable {
  const [first] = tables;
  if (first === undefined) throw new Error("overlay needs a table");
  const words = wordsOf(first.family);
  const builder = new PrefixTableBuilder(first.family, first.count);
  sweep(tables, (finest, position, values) => {
    builder.add(finest.keys, position * words, finest.lengths[position] ?? 0, combine(values));
  });
  return builder.finish();
}

/**
 * Goes through tables of one family at once, in the order of addresses (P). `visit` gets, for each
 * piece on which all of them are constant, the table and the position of its prefix, and the value
 * of each table in the order given; the array is used again.
 */
export function sweep(
  tables: readonly PrefixTable[],
  visit: (finest: PrefixTable, position: number, values: Uint32Array) => void,
): void {
  const [first, ...others] = tables;
  if (first === undefined) return;
  const words = wordsOf(first.family);
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
    visit(finest, position, values);
    const next = position + 1;
    if (next === finest.count) return;
    // Prefixes nest or are apart, so the finest ends first; others end with it or go on.
    for (const [i, table] of tables.entries()) {
      const following = (at[i] ?? 0) + 1;
      if (table === finest || sameKey(table, following, finest, next, words)) at[i] = following;
    }
  }
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
