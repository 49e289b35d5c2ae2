import type { MapPop, SteeringMap } from "./compile.ts";
import type { LeafReason } from "./leaves.ts";
import { sweep } from "./overlay.ts";
import { distanceKm } from "./place.ts";
import type { PlaceSet } from "./place-set.ts";
import type { PrefixTable } from "./prefix-table.ts";

/** A map, its PoPs, and where the clients of one family are. */
export interface MeasuredMap {
  readonly map: SteeringMap;
  readonly pops: readonly MapPop[];
}

/** Where clients are: the places of a database, flattened. */
export interface ClientPlaces {
  readonly located: PrefixTable;
  readonly places: PlaceSet;
}

/** How far clients are from their PoP, in kilometres. */
export interface Distances {
  readonly medianKm: number;
  readonly p95Km: number;
}

/** What a PoP is first for. */
export interface PopShare extends Distances {
  readonly pop: string;
  /** Of the address space, 0 to 1. */
  readonly share: number;
}

/** What a map does to the clients of a family, all PoPs being up. */
export interface MapStats extends Distances {
  /** Addresses (IPv4) or networks of 48 bits (IPv6) that the database has a place for. */
  readonly clients: number;
  readonly pops: readonly PopShare[];
  readonly reasons: Readonly<Partial<Record<LeafReason, number>>>;
}

/** What another map would change for the clients of a family. */
export interface MapChange {
  /** The part of the address space that would have another PoP, 0 to 1. */
  readonly moved: number;
  /** From where to where, the most first. */
  readonly flows: readonly { readonly from: string; readonly to: string; readonly share: number }[];
  readonly before: Distances;
  readonly after: Distances;
}

/** Bits of a prefix that counts as 1: a single IPv4 address, an IPv6 site. */
const UNIT_BITS = { 4: 32, 6: 48 } as const;

/** Half the earth: no distance is longer. */
const KM_MAX = 20_040;

/** Measures a map (P). Clients count by address space, for nobody knows where the people are. */
export function measureMap({ map, pops }: MeasuredMap, clients: ClientPlaces): MapStats {
  const table = clients.located.family === 4 ? map.v4 : map.v6;
  const first = firstOfLeaves(map);
  const away = distancesTo(clients.places, pops);
  const all = new Histogram();
  const ofPop = pops.map(() => new Histogram());
  const reasons = new Map<LeafReason, number>();
  eachClient([table], clients, (weight, place, [leaf = 0]) => {
    const pop = first[leaf] ?? -1;
    const km = away(place, pop);
    all.add(km, weight);
    ofPop[pop]?.add(km, weight);
    const reason = map.leaves.at(leaf)?.reason ?? "closest";
    reasons.set(reason, (reasons.get(reason) ?? 0) + weight);
  });
  const share = (weight: number): number => (all.total === 0 ? 0 : weight / all.total);
  return {
    clients: all.total,
    ...all.distances(),
    pops: pops
      .map(({ name }, pop) => ({ name, own: ofPop[pop] ?? new Histogram() }))
      .map(({ name, own }) => ({ pop: name, share: share(own.total), ...own.distances() }))
      .sort((a, b) => b.share - a.share),
    reasons: Object.fromEntries([...reasons].map(([reason, weight]) => [reason, share(weight)])),
  };
}

/** Compares two maps (P), which may have different PoPs: those of one name are the same. */
export function compareMaps(
  before: MeasuredMap,
  after: MeasuredMap,
  clients: ClientPlaces,
): MapChange {
  const tables = [before, after].map(({ map }) => (clients.located.family === 4 ? map.v4 : map.v6));
  const [firstBefore, firstAfter] = [before, after].map(({ map }) => firstOfLeaves(map));
  const [awayBefore, awayAfter] = [before, after].map(({ pops }) =>
    distancesTo(clients.places, pops),
  );
  const [old, fresh] = [new Histogram(), new Histogram()];
  const flows = new Map<number, number>();
  const width = after.pops.length + 1;
  eachClient(tables, clients, (weight, place, [leafBefore = 0, leafAfter = 0]) => {
    const from = firstBefore?.[leafBefore] ?? -1;
    const to = firstAfter?.[leafAfter] ?? -1;
    old.add(awayBefore?.(place, from) ?? 0, weight);
    fresh.add(awayAfter?.(place, to) ?? 0, weight);
    if (before.pops[from]?.name === after.pops[to]?.name) return;
    const flow = (from + 1) * width + to + 1;
    flows.set(flow, (flows.get(flow) ?? 0) + weight);
  });
  const total = Math.max(1, old.total);
  const moved = [...flows.values()].reduce((sum, weight) => sum + weight, 0);
  const nameOf = (pops: readonly MapPop[], number: number) => pops[number - 1]?.name ?? "nobody";
  return {
    moved: moved / total,
    flows: [...flows]
      .map(([flow, weight]) => ({
        from: nameOf(before.pops, Math.floor(flow / width)),
        to: nameOf(after.pops, flow % width),
        share: weight / total,
      }))
      .sort((a, b) => b.share - a.share),
    before: old.distances(),
    after: fresh.distances(),
  };
}

/** Visits each piece of the address space that has a place, with how many clients it counts for. */
export function eachClient(
  tables: readonly PrefixTable[],
  { located }: ClientPlaces,
  visit: (weight: number, place: number, values: Uint32Array) => void,
): void {
  const unit = UNIT_BITS[located.family];
  sweep([...tables, located], (finest, position, values) => {
    const place = values[tables.length] ?? 0;
    if (place > 0) visit(2 ** (unit - (finest.lengths[position] ?? 0)), place, values);
  });
}

/** Distances in kilometres, by weight, in steps of 1 km. */
export class Histogram {
  readonly #weights = new Float64Array(KM_MAX);
  #total = 0;

  get total(): number {
    return this.#total;
  }

  add(km: number, weight: number): void {
    const at = Math.min(KM_MAX - 1, Math.round(km));
    this.#weights[at] = (this.#weights[at] ?? 0) + weight;
    this.#total += weight;
  }

  distances(): Distances {
    return { medianKm: this.#quantile(0.5), p95Km: this.#quantile(0.95) };
  }

  #quantile(share: number): number {
    let left = this.#total * share;
    for (let km = 0; km < KM_MAX; km += 1) {
      left -= this.#weights[km] ?? 0;
      if (left < 0) return km;
    }
    return 0;
  }
}

/** Distances from places to PoPs; the last one of a place is remembered, because they repeat. */
export function distancesTo(
  places: PlaceSet,
  pops: readonly MapPop[],
): (place: number, pop: number) => number {
  const lastPop = new Int32Array(places.count + 1).fill(-1);
  const lastKm = new Float64Array(places.count + 1);
  return (place, pop) => {
    if (lastPop[place] === pop) return lastKm[place] ?? 0;
    const from = places.at(place);
    const to = pops[pop]?.place;
    const km = from === undefined || to === undefined ? 0 : distanceKm(from, to);
    lastPop[place] = pop;
    lastKm[place] = km;
    return km;
  };
}

function firstOfLeaves({ leaves }: SteeringMap): Int32Array {
  return Int32Array.from({ length: leaves.count }, (_, leaf) => leaves.at(leaf)?.ranking[0] ?? -1);
}
