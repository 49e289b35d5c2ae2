import * as fc from "fast-check";
import { type IpPrefix, maskIp, prefixContains } from "../../../common/ip.ts";
import type { MapPop, MapSources } from "../../../router-dns/geo/compile.ts";
import type { Coverage } from "../../../router-dns/geo/coverage.ts";
import type { Flatten } from "../../../router-dns/geo/database.ts";
import { columnsOf, overlay, tableOfPrefixes } from "../../../router-dns/geo/overlay.ts";
import { distanceKm, type Place } from "../../../router-dns/geo/place.ts";
import { PlaceSet } from "../../../router-dns/geo/place-set.ts";
import type { PrefixTable } from "../../../router-dns/geo/prefix-table.ts";

/** One thing that an operator says: clients of this network go to this PoP first. */
export interface CoverageEntry {
  readonly network: IpPrefix | number;
  readonly pop: string;
}

/** A small made-up world, as lists that a second implementation can search one by one. */
export interface World {
  readonly pops: readonly MapPop[];
  readonly places: readonly Place[];
  /** Position in `places`, of the longest prefix around an address. */
  readonly located: readonly { readonly prefix: IpPrefix; readonly place: number }[];
  readonly announced: readonly { readonly prefix: IpPrefix; readonly asn: number }[];
  readonly coverage: readonly CoverageEntry[];
}

const place = fc.record({
  latitude: fc.integer({ min: -800, max: 800 }).map((tenth) => tenth / 10),
  longitude: fc.integer({ min: -1800, max: 1800 }).map((tenth) => tenth / 10),
});

const asn = fc.integer({ min: 1, max: 6 });

/** Prefixes that crowd together, so that they nest and touch. */
const prefix: fc.Arbitrary<IpPrefix> = fc
  .record({
    v6: fc.boolean(),
    head: fc.constantFrom(0x00, 0x0a, 0x20, 0x80, 0xff),
    rest: fc.array(fc.constantFrom(0, 0, 0x01, 0x80, 0xff), { minLength: 15, maxLength: 15 }),
    length: fc.integer({ min: 0, max: 128 }),
  })
  .map(({ v6, head, rest, length: wanted }) => {
    const size = v6 ? 16 : 4;
    const length = wanted % (size * 8 + 1);
    return { bytes: maskIp(Uint8Array.from([head, ...rest.slice(0, size - 1)]), length), length };
  });

/** Any world with so many PoPs. */
export function worlds(popCount: { min: number; max: number }): fc.Arbitrary<World> {
  return fc
    .record({
      pops: fc.array(fc.record({ place, deep: fc.option(deep(), { freq: 4 }) }), {
        minLength: popCount.min,
        maxLength: popCount.max,
      }),
      places: fc.array(place, { minLength: 1, maxLength: 6 }),
      located: fc.array(fc.record({ prefix, place: fc.nat(5) }), { maxLength: 20 }),
      announced: fc.array(fc.record({ prefix, asn }), { maxLength: 8 }),
      coverage: fc.array(fc.record({ network: fc.oneof(prefix, asn), pop: fc.nat(popCount.max) }), {
        maxLength: 6,
      }),
    })
    .map(({ pops, places, located, announced, coverage }) => ({
      // Exactly equal distances would be decided by rounding, which differs between the two.
      places: places.map((at) => shifted(at, 0.00371)),
      announced,
      pops: pops.map((pop, index) => ({
        name: `p${index}`,
        place: shifted(pop.place, (index + 1) * 0.00137),
        ...(pop.deep === null ? {} : { deep: pop.deep }),
      })),
      located: located.map((entry) => ({ ...entry, place: entry.place % places.length })),
      coverage: coverage.map((entry) => ({ ...entry, pop: `p${entry.pop % pops.length}` })),
    }));
}

function shifted(at: Place, by: number): Place {
  return { latitude: at.latitude + by, longitude: at.longitude + by * 1.7 };
}

function deep() {
  return fc.record({
    asn: fc.array(asn, { maxLength: 2 }),
    networks: fc.array(prefix, { maxLength: 3 }),
  });
}

/** A table as if it came from a database. */
export function flattened(table: PrefixTable): Flatten {
  return (labelOf) => overlay([table], ([value = 0]) => labelOf(value));
}

/** Coverage entries as they are after reading; of two for one AS the first counts. */
export function coverageOf(
  entries: readonly CoverageEntry[],
  pops: readonly { readonly name: string }[],
): Coverage {
  const positionOf = (name: string) => pops.findIndex((pop) => pop.name === name);
  const asn = new Map<number, number>();
  const prefixes = entries.flatMap(({ network, pop }) => {
    if (typeof network !== "number") return [{ prefix: network, value: positionOf(pop) + 1 }];
    if (!asn.has(network)) asn.set(network, positionOf(pop));
    return [];
  });
  return { v4: columnsOf(4, prefixes), v6: columnsOf(6, prefixes), asn };
}

/** The same world as the compiler takes it. */
export function toSources(world: World): MapSources {
  const tables = (entries: readonly { prefix: IpPrefix; value: number }[]) => ({
    v4: flattened(tableOfPrefixes(4, entries)),
    v6: flattened(tableOfPrefixes(6, entries)),
    sources: [],
  });
  const places = new PlaceSet();
  const numbers = world.places.map(({ latitude, longitude }) => places.add(latitude, longitude));
  const located = world.located.map((entry) => ({ ...entry, value: numbers[entry.place] ?? 0 }));
  return {
    pops: world.pops,
    coverage: coverageOf(world.coverage, world.pops),
    locations: { places, ...tables(located) },
    networks: tables(world.announced.map((entry) => ({ ...entry, value: entry.asn }))),
  };
}

/** The ranking for one address, found by looking at everything: no tables, no sharing. */
export function rankByHand(
  world: World,
  address: Uint8Array,
): { readonly reason: string; readonly ranking: readonly string[] } {
  const here = longest(world.located, address);
  const client = here === undefined ? undefined : world.places[here.place];
  const own = longest(world.announced, address)?.asn;
  const open = world.pops.filter((pop) => pop.deep === undefined);
  const first = findOverride(world, address, own);
  const from = client ?? first?.pop.place;
  const ranked =
    from === undefined
      ? open
      : open
          .map((pop) => ({ pop, km: distanceKm(from, pop.place) }))
          .sort((left, right) => left.km - right.km)
          .map(({ pop }) => pop);
  if (first === undefined) {
    const reason = client === undefined ? "no-location" : "closest";
    return { reason, ranking: ranked.map((pop) => pop.name) };
  }
  const rest = ranked.filter((pop) => pop !== first.pop);
  return { reason: first.reason, ranking: [first.pop, ...rest].map((pop) => pop.name) };
}

function findOverride(world: World, address: Uint8Array, own: number | undefined) {
  const named = world.coverage.map(({ network, pop }) => ({
    reason: "coverage",
    network,
    pop: world.pops.find(({ name }) => name === pop),
  }));
  const inside = world.pops.flatMap((pop) =>
    [...(pop.deep?.networks ?? []), ...(pop.deep?.asn ?? [])].map((network) => ({
      reason: "deep",
      network,
      pop,
    })),
  );
  for (const entries of [named, inside]) {
    const prefixes = entries.flatMap((entry) =>
      typeof entry.network === "number" ? [] : [{ prefix: entry.network, entry }],
    );
    const byPrefix = longest(prefixes, address)?.entry;
    const found = byPrefix ?? entries.find((entry) => entry.network === own);
    if (found?.pop !== undefined) return { reason: found.reason, pop: found.pop };
  }
  return undefined;
}

function longest<T extends { readonly prefix: IpPrefix }>(
  entries: readonly T[],
  address: Uint8Array,
): T | undefined {
  let best: T | undefined;
  for (const entry of entries) {
    if (!prefixContains(entry.prefix, address)) continue;
    if (best === undefined || entry.prefix.length > best.prefix.length) best = entry;
  }
  return best;
}

/** The first and last address of each prefix of the world, and the neighbours on both sides. */
export function edgeAddresses(world: World): Uint8Array[] {
  const prefixes = [
    ...world.located.map((entry) => entry.prefix),
    ...world.announced.map((entry) => entry.prefix),
    ...world.coverage.flatMap(({ network }) => (typeof network === "number" ? [] : [network])),
    ...world.pops.flatMap((pop) => pop.deep?.networks ?? []),
  ];
  return prefixes.flatMap(({ bytes, length }) => {
    const last = bytes.slice();
    for (let bit = length; bit < bytes.length * 8; bit += 1) {
      last[bit >> 3] = (last[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
    }
    return [bytes, last, step(bytes, -1), step(last, 1)];
  });
}

function step(bytes: Uint8Array, by: 1 | -1): Uint8Array {
  const next = bytes.slice();
  for (let i = next.length - 1; i >= 0; i -= 1) {
    const value = (next[i] ?? 0) + by;
    next[i] = value & 0xff;
    if (value >= 0 && value <= 0xff) break;
  }
  return next;
}
