import type { IpBytes } from "../../common/ip.ts";
import type { SteerAnswer, SteerClient, Steering, SteerReason } from "../steering.ts";
import type { SteeringMap } from "./compile.ts";
import type { Leaf } from "./leaves.ts";
import { findPrefix, type PrefixTable, wordsOf } from "./prefix-table.ts";

/** Whether an edge may be answered: `drained` never, `down` only if nothing else is left. */
export type Standing = "up" | "down" | "drained";

/** What a site says about the case that nothing is up. */
export type AllDownPolicy = "serve-all" | "empty";

/** An edge as choosing sees it. */
export interface SteerEdge {
  readonly name: string;
  readonly v4: IpBytes | undefined;
  readonly v6: IpBytes | undefined;
  readonly standing: Standing;
}

/** A PoP as choosing sees it; its position is what the map's rankings hold. */
export interface SteerPop {
  readonly name: string;
  readonly edges: readonly SteerEdge[];
}

/** One immutable view of everything that an answer depends on. */
export interface SteerView {
  readonly map: SteeringMap;
  readonly pops: readonly SteerPop[];
  readonly ttlSeconds: number;
  /** The most addresses in one answer. */
  readonly answersMax: number;
  /** What a site wants; sites that are not in it want `serve-all`. */
  readonly allDown: ReadonlyMap<string, AllDownPolicy>;
}

/** Where the map puts a client. */
export interface MapPlace {
  readonly table: PrefixTable;
  /** Position of the client's prefix in the table. */
  readonly position: number;
  readonly leaf: Leaf;
  /** Bits that the answer depends on. */
  readonly scopePrefixLength: number;
}

/** Makes the decisions of one view available to the pipeline (P). */
export function createSteering(view: SteerView): Steering {
  return {
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
  };
}

/**
 * Chooses the addresses to answer (P).
 *
 * The first PoP of the ranking with an edge that is up wins, and its up edges of the family are the
 * answer, in an order that depends on nothing but the client's prefix in the map, so that whoever
 * shares the scope shares the answer. If they have no address of the family the answer is empty
 * (NODATA) instead of another PoP's: A and AAAA must not send one client to two places.
 *
 * With nothing up the site's policy decides: nothing, or all that is not drained, best PoP first.
 */
export function chooseEdges(
  view: SteerView,
  site: string,
  place: MapPlace,
  family: 4 | 6,
): SteerAnswer {
  const { ranking, reason } = place.leaf;
  const { ttlSeconds } = view;
  const { scopePrefixLength } = place;
  const spread = hashPrefix(place);
  const answer = (pop: string | undefined, why: SteerReason, addresses: readonly IpBytes[]) => ({
    addresses: addresses.slice(0, view.answersMax),
    ttlSeconds,
    scopePrefixLength,
    pop,
    reason: why,
  });
  for (const [rank, index] of ranking.entries()) {
    const pop = view.pops[index];
    const up = pop?.edges.filter((edge) => edge.standing === "up") ?? [];
    if (up.length === 0) continue;
    return answer(pop?.name, rank === 0 ? reason : "failover", addressesOf(up, family, spread));
  }
  if (view.allDown.get(site) === "empty") return answer(undefined, "all-down", []);
  const left = ranking.flatMap((index) => {
    const pop = view.pops[index];
    const edges = pop?.edges.filter((edge) => edge.standing !== "drained") ?? [];
    return edges.length === 0 ? [] : [{ name: pop?.name, edges }];
  });
  const addresses = left.flatMap(({ edges }) => addressesOf(edges, family, spread));
  return answer(left[0]?.name, "all-down", addresses);
}

/**
 * Every set of addresses of a family that some client is answered with while an edge is up (P),
 * each once: few enough to be prepared, because only the PoP and where its turn begins decide.
 */
export function possibleAnswers(view: SteerView, family: 4 | 6): readonly (readonly IpBytes[])[] {
  const sets = new Map<string, readonly IpBytes[]>();
  for (const pop of view.pops) {
    const up = pop.edges.filter((edge) => edge.standing === "up");
    for (let spread = 0; spread < up.length; spread += 1) {
      const addresses = addressesOf(up, family, spread).slice(0, view.answersMax);
      const text = addresses.map((address) => address.join(".")).sort();
      if (addresses.length > 0) sets.set(text.join(), addresses);
    }
  }
  return [...sets.values()];
}

/** The answers of both families that some client gets together while an edge is up (P). */
export function possiblePairs(
  view: SteerView,
): readonly { readonly v4: readonly IpBytes[]; readonly v6: readonly IpBytes[] }[] {
  return view.pops.flatMap((pop) => {
    const up = pop.edges.filter((edge) => edge.standing === "up");
    return up.map((_, spread) => ({
      v4: addressesOf(up, 4, spread).slice(0, view.answersMax),
      v6: addressesOf(up, 6, spread).slice(0, view.answersMax),
    }));
  });
}

function addressesOf(edges: readonly SteerEdge[], family: 4 | 6, spread: number): IpBytes[] {
  const addresses: IpBytes[] = [];
  for (let i = 0; i < edges.length; i += 1) {
    const edge = edges[(i + spread) % edges.length];
    const address = family === 4 ? edge?.v4 : edge?.v6;
    if (address !== undefined) addresses.push(address);
  }
  return addresses;
}

/** FNV-1a over the words of the client's prefix in the map. */
function hashPrefix({ table, position }: MapPlace): number {
  const words = wordsOf(table.family);
  let hash = 0x811c9dc5;
  for (let i = 0; i < words; i += 1) {
    hash = Math.imul(hash ^ (table.keys[position * words + i] ?? 0), 0x01000193);
    hash ^= hash >>> 15;
  }
  return hash >>> 0;
}
