import { Counter, collectDefaultMetrics, Gauge, Registry } from "@prometheus-io/client";
import { Histogram, type HistogramSeries } from "./histogram.ts";
import { METRICS, type MetricName, type MetricSpec } from "./metric-table.ts";

/** Label values of one sample. The names are those that the table gives for the metric. */
export type Labels<N extends MetricName> = Readonly<
  Record<(typeof METRICS)[N]["labels"][number], string>
>;

/** Names of the metrics of one kind. */
export type NamesOf<K extends MetricSpec["kind"]> = {
  [N in MetricName]: (typeof METRICS)[N]["kind"] extends K ? N : never;
}[MetricName];

/**
 * Which metrics a process has: those of its own part, and those of "all" that follow the state. An
 * origin does not: a gauge that nobody sets reads 0, and would say that its state is down.
 */
export type MetricsPart = "edge" | "dns" | "control" | "origin";

type Instrument = Counter<string> | Gauge<string> | Histogram;

/** One series of a counter, for whoever counts often: what has been added is shown by a scrape. */
export interface CounterSeries {
  add(amount: number): void;
}

/** What counts things: metrics of this thread, or of another one that hears of them later. */
export interface CountingMetrics {
  counter<N extends NamesOf<"counter">>(name: N): { add(labels: Labels<N>, amount?: number): void };
  histogram<N extends NamesOf<"histogram">>(
    name: N,
  ): { observe(labels: Labels<N>, value: number): void };
}

/**
 * The metrics of one daemon. Several daemons in one process each have their own, so nothing is
 * global but the figures of the process itself.
 *
 * A name that the part does not have is our own mistake and throws at start-up, not under load:
 * callers take their instruments once.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #constantLabels: Readonly<Record<string, string>>;
  readonly #instruments = new Map<string, Instrument>();
  readonly #pending = new Map<string, PendingCount[]>();

  /** `constantLabels` (such as `edge` and `pop`) are put on every sample. */
  constructor(part: MetricsPart, constantLabels: Readonly<Record<string, string>> = {}) {
    this.#constantLabels = constantLabels;
    this.#registry.setDefaultLabels({ ...constantLabels });
    collectDefaultMetrics({ register: this.#registry });
    for (const [name, spec] of Object.entries<MetricSpec>(METRICS)) {
      if (spec.part === part || (spec.part === "all" && part !== "origin"))
        this.#instruments.set(name, this.#make(name, spec));
    }
  }

  /** Something that only grows. `series` is for those who count the same all the time. */
  counter<N extends NamesOf<"counter">>(
    name: N,
  ): {
    add(labels: Labels<N>, amount?: number): void;
    series(labels: Labels<N>): CounterSeries;
  } {
    const counter = this.#get(name) as Counter<string>;
    const pending = this.#pendingOf(name, counter);
    return {
      add: (labels, amount = 1) => counter.inc(labels, amount),
      series: (labels) => {
        const series = new PendingCount(labels);
        pending.push(series);
        return series;
      },
    };
  }

  /** Something that goes up and down. `clear` forgets label sets that no longer exist. */
  gauge<N extends NamesOf<"gauge">>(
    name: N,
  ): { set(labels: Labels<N>, value: number): void; clear(): void } {
    const gauge = this.#get(name) as Gauge<string>;
    return { set: (labels, value) => gauge.set(labels, value), clear: () => gauge.reset() };
  }

  /** Reads a gauge only when somebody scrapes. `read` gives the samples of that moment. */
  onScrape<N extends NamesOf<"gauge">>(
    name: N,
    read: () => readonly (readonly [Labels<N>, number])[],
  ): void {
    const gauge = this.#get(name) as Gauge<string> & { collect?: () => void };
    gauge.collect = () => {
      gauge.reset();
      for (const [labels, value] of read()) gauge.set(labels, value);
    };
  }

  /** A distribution over the buckets of the table. */
  histogram<N extends NamesOf<"histogram">>(
    name: N,
  ): {
    observe(labels: Labels<N>, value: number): void;
    series(labels: Labels<N>): HistogramSeries;
  } {
    const histogram = this.#get(name) as Histogram;
    return {
      observe: (labels, value) => histogram.series(labels).observe(value),
      series: (labels) => histogram.series(labels),
    };
  }

  /** Ends all series of a site: whoever has kept one must not count in it any more. */
  async forgetSite(site: string): Promise<void> {
    for (const pending of this.#pending.values()) {
      const kept = pending.filter(({ labels }) => labels["site"] !== site);
      pending.splice(0, pending.length, ...kept);
    }
    for (const [name, instrument] of this.#instruments) {
      if (!METRICS[name as MetricName].labels.includes("site" as never)) continue;
      if (instrument instanceof Histogram) instrument.forget("site", site);
      else {
        for (const { labels } of (await instrument.get()).values) {
          if (labels["site"] === site) instrument.remove(labels as Record<string, string>);
        }
      }
    }
  }

  /** The Prometheus text exposition of everything, and its content type. */
  async expose(): Promise<{ readonly body: string; readonly contentType: string }> {
    let body = await this.#registry.metrics();
    for (const instrument of this.#instruments.values()) {
      if (instrument instanceof Histogram) body += `\n${instrument.text()}`;
    }
    return { body, contentType: this.#registry.contentType };
  }

  /** The series of a counter that add up by themselves until somebody scrapes. */
  #pendingOf(name: string, counter: Counter<string>): PendingCount[] {
    const known = this.#pending.get(name);
    if (known !== undefined) return known;
    const pending: PendingCount[] = [];
    this.#pending.set(name, pending);
    (counter as Counter<string> & { collect?: () => void }).collect = () => {
      for (const series of pending) {
        if (series.amount > 0) counter.inc(series.labels, series.amount);
        series.amount = 0;
      }
    };
    return pending;
  }

  #get(name: string): Instrument {
    const instrument = this.#instruments.get(name);
    if (instrument === undefined) throw new Error(`this daemon has no metric ${name}`);
    return instrument;
  }

  #make(name: string, spec: MetricSpec): Instrument {
    const base = {
      name: `meridian_${name}`,
      help: spec.help,
      labelNames: [...spec.labels],
      registers: [this.#registry],
    };
    switch (spec.kind) {
      case "counter":
        return new Counter(base);
      case "gauge":
        return new Gauge(base);
      case "histogram": {
        const { labels: labelNames, help, buckets } = spec;
        const constantLabels = this.#constantLabels;
        return new Histogram({ name: base.name, help, labelNames, buckets, constantLabels });
      }
    }
  }
}

class PendingCount implements CounterSeries {
  readonly labels: Readonly<Record<string, string>>;
  amount = 0;

  constructor(labels: Readonly<Record<string, string>>) {
    this.labels = labels;
  }

  add(amount: number): void {
    this.amount += amount;
  }
}
