import { ok, type Result } from "../../common/result.ts";
import type { SteeringMap } from "../geo/compile.ts";
import { type LeafColumns, LeafList } from "../geo/leaves.ts";
import type { BuiltMap, MapFailure } from "./map-build.ts";

/** A map as it goes from thread to thread: nothing but columns and plain values. */
type PackedMap = Omit<SteeringMap, "leaves"> & { readonly leaves: LeafColumns };

/** What a thread that builds a map sends. */
export type MapParcel = Result<Omit<BuiltMap, "map"> & { readonly map: PackedMap }, MapFailure>;

/** Makes a result ready to be sent (P). */
export function packMap(result: Result<BuiltMap, MapFailure>): MapParcel {
  if (!result.ok) return result;
  const { map, ...rest } = result.value;
  return ok({ ...rest, map: { ...map, leaves: map.leaves.columns } });
}

/** What was packed (P). */
export function unpackMap(parcel: MapParcel): Result<BuiltMap, MapFailure> {
  if (!parcel.ok) return parcel;
  const { map, ...rest } = parcel.value;
  return ok({ ...rest, map: { ...map, leaves: new LeafList(map.leaves) } });
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
