import { invariant } from "../../common/assert.ts";
import type { IpPrefix } from "../../common/ip.ts";
import { blendedOrder } from "./blend.ts";
import type { Coverage } from "./coverage.ts";
import type { Flatten, Locations, Networks } from "./database.ts";
import type { LatencyTable } from "./latency.ts";
import { type Leaf, LeafBuilder, LeafList, type LeafReason } from "./leaves.ts";
import { columnsOf, overlay } from "./overlay.ts";
import { distanceKm, type Place } from "./place.ts";
import type { PlaceSet } from "./place-set.ts";
import { PrefixColumns, type PrefixRows, tableOf } from "./prefix-columns.ts";
import { type PrefixTable, uniformTable } from "./prefix-table.ts";
import { RANKED_FIRST, Ranker } from "./ranking.ts";

/** A PoP as the map sees it. */
export interface MapPop {
  readonly name: string;
  readonly place: Place;
  /** Networks that it sits inside of; left out: it serves everybody. */
  readonly deep?: {
    readonly asn: readonly number[];
    readonly networks: readonly IpPrefix[];
  };
}

/** Everything that a map is made of. */
export interface MapSources {
  readonly pops: readonly MapPop[];
  readonly locations: Locations;
  /** Left out: entries by AS number find nobody. */
  readonly networks?: Networks | undefined;
  readonly coverage: Coverage;
  /** Left out: nothing is measured. */
  readonly latency?: LatencySource | undefined;
}

/** Measured round trips, and what was made of them before. */
export interface LatencySource {
  readonly table: LatencyTable;
  /** Who is first stays first unless another is faster by so many milliseconds. */
  readonly marginMs: number;
  /** Who was first in the map before, by prefix of the measurements. */
  readonly firsts?: LatencyFirsts | undefined;
}

/** Who is first where something is measured: 1 more than the position of the PoP, by prefix. */
export interface LatencyFirsts {
  readonly v4: PrefixRows;
  readonly v6: PrefixRows;
}

/**
 * The compiled map: every address of both families has a leaf. Values of the tables are positions
 * in `leaves`.
 */
export interface SteeringMap {
  readonly leaves: LeafList;
  readonly v4: PrefixTable;
  readonly v6: PrefixTable;
  /** The leaf of clients about whom nothing is known at all. */
  readonly unknown: Leaf;
  /** Of each PoP ranking, how many are by distance from the client itself. */
  readonly rankedFirst: number;
  /** Who is first where something is measured. */
  readonly firsts: LatencyFirsts;
}

/**
 * Leaves are meant to be small integers: a map that needs more is compiled with coarser rankings.
 */
const LEAVES_MAX = 65_536;

/** What somebody said about a network, which beats distance. */
interface Override {
  readonly reason: "coverage" | "deep";
  readonly pop: number;
}

/**
 * Compiles the map (P). What beats what: a coverage prefix, a coverage AS, a network that a PoP is
 * deep in, an AS that it is deep in, measured round trips, distance. Within one kind the longest
 * prefix wins.
 *
 * Example: 129.94.0.0/16 in Sydney, with `syd-uni` deep in it -> syd-uni, syd, then by distance.
 * Throws a DamagedDatabaseError.
 */
export function compileMap(sources: MapSources, leavesMax: number = LEAVES_MAX): SteeringMap {
  for (let rankedFirst = RANKED_FIRST; ; rankedFirst = Math.ceil(rankedFirst / 2)) {
    // The last try keeps whatever there is: one leaf for each PoP and reason, or two.
    const countMax = rankedFirst > 1 ? leavesMax : Number.POSITIVE_INFINITY;
    const table = new LeafTable(sources, rankedFirst, countMax);
    const v4 = compileFamily(sources, 4, table);
    const v6 = compileFamily(sources, 6, table);
    const unknown = table.byDistance(0);
    if (table.isOverfull) continue;
    const leaves = table.finish();
    const ofUnknown = leaves.at(unknown);
    invariant(ofUnknown !== undefined, "a leaf number is a position in the table");
    const firsts = { v4: table.firsts(4), v6: table.firsts(6) };
    return { leaves, v4, v6, unknown: ofUnknown, rankedFirst, firsts };
  }
}

function compileFamily(sources: MapSources, family: 4 | 6, leaves: LeafTable): PrefixTable {
  const { pops, locations, networks, coverage } = sources;
  const located = family === 4 ? locations.v4 : locations.v6;
  const announced = family === 4 ? networks?.v4 : networks?.v6;
  const deepIn = pops.flatMap((pop, index) =>
    [...(pop.deep?.networks ?? [])].map((prefix) => ({ prefix, value: index + 1 })),
  );
  const deepAs = pops.flatMap((pop, index) =>
    (pop.deep?.asn ?? []).map((as) => [as, index] as const),
  );
  const numbers = (["coverage", "deep"] as const).map((reason) =>
    pops.map((_, pop) => leaves.override({ reason, pop })),
  );
  const [covered = [], deep = []] = numbers.map((own) => [0, ...own]);
  // In the order in which they beat each other; the first that says something counts.
  const layers = [
    prefixLayer(family === 4 ? coverage.v4 : coverage.v6, covered),
    asLayer(announced, coverage.asn, covered),
    prefixLayer(columnsOf(family, deepIn), deep),
    asLayer(announced, firstOfEach(deepAs), deep),
  ];
  const given = layers.filter((layer) => layer !== undefined);
  const measured = measuredLayers(family, sources.latency);
  if (given.length + measured.length === 0) {
    return located === undefined
      ? uniformTable(family, leaves.byDistance(0))
      : located((place) => leaves.byDistance(place));
  }
  const places = located === undefined ? uniformTable(family, 0) : located((place) => place);
  const from = 1 + measured.length;
  return overlay([places, ...measured, ...given], (values) => {
    const place = values[0] ?? 0;
    for (let i = from; i < values.length; i += 1) {
      const override = values[i] ?? 0;
      if (override > 0) return leaves.overridden(place, override);
    }
    const row = from > 1 ? (values[1] ?? 0) : 0;
    return row > 0 ? leaves.byLatency(place, row, values[2] ?? 0) : leaves.byDistance(place);
  });
}

/** Rows of the measurements, and who was first in the map before; empty: nothing is measured. */
function measuredLayers(family: 4 | 6, latency: LatencySource | undefined): PrefixTable[] {
  if (latency === undefined) return [];
  const { table, firsts } = latency;
  const rows = family === 4 ? table.v4 : table.v6;
  if (rows.count === 0) return [];
  const before = family === 4 ? firsts?.v4 : firsts?.v6;
  const isEmpty = before === undefined || before.lengths.length === 0;
  return [
    tableOf(rows),
    isEmpty ? uniformTable(family, 0) : tableOf(PrefixColumns.of(family, before)),
  ];
}

/** `numbers` are the overrides by what the columns say. */
function prefixLayer(columns: PrefixColumns, numbers: readonly number[]): PrefixTable | undefined {
  return columns.count === 0 ? undefined : tableOf(columns, (value) => numbers[value] ?? 0);
}

function asLayer(
  announced: Flatten | undefined,
  popOf: ReadonlyMap<number, number>,
  numbers: readonly number[],
): PrefixTable | undefined {
  if (announced === undefined || popOf.size === 0) return undefined;
  return announced((asn) => numbers[(popOf.get(asn) ?? -1) + 1] ?? 0);
}

/** Of two PoPs in one AS the first of the configuration counts. */
function firstOfEach(pairs: readonly (readonly [number, number])[]): ReadonlyMap<number, number> {
  return new Map([...pairs].reverse());
}

/** For each place and override, which leaf it is. */
class LeafTable {
  readonly #places: PlaceSet;
  readonly #ranker: Ranker;
  readonly #leaves: LeafBuilder;
  readonly #popCount: number;
  readonly #head: Uint16Array;
  readonly #overriddenHead: Uint16Array;
  readonly #overrides: Override[] = [];
  readonly #overrideNumbers = new Map<string, number>();
  #ofPlace: Int32Array;
  readonly #ofOverridden = new Map<number, number>();
  readonly #pops: readonly MapPop[];
  readonly #latency: LatencySource | undefined;
  /** By row of the measurements, less 1. */
  readonly #firsts: Uint16Array;

  constructor(sources: MapSources, rankedFirst: number, countMax: number) {
    const { pops, locations, latency } = sources;
    this.#pops = pops;
    this.#latency = latency;
    this.#firsts = new Uint16Array(latency?.table.rows.length ?? 0);
    this.#places = locations.places;
    this.#popCount = pops.length;
    this.#ofPlace = new Int32Array(locations.places.count + 1).fill(-1);
    this.#ranker = new Ranker(
      pops.map((pop) => ({ place: pop.place, deep: pop.deep !== undefined })),
      rankedFirst,
    );
    const { open, headLength } = this.#ranker;
    this.#head = new Uint16Array(headLength);
    this.#overriddenHead = new Uint16Array(headLength + 1);
    // A row for each PoP, and a last one in the order of the configuration.
    const tails = new Uint16Array((pops.length + 1) * open.length);
    for (const pop of pops.keys()) tails.set(this.#ranker.from(pop), pop * open.length);
    tails.set(open, pops.length * open.length);
    const tailLength = open.length;
    this.#leaves = new LeafBuilder({ headMax: headLength + 1, countMax, tails, tailLength });
  }

  get isOverfull(): boolean {
    return this.#leaves.isOverfull;
  }

  finish(): LeafList {
    return new LeafList(this.#leaves.finish());
  }

  /** The number of an override, from 1. */
  override(override: Override): number {
    const key = `${override.reason} ${override.pop}`;
    const known = this.#overrideNumbers.get(key);
    if (known !== undefined) return known;
    const number = this.#overrides.push(override);
    this.#overrideNumbers.set(key, number);
    return number;
  }

  /** The leaf of clients at a place (0: nobody knows) about whom nobody said anything. */
  byDistance(placeNumber: number): number {
    if (placeNumber >= this.#ofPlace.length) this.#growPlaces(placeNumber);
    const known = this.#ofPlace[placeNumber] ?? -1;
    if (known >= 0) return known;
    const place = this.#places.at(placeNumber);
    const leaf =
      place === undefined ? this.#add(0, this.#popCount, "no-location") : this.#at(place);
    this.#ofPlace[placeNumber] = leaf;
    return leaf;
  }

  /** The leaf of clients at a place whose network has an override. */
  overridden(placeNumber: number, overrideNumber: number): number {
    const key = overrideNumber * 2 ** 32 + placeNumber;
    const known = this.#ofOverridden.get(key);
    if (known !== undefined) return known;
    const { reason, pop } = this.#overrides[overrideNumber - 1] ?? { reason: "deep", pop: 0 };
    const head = this.#overriddenHead;
    head[0] = pop;
    let length = 1;
    let tailOf = pop;
    const place = this.#places.at(placeNumber);
    if (place !== undefined) {
      this.#ranker.rank(place, this.#head);
      tailOf = this.#head[0] ?? pop;
      for (const other of this.#head) if (other !== pop) head[length++] = other;
    }
    const leaf = this.#leaves.add(head, length, tailOf, reason);
    this.#ofOverridden.set(key, leaf);
    return leaf;
  }

  /**
   * The leaf of clients at a place for whose network round trips are measured. `before` is 1 more
   * than the PoP that was first there in the map before, 0 if there was none.
   */
  byLatency(placeNumber: number, row: number, before: number): number {
    const measured = this.#latency?.table.rows[row - 1] ?? [];
    const place = this.#places.at(placeNumber);
    if (place !== undefined) this.#ranker.rank(place, this.#head);
    const near = place === undefined ? [] : [...this.#head];
    const { open } = this.#ranker;
    const far = measured.map(({ pop }) => pop).filter((pop) => !near.includes(pop));
    // Deep PoPs are for their own networks, whoever else may be close to them.
    const known = [...near, ...far.filter((pop) => open.includes(pop))];
    const candidates = known.map((pop) => {
      const to = this.#pops[pop]?.place;
      const isFar = place !== undefined && to !== undefined;
      return {
        pop,
        km: isFar ? distanceKm(place, to) : undefined,
        ms: measured.find((each) => each.pop === pop)?.ms,
      };
    });
    if (candidates.length === 0) return this.byDistance(placeNumber);
    const order = blendedOrder(candidates, {
      incumbent: before === 0 ? undefined : before - 1,
      marginMs: this.#latency?.marginMs ?? 0,
    });
    const [first = 0] = order;
    if (this.#firsts[row - 1] === 0) this.#firsts[row - 1] = first + 1;
    const head = this.#overriddenHead;
    const length = Math.min(order.length, head.length);
    for (let i = 0; i < length; i += 1) head[i] = order[i] ?? 0;
    return this.#leaves.add(head, length, near[0] ?? first, "latency");
  }

  /** Who is first, for each measured prefix of a family. */
  firsts(family: 4 | 6): PrefixRows {
    const table = this.#latency?.table;
    const columns = (family === 4 ? table?.v4 : table?.v6) ?? new PrefixColumns(family, 1);
    const { keys, lengths, values } = columns.inOrder();
    return { keys, lengths, values: values.map((row) => this.#firsts[row - 1] ?? 0) };
  }

  /** Places become known while a database is flattened. */
  #growPlaces(placeNumber: number): void {
    const grown = new Int32Array(placeNumber * 2 + 1_024).fill(-1);
    grown.set(this.#ofPlace);
    this.#ofPlace = grown;
  }

  #at(place: Place): number {
    this.#ranker.rank(place, this.#head);
    return this.#add(this.#head.length, this.#head[0] ?? this.#popCount, "closest");
  }

  #add(length: number, tailOf: number, reason: LeafReason): number {
    return this.#leaves.add(this.#head, length, tailOf, reason);
  }
}
