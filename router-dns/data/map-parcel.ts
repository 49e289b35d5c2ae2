import { ok, type Result } from "../../common/result.ts";
import type { SteeringMap } from "../geo/compile.ts";
import { type LeafColumns, LeafList } from "../geo/leaves.ts";
import type { PrefixRows } from "../geo/prefix-columns.ts";
import type { PrefixTable } from "../geo/prefix-table.ts";
import type { BuiltMap, MapFailure } from "./map-build.ts";

/** A map as it goes from thread to thread: nothing but columns and plain values. */
export type PackedMap = Omit<SteeringMap, "leaves"> & { readonly leaves: LeafColumns };

/** What a thread that builds a map sends. */
export type MapParcel = Result<Omit<BuiltMap, "map"> & { readonly map: PackedMap }, MapFailure>;

/** Makes a result ready to be sent (P). */
export function packMap(result: Result<BuiltMap, MapFailure>): MapParcel {
  if (!result.ok) return result;
  const { map, ...rest } = result.value;
  return ok({ ...rest, map: packColumns(map) });
}

/** The columns of a map (P). */
export function packColumns(map: SteeringMap): PackedMap {
  return { ...map, leaves: map.leaves.columns };
}

/** The map that columns are of (P). */
export function unpackColumns(map: PackedMap): SteeringMap {
  return { ...map, leaves: new LeafList(map.leaves) };
}

/** A map whose columns other threads can have without a copy (P). */
export function shareMap(map: SteeringMap): SteeringMap {
  const { leaves, v4, v6, firsts } = map;
  const { columns } = leaves;
  return {
    ...map,
    v4: shareTable(v4),
    v6: shareTable(v6),
    leaves: new LeafList({
      ...columns,
      heads: shareColumn(columns.heads),
      headLengths: shareColumn(columns.headLengths),
      tailOf: shareColumn(columns.tailOf),
      tails: shareColumn(columns.tails),
      reasons: shareColumn(columns.reasons),
    }),
    firsts: { v4: shareRows(firsts.v4), v6: shareRows(firsts.v6) },
  };
}

function shareTable(table: PrefixTable): PrefixTable {
  return { ...table, ...shareRows(table), index: shareColumn(table.index) };
}

function shareRows<R extends PrefixRows>(rows: R): R {
  const { keys, lengths, values } = rows;
  return {
    ...rows,
    keys: shareColumn(keys),
    lengths: shareColumn(lengths),
    values: shareColumn(values),
  };
}

function shareColumn<C extends Uint8Array | Uint16Array | Uint32Array>(column: C): C {
  const Column = column.constructor as new (memory: SharedArrayBuffer) => C;
  const shared = new Column(new SharedArrayBuffer(column.byteLength));
  shared.set(column);
  return shared;
}

/** What was packed (P). */
export function unpackMap(parcel: MapParcel): Result<BuiltMap, MapFailure> {
  if (!parcel.ok) return parcel;
  const { map, ...rest } = parcel.value;
  return ok({ ...rest, map: unpackColumns(map) });
}

/** The memory of a map, to be moved instead of copied (P). */
export function columnsOf({ v4, v6, leaves }: PackedMap): ArrayBuffer[] {
  const tables = [v4, v6].flatMap(({ keys, lengths, values, index }) => [
    keys,
    lengths,
    values,
    index,
  ]);
  const { heads, headLengths, tailOf, tails, reasons } = leaves;
  return [...tables, heads, headLengths, tailOf, tails, reasons].map(
    (column) => column.buffer as ArrayBuffer,
  );
}
