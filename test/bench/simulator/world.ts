import type { Locations } from "../../../router-dns/geo/database.ts";
import { PlaceSet } from "../../../router-dns/geo/place-set.ts";
import { PrefixTableBuilder } from "../../../router-dns/geo/prefix-table.ts";

/** Latitudes and longitudes of clients: 10.0.0.0/8, 11.0.0.0/8 and so on, in this order. */
export function locationsAt(points: readonly (readonly [number, number])[]): Locations {
  const places = new PlaceSet();
  const numbers = points.map(([latitude, longitude]) => places.add(latitude, longitude));
  const table = (labelOf: (number: number) => number) => {
    const builder = new PrefixTableBuilder(4, 256);
    for (let first = 0; first < 256; first += 1) {
      const key = Uint32Array.of((first << 24) >>> 0);
      builder.add(key, 0, 8, labelOf(numbers[first - 10] ?? 0));
    }
    return builder.finish();
  };
  return { places, v4: table, v6: undefined, sources: [] };
}
