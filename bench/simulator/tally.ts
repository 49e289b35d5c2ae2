import { type Distances, Histogram } from "../../router-dns/geo/map-stats.ts";
import { KM_STEP, KM_STEPS } from "./internet.ts";

/** A moment of a replay. */
export interface Sample {
  /** After midnight UTC. */
  readonly hour: number;
  /** Demand, as a part of the capacity that is up. */
  readonly demand: number;
  /** The load of the fullest edge, by its capacity. */
  readonly fullest: number;
  /** The part of demand that is not sent to the best PoP. */
  readonly away: number;
}

/** What happened to clients when a PoP was lost. */
export interface LossEffect {
  readonly pop: string;
  /** Parts of all clients, by weight: those that were there, and others that moved within 5 min. */
  readonly stood: number;
  readonly others: number;
}

/** What a replay came to. Shares are parts of demand over time. */
export interface Result {
  readonly prefixes: number;
  readonly networks: number;
  readonly pops: number;
  readonly rankings: number;
  readonly distance: Distances;
  /** The same if everybody had the best PoP of the map, at the start. */
  readonly closest: Distances;
  readonly load: {
    /** Demand over capacity at the busiest moment. */
    readonly busiest: number;
    readonly fullest: number;
    /** The worst edge over the mean of those it shares with: while capacity suffices. */
    readonly worstOverMean: number;
    readonly p95OverMean: number;
    /** Hours of edges with more demand than their capacity. */
    readonly hoursOver: number;
    readonly overflowShare: number;
    /** What went to edges that were gone. */
    readonly lostShare: number;
    readonly awayShare: number;
  };
  readonly churn: {
    readonly changesPerPrefixHour: number;
    readonly hasty: number;
    readonly plans: number;
    readonly losses: readonly LossEffect[];
  };
  readonly samples: readonly Sample[];
}

/** Sums of a replay, as it goes on. */
export class Tally {
  readonly #kilometres = new Histogram();
  readonly #overMean: number[] = [];
  readonly samples: Sample[] = [];
  demanded = 0;
  #over = 0;
  #overflow = 0;
  #lost = 0;
  #fullest = 0;
  #busiest = 0;

  /** One step: what edges carry, what they can, and what was sent to edges that are gone. */
  step(
    seconds: number,
    edges: readonly { readonly capacity: number }[],
    carried: Float64Array,
    sums: { readonly demand: number; readonly lost: number; readonly capacity: number },
  ): void {
    this.demanded += seconds * sums.demand;
    this.#lost += seconds * sums.lost;
    this.#busiest = Math.max(this.#busiest, sums.demand / Math.max(1, sums.capacity));
    for (const [i, { capacity }] of edges.entries()) {
      const load = carried[i] ?? 0;
      this.#fullest = Math.max(this.#fullest, load / capacity);
      if (load <= capacity) continue;
      this.#over += seconds / 3_600;
      this.#overflow += seconds * (load - capacity);
    }
  }

  /** The worst of a group of edges over their mean. */
  overMean(worst: number): void {
    this.#overMean.push(worst);
  }

  /** Distances now, by the demand of each group. */
  distances(shares: Float64Array, demand: readonly number[]): void {
    addDistances(this.#kilometres, shares, demand);
  }

  /** Everything but what the replay itself knows. */
  sums(): Pick<Result, "distance"> & { readonly load: Omit<Result["load"], "awayShare"> } {
    const sorted = this.#overMean.toSorted((a, b) => a - b);
    const all = Math.max(1, this.demanded);
    return {
      distance: this.#kilometres.distances(),
      load: {
        busiest: this.#busiest,
        fullest: this.#fullest,
        worstOverMean: sorted.at(-1) ?? 1,
        p95OverMean: sorted[Math.floor(sorted.length * 0.95)] ?? 1,
        hoursOver: this.#over,
        overflowShare: this.#overflow / all,
        lostShare: this.#lost / all,
      },
    };
  }
}

/** Adds the distances of an internet to a histogram: each step counts by the demand behind it. */
export function addDistances(
  histogram: Histogram,
  shares: Float64Array,
  demand: readonly number[],
): void {
  for (const [group, wanted] of demand.entries()) {
    for (let step = 0; step < KM_STEPS; step += 1) {
      const share = shares[group * KM_STEPS + step] ?? 0;
      if (share > 1e-12) histogram.add((step + 0.5) * KM_STEP, share * wanted);
    }
  }
}

/** The worst load over the mean of edges that share clients (P), by capacity; 1 if none has any. */
export function worstOverMean(
  edges: readonly { readonly load: number; readonly capacity: number }[],
): number {
  let carried = 0;
  let capacity = 0;
  let worst = 0;
  for (const edge of edges) {
    carried += edge.load * edge.capacity;
    capacity += edge.capacity;
    worst = Math.max(worst, edge.load);
  }
  return carried === 0 ? 1 : worst / (carried / capacity);
}
