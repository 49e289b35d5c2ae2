import { invariant } from "../../common/assert.ts";
import type { IpPrefix } from "../../common/ip.ts";
import type { SteerReason } from "../steering.ts";
import type { CoverageEntry } from "./coverage.ts";
import type { Locations, Networks } from "./database.ts";
import { overlay, tableOfPrefixes } from "./overlay.ts";
import type { Place } from "./place.ts";
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
  readonly coverage: readonly CoverageEntry[];
}

/** What a client prefix leads to: PoPs by position in the configuration, best first. */
export interface Leaf {
  readonly ranking: readonly number[];
  /** Why the first is first. */
  readonly reason: Extract<SteerReason, "closest" | "coverage" | "deep" | "no-location">;
}

/**
 * The compiled map: every address of both families has a leaf. Values of the tables are positions
 * in `leaves`.
 */
export interface SteeringMap {
  readonly leaves: readonly Leaf[];
  readonly v4: PrefixTable;
  readonly v6: PrefixTable;
  /** The leaf of clients about whom nothing is known at all. */
  readonly unknown: Leaf;
  /** Of each PoP ranking, how many are by distance from the client itself. */
  readonly rankedFirst: number;
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
 * deep in, an AS that it is deep in, distance. Within one kind the longest prefix wins.
 *
 * Example: 129.94.0.0/16 in Sydney, with `syd-uni` deep in it -> syd-uni, syd, then by distance.
 */
export function compileMap(sources: MapSources, leavesMax: number = LEAVES_MAX): SteeringMap {
  for (let rankedFirst = RANKED_FIRST; ; rankedFirst = Math.ceil(rankedFirst / 2)) {
    const leaves = new LeafTable(sources, rankedFirst);
    const v4 = compileFamily(sources, 4, leaves);
    const v6 = compileFamily(sources, 6, leaves);
    const unknown = leaves.byDistance(0);
    if (leaves.all.length > leavesMax && rankedFirst > 1) continue;
    return { leaves: leaves.all, v4, v6, unknown: leaves.at(unknown), rankedFirst };
  }
}

function compileFamily(sources: MapSources, family: 4 | 6, leaves: LeafTable): PrefixTable {
  const { pops, locations, networks, coverage } = sources;
  const located = family === 4 ? locations.v4 : locations.v6;
  const announced = family === 4 ? networks?.v4 : networks?.v6;
  const popOf = new Map(pops.map((pop, index) => [pop.name, index]));
  const named = coverage.map(({ network, pop }) => ({
    network,
    value: leaves.override({ reason: "coverage", pop: popOf.get(pop) ?? 0 }),
  }));
  const deep = pops.flatMap((pop, index) =>
    [...(pop.deep?.networks ?? []), ...(pop.deep?.asn ?? [])].map((network) => ({
      network,
      value: leaves.override({ reason: "deep", pop: index }),
    })),
  );
  // In the order in which they beat each other; the first that says something counts.
  const layers = [named, deep].flatMap((entries) => [
    prefixLayer(family, entries),
    asLayer(announced, entries),
  ]);
  const given = layers.filter((layer) => layer !== undefined);
  return overlay([located ?? uniformTable(family, 0), ...given], (values) => {
    for (let i = 1; i < values.length; i += 1) {
      const override = values[i] ?? 0;
      if (override > 0) return leaves.overridden(values[0] ?? 0, override);
    }
    return leaves.byDistance(values[0] ?? 0);
  });
}

type Entries = readonly { readonly network: IpPrefix | number; readonly value: number }[];

function prefixLayer(family: 4 | 6, entries: Entries): PrefixTable | undefined {
  const prefixes = entries.flatMap(({ network, value }) =>
    typeof network === "number" ? [] : [{ prefix: network, value }],
  );
  return prefixes.length === 0 ? undefined : tableOfPrefixes(family, prefixes);
}

function asLayer(announced: PrefixTable | undefined, entries: Entries): PrefixTable | undefined {
  const byAs = new Map<number, number>();
  for (const { network, value } of entries) {
    if (typeof network === "number" && !byAs.has(network)) byAs.set(network, value);
  }
  if (announced === undefined || byAs.size === 0) return undefined;
  return overlay([announced], (values) => byAs.get(values[0] ?? 0) ?? 0);
}

/** The different leaves, each once, and for each place and override which one it is. */
class LeafTable {
  readonly all: Leaf[] = [];
  readonly #places: readonly Place[];
  readonly #ranker: Ranker;
  readonly #overrides: Override[] = [];
  readonly #overrideNumbers = new Map<string, number>();
  readonly #leafNumbers = new Map<string, number>();
  readonly #ofPlace: Int32Array;
  readonly #ofOverridden = new Map<number, number>();

  constructor({ pops, locations }: MapSources, rankedFirst: number) {
    this.#places = locations.places;
    this.#ofPlace = new Int32Array(locations.places.length + 1).fill(-1);
    this.#ranker = new Ranker(
      pops.map((pop) => ({ place: pop.place, deep: pop.deep !== undefined })),
      rankedFirst,
    );
  }

  at(number: number): Leaf {
    const leaf = this.all[number];
    invariant(leaf !== undefined, "a leaf number is a position in the table");
    return leaf;
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
    const known = this.#ofPlace[placeNumber] ?? -1;
    if (known >= 0) return known;
    const place = this.#places[placeNumber - 1];
    const ranking = this.#ranker.rank(place);
    const leaf = this.#intern({ ranking, reason: place === undefined ? "no-location" : "closest" });
    this.#ofPlace[placeNumber] = leaf;
    return leaf;
  }

  /** The leaf of clients at a place whose network has an override. */
  overridden(placeNumber: number, overrideNumber: number): number {
    const key = overrideNumber * 2 ** 32 + placeNumber;
    const known = this.#ofOverridden.get(key);
    if (known !== undefined) return known;
    const { reason, pop } = this.#overrides[overrideNumber - 1] ?? { reason: "deep", pop: 0 };
    const ranking = this.#ranker.rankAfter(pop, this.#places[placeNumber - 1]);
    const leaf = this.#intern({ ranking, reason });
    this.#ofOverridden.set(key, leaf);
    return leaf;
  }

  #intern(leaf: Leaf): number {
    const key = `${leaf.reason} ${leaf.ranking.join(",")}`;
    const known = this.#leafNumbers.get(key);
    if (known !== undefined) return known;
    const number = this.all.push(leaf) - 1;
    this.#leafNumbers.set(key, number);
    return number;
  }
}
