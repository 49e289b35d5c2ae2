import type { CountingMetrics, NamesOf } from "./metrics.ts";
import type { SiteLabels } from "./site-labels.ts";

type AnyLabels = Readonly<Record<string, string>>;

/** What has been counted and observed in another thread since it last said. */
export interface RelayedCounts {
  readonly counts: readonly {
    readonly name: NamesOf<"counter">;
    readonly labels: AnyLabels;
    readonly amount: number;
  }[];
  readonly observations: readonly {
    readonly name: NamesOf<"histogram">;
    readonly labels: AnyLabels;
    readonly value: number;
  }[];
}

/** Observations that are kept until somebody takes them; later ones are left out. */
const OBSERVATIONS_MAX = 4_096;

/** Counts for the metrics of another thread. Gauges are that thread's own. */
export class MetricsRelay implements CountingMetrics {
  readonly #counts = new Map<string, { -readonly [K in keyof Count]: Count[K] }>();
  #observations: Observation[] = [];

  counter(name: NamesOf<"counter">) {
    const add = (labels: AnyLabels, amount = 1): void => {
      const key = `${name} ${JSON.stringify(labels)}`;
      const known = this.#counts.get(key);
      if (known === undefined) this.#counts.set(key, { name, labels, amount });
      else known.amount += amount;
    };
    return { add };
  }

  histogram(name: NamesOf<"histogram">) {
    const observe = (labels: AnyLabels, value: number): void => {
      if (this.#observations.length < OBSERVATIONS_MAX) {
        this.#observations.push({ name, labels, value });
      }
    };
    return { observe };
  }

  /** Everything since the last time. */
  taken(): RelayedCounts {
    const counts = [...this.#counts.values()].filter(({ amount }) => amount > 0);
    const observations = this.#observations;
    this.#counts.clear();
    this.#observations = [];
    return { counts, observations };
  }
}

type Count = RelayedCounts["counts"][number];
type Observation = RelayedCounts["observations"][number];

/** Adds what another thread has counted, sites under the labels that they have here. */
export function addRelayed(
  metrics: CountingMetrics,
  relayed: RelayedCounts,
  sites: Pick<SiteLabels, "count">,
): void {
  for (const { name, labels, amount } of relayed.counts) {
    const { site } = labels;
    const own = site === undefined ? labels : { ...labels, site: sites.count(site, amount) };
    metrics.counter(name).add(own, amount);
  }
  for (const { name, labels, value } of relayed.observations) {
    metrics.histogram(name).observe(labels, value);
  }
}

/** By how much a counter has grown, all label values together (P). */
export function relayedTotal(relayed: RelayedCounts, counter: NamesOf<"counter">): number {
  const amounts = relayed.counts.map(({ name, amount }) => (name === counter ? amount : 0));
  return amounts.reduce((sum, amount) => sum + amount, 0);
}
