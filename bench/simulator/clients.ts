import type { ClientPlaces } from "../../router-dns/geo/map-stats.ts";
import type { PrefixTable } from "../../router-dns/geo/prefix-table.ts";

/** Bits of the networks that resolvers tell of: a larger prefix is never one client. */
const NETWORK_BITS = 24;

/** Networks of clients, as columns. */
export interface Clients {
  readonly count: number;
  /** The first IPv4 address of each, as a number. */
  readonly addresses: Uint32Array;
  /** Numbers in the set of places. */
  readonly places: Uint32Array;
  /** Parts of all demand; together 1. */
  readonly weights: Float64Array;
  /** Prefixes of the database that have a place, whether they stand for themselves or not. */
  readonly prefixes: number;
}

/** How clients are made of a database. */
export interface ClientsSettings {
  /** A prefix counts by its addresses to the power of this: who has many uses few of them. */
  readonly damping: number;
  /** About how many networks there may be. */
  readonly most: number;
}

/**
 * Networks of /24 that stand for the prefixes of a database (P). Each prefix has one, and the
 * heavy ones have several, evenly spaced, because steering moves networks and not prefixes. With
 * more prefixes than half of `most` they are sampled in proportion to their weight instead, at even
 * steps through the address space.
 */
export function clientsOf({ located }: ClientPlaces, settings: ClientsSettings): Clients {
  const { damping, most } = settings;
  let total = 0;
  let prefixes = 0;
  eachPrefix(located, damping, (_, weight) => {
    total += weight;
    prefixes += 1;
  });
  const step = total / most;
  const isSampled = prefixes > most / 2;
  const addresses: number[] = [];
  const places: number[] = [];
  const weights: number[] = [];
  let due = 0.5;
  eachPrefix(located, damping, (position, weight) => {
    const blocks = 2 ** Math.max(0, NETWORK_BITS - (located.lengths[position] ?? 0));
    due += weight / step;
    const wanted = isSampled ? Math.floor(due) : Math.max(1, Math.round(weight / step));
    if (isSampled) due -= wanted;
    const count = Math.min(blocks, wanted);
    const each = isSampled ? (wanted * step) / count : weight / count;
    for (let i = 0; i < count; i += 1) {
      addresses.push((located.keys[position] ?? 0) + Math.floor((i * blocks) / count) * 256);
      places.push(located.values[position] ?? 0);
      weights.push(each);
    }
  });
  const sum = weights.reduce((all, weight) => all + weight, 0);
  return {
    count: addresses.length,
    addresses: Uint32Array.from(addresses),
    places: Uint32Array.from(places),
    weights: Float64Array.from(weights, (weight) => weight / sum),
    prefixes,
  };
}

function eachPrefix(
  located: PrefixTable,
  damping: number,
  visit: (position: number, weight: number) => void,
): void {
  for (let position = 0; position < located.count; position += 1) {
    if ((located.values[position] ?? 0) === 0) continue;
    visit(position, 2 ** ((32 - (located.lengths[position] ?? 0)) * damping));
  }
}
