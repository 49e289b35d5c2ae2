import { unit } from "./hash.ts";

/** An edge as hashing sees it. */
export interface HashedEdge {
  /** `nameSeed` of its name. */
  readonly seed: number;
  /** Its part of what comes to its PoP, beside those of the others. */
  readonly weight: number;
}

/** For whom edges are picked. */
export interface EdgePick {
  /** `nameSeed` of the site. */
  readonly siteSeed: number;
  /** The most edges. */
  readonly count: number;
  /** The hash of the client's prefix. */
  readonly clientHash: number;
  /** Fraction of its clients that each edge keeps, in the order of `edges`; left out: all. */
  readonly keeps?: readonly number[] | undefined;
}

/**
 * Picks edges of one PoP for a site and a client (P): those that come first in the order of the
 * site, which is weighted rendezvous hashing (Thaler, Ravishankar 1998; weights after
 * Schindelhauer, Schomaker 2005). So the content of a site stays on few edges, and when one leaves
 * only what was its is moved. An edge with too much load is passed over for a fraction of clients,
 * always the same ones. The first of the answer is another one from client to client.
 */
export function pickEdges<E extends HashedEdge>(edges: readonly E[], pick: EdgePick): readonly E[] {
  const { siteSeed, count, clientHash, keeps } = pick;
  let candidates = edges;
  if (keeps !== undefined) {
    const staying = edges.filter((edge, i) => unit(clientHash, edge.seed) < (keeps[i] ?? 1));
    if (staying.length > 0) candidates = staying;
  }
  const picked = candidates.length <= count ? candidates : firstOf(candidates, siteSeed, count);
  const first = clientHash % Math.max(1, picked.length);
  return first === 0 ? picked : [...picked.slice(first), ...picked.slice(0, first)];
}

function firstOf<E extends HashedEdge>(edges: readonly E[], siteSeed: number, count: number): E[] {
  return edges
    .map((edge) => ({ edge, cost: rendezvousCost(siteSeed, edge.seed, edge.weight) }))
    .sort((a, b) => a.cost - b.cost)
    .slice(0, count)
    .map(({ edge }) => edge);
}

/**
 * What `owner` costs `hash` (P): the cheapest of several is each with a probability in proportion
 * to its weight, and adding or removing one moves nobody between the others.
 */
export function rendezvousCost(hash: number, ownerSeed: number, weight: number): number {
  return -Math.log(unit(hash, ownerSeed)) / weight;
}
