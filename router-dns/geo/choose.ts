import type { IpBytes } from "../../common/ip.ts";
import type { SteerAnswer, SteerClient, Steering, SteerReason } from "../steering.ts";
import type { Name } from "../wire/name.ts";
import type { SteeringMap } from "./compile.ts";
import { addressPrefixHash, nameSeed, tablePrefixHash, unit } from "./hash.ts";
import type { Leaf } from "./leaves.ts";
import { pickEdges, rendezvousCost } from "./pick-edges.ts";
import { findPrefix, type PrefixTable } from "./prefix-table.ts";

/** Whether an edge may be answered: `drained` never, `down` only if nothing else is left. */
export type Standing = "up" | "down" | "drained";

/** What a site says about the case that nothing is up. */
export type AllDownPolicy =
  | { readonly kind: "serve-all" | "last-good" | "empty" }
  /** A CNAME to a host that is none of ours. */
  | { readonly kind: "backup"; readonly target: Name };

/** An edge as choosing sees it. */
export interface SteerEdge {
  readonly name: string;
  /** `nameSeed` of the name. */
  readonly seed: number;
  readonly weight: number;
  readonly v4: IpBytes | undefined;
  readonly v6: IpBytes | undefined;
  readonly standing: Standing;
  /** While nothing is up: whether it was one of the last that were. */
  readonly isLastGood: boolean;
}

/** A PoP as choosing sees it; its position is what the map's rankings hold. */
export interface SteerPop {
  readonly name: string;
  /** `nameSeed` of the name. */
  readonly seed: number;
  readonly edges: readonly SteerEdge[];
}

/** What a site says about its answers. */
export interface SteerSite {
  readonly allDown: AllDownPolicy;
  /** The most addresses in one answer. */
  readonly answersMax: number;
  /** False: clients are told apart by their resolver only. Left out: by their subnet. */
  readonly ecs?: boolean | undefined;
}

/** What a PoP gives to others: fractions of all its own clients. */
export interface Shed {
  readonly keeps: number;
  /** Positions of PoPs, and the fraction of each. */
  readonly to: readonly number[];
  readonly fractions: readonly number[];
}

/** Who has too much load, and what is done about it; positions as in the view. */
export interface SteerLoad {
  /** Of each PoP; undefined: it keeps all its clients. */
  readonly sheds: readonly (Shed | undefined)[];
  /** Of each PoP, the fraction that each of its edges keeps; undefined: each keeps all. */
  readonly keeps: readonly (readonly number[] | undefined)[];
}

/** One immutable view of everything that an answer depends on. */
export interface SteerView {
  readonly map: SteeringMap;
  readonly pops: readonly SteerPop[];
  readonly ttlSeconds: number;
  /** What sites want; one that is not in it is like `anySite`. */
  readonly sites: ReadonlyMap<string, SteerSite>;
  readonly anySite: SteerSite;
  /** Left out: nothing is known of the load, or there is nothing to be done about it. */
  readonly load?: SteerLoad | undefined;
}

/**
 * Bits of a client's address that decide, where only some of a PoP's clients go elsewhere: the
 * networks that resolvers tell of (RFC 7871 section 11.1). Prefixes of the map may be much larger,
 * and moving one whole would be a lump.
 */
export const FINE_BITS: { readonly v4: number; readonly v6: number } = { v4: 24, v6: 48 };

/** Where the map puts a client. */
export interface MapPlace {
  readonly table: PrefixTable;
  /** Position of the client's prefix in the table. */
  readonly position: number;
  readonly leaf: Leaf;
  /** Bits that the leaf depends on. */
  readonly scopePrefixLength: number;
  readonly client: IpBytes;
  /** False: the client asked not to be told apart (RFC 7871 section 7.1.2). */
  readonly isKnown: boolean;
}

/** Makes the decisions of one view available to the pipeline (P). */
export function createSteering(view: SteerView): Steering {
  return {
    ignoresSubnet(site) {
      return siteOf(view, site).ecs === false;
    },
    steer(site, client, family) {
      return chooseEdges(view, site, locateClient(view.map, client), family);
    },
  };
}

/**
 * Finds a client in the map (P). A client subnet that is shorter than the map's prefix is looked up
 * by its first address; the scope is then longer than the source, which tells the resolver that the
 * answer is not for all of it (RFC 7871 section 7.2.1). An empty one (/0) says nothing about the
 * client: nobody knows where it is, and the answer is good for everyone (scope 0).
 */
export function locateClient(map: SteeringMap, client: SteerClient): MapPlace {
  const table = client.bytes.length === 4 ? map.v4 : map.v6;
  const position = findPrefix(table, client.bytes);
  const unknown = client.source === "ecs" && client.prefixLength === 0;
  return {
    table,
    position,
    leaf: (unknown ? undefined : map.leaves.at(table.values[position] ?? 0)) ?? map.unknown,
    scopePrefixLength: unknown ? 0 : (table.lengths[position] ?? 0),
    client: client.bytes,
    isKnown: !unknown,
  };
}

/** Which PoP a client gets, before its edges are looked at. */
export interface PopChoice {
  /** The first of the ranking with an edge that is up, by position; -1: nothing is up. */
  readonly home: number;
  /** Whom the client gets; other than `home` if that one gives away this part of its clients. */
  readonly pop: number;
  readonly reason: SteerReason;
  /** The hash that decided, and the bits of the client's address that it is of. */
  readonly clientHash: number;
  readonly scopePrefixLength: number;
  /** True if the load of `home` or of its edges was a reason to look closer at the client. */
  readonly isFine: boolean;
}

/**
 * Chooses the PoP of a client (P): the first of its ranking with an edge that is up. If that one
 * has too much load and gives a fraction away, the hash of the client's network decides who goes,
 * and to whom: the same networks go first and come back last, and the larger a fraction is the more
 * of the same ones it takes.
 */
export function choosePop(view: SteerView, place: MapPlace): PopChoice {
  const { ranking } = place.leaf;
  const rank = ranking.findIndex((index) => isUp(view.pops[index]));
  const home = ranking[rank] ?? -1;
  const reason = home < 0 ? "all-down" : rank === 0 ? place.leaf.reason : "failover";
  const shed = view.load?.sheds[home];
  const isFine = place.isKnown && (shed !== undefined || view.load?.keeps[home] !== undefined);
  const scopePrefixLength = isFine
    ? Math.max(place.scopePrefixLength, place.table.family === 4 ? FINE_BITS.v4 : FINE_BITS.v6)
    : place.scopePrefixLength;
  const clientHash = isFine
    ? addressPrefixHash(place.client, scopePrefixLength)
    : tablePrefixHash(place.table, place.position);
  const pop = isFine && shed !== undefined ? popFor(view, home, shed, clientHash) : home;
  const why = pop === home ? reason : "load";
  return { home, pop, reason: why, clientHash, scopePrefixLength, isFine };
}

/** Who takes a client of `home`: it, or the one of the others that is cheapest for the client. */
function popFor(view: SteerView, home: number, shed: Shed, clientHash: number): number {
  if (unit(clientHash, view.pops[home]?.seed ?? 0) < shed.keeps) return home;
  let best = home;
  let bestCost = Number.POSITIVE_INFINITY;
  for (let i = 0; i < shed.to.length; i += 1) {
    const index = shed.to[i] ?? home;
    const pop = view.pops[index];
    if (!isUp(pop)) continue;
    const cost = rendezvousCost(clientHash, pop?.seed ?? 0, shed.fractions[i] ?? 0);
    if (cost >= bestCost) continue;
    best = index;
    bestCost = cost;
  }
  return best;
}

function isUp(pop: SteerPop | undefined): boolean {
  return pop?.edges.some(({ standing }) => standing === "up") ?? false;
}

/**
 * Chooses the addresses to answer (P).
 *
 * Edges of the chosen PoP that are up are picked by site and client, and then looked at for their
 * addresses. If they have none of the family the answer is empty (NODATA) instead of another PoP's:
 * A and AAAA must not send one client to two places. Whoever shares the scope shares the answer.
 *
 * With nothing up the site's policy decides.
 */
export function chooseEdges(
  view: SteerView,
  site: string,
  place: MapPlace,
  family: 4 | 6,
): SteerAnswer {
  const choice = choosePop(view, place);
  if (choice.home < 0) return whenAllDown(view, site, place, family);
  const pop = view.pops[choice.pop];
  const { reason, scopePrefixLength } = choice;
  const addresses = addressesOf(edgesFor(view, site, choice), family);
  return { addresses, ttlSeconds: view.ttlSeconds, scopePrefixLength, pop: pop?.name, reason };
}

/** The edges that a client of a chosen PoP gets, best first (P). */
export function edgesFor(view: SteerView, site: string, choice: PopChoice): readonly SteerEdge[] {
  const edges = view.pops[choice.pop]?.edges ?? [];
  const kept = choice.isFine ? view.load?.keeps[choice.pop] : undefined;
  const up = edges.filter(({ standing }) => standing === "up");
  return pickEdges(up, {
    siteSeed: nameSeed(site),
    count: siteOf(view, site).answersMax,
    clientHash: choice.clientHash,
    keeps: kept?.filter((_, index) => edges[index]?.standing === "up"),
  });
}

/** What a site says about its answers (P). */
export function siteOf(view: SteerView, site: string): SteerSite {
  return view.sites.get(site) ?? view.anySite;
}

function whenAllDown(view: SteerView, site: string, place: MapPlace, family: 4 | 6): SteerAnswer {
  const { allDown, answersMax } = siteOf(view, site);
  const base = {
    addresses: [],
    ttlSeconds: view.ttlSeconds,
    scopePrefixLength: place.scopePrefixLength,
    pop: undefined,
    reason: "all-down",
  } as const;
  if (allDown.kind === "empty") return base;
  if (allDown.kind === "backup") return { ...base, backup: allDown.target };
  const spread = tablePrefixHash(place.table, place.position);
  const left = leftWhenDown(view, allDown.kind, place);
  const addresses = left.flatMap(({ edges }) =>
    addressesOf(
      edges.map((_, i) => edges[(i + spread) % edges.length]),
      family,
    ),
  );
  return { ...base, addresses: addresses.slice(0, answersMax), pop: left[0]?.name };
}

/** PoPs with edges that may be answered although nothing is up, best first, and those edges (P). */
export function leftWhenDown(
  view: SteerView,
  policy: "serve-all" | "last-good",
  place: MapPlace,
): readonly { readonly name: string; readonly edges: readonly SteerEdge[] }[] {
  return place.leaf.ranking.flatMap((index) => {
    const { name = "", edges: all = [] } = view.pops[index] ?? {};
    const edges = all.filter(
      ({ standing, isLastGood }) => standing === "down" && (policy === "serve-all" || isLastGood),
    );
    return edges.length === 0 ? [] : [{ name, edges }];
  });
}

/**
 * Sets of addresses of a family that clients are answered with while an edge is up (P), each once:
 * those that are the same for all sites, because the PoP has no more edges than an answer takes.
 * What depends on the site or on load is signed when it is first asked for.
 */
export function possibleAnswers(view: SteerView, family: 4 | 6): readonly (readonly IpBytes[])[] {
  const most = answersMost(view);
  const sets = view.pops.map((pop) => {
    const up = pop.edges.filter(({ standing }) => standing === "up");
    return up.length <= most ? addressesOf(up, family) : [];
  });
  return sets.filter((addresses) => addresses.length > 0);
}

/** The answers of both families that some client gets together while an edge is up (P). */
export function possiblePairs(
  view: SteerView,
): readonly { readonly v4: readonly IpBytes[]; readonly v6: readonly IpBytes[] }[] {
  return view.pops.flatMap((pop) => {
    const up = pop.edges.filter((edge) => edge.standing === "up");
    if (up.length > answersMost(view)) return [];
    return up.map((_, first) => {
      const turned = [...up.slice(first), ...up.slice(0, first)];
      return { v4: addressesOf(turned, 4), v6: addressesOf(turned, 6) };
    });
  });
}

/** The most addresses that an answer of any site can have. */
function answersMost(view: SteerView): number {
  return Math.max(...[view.anySite, ...view.sites.values()].map((site) => site.answersMax));
}

function addressesOf(edges: readonly (SteerEdge | undefined)[], family: 4 | 6): IpBytes[] {
  return edges.flatMap((edge) => {
    const address = family === 4 ? edge?.v4 : edge?.v6;
    return address === undefined ? [] : [address];
  });
}
