/** What a histogram is called, and where its buckets end. */
export interface HistogramOptions {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  /** Upper bounds, rising. */
  readonly buckets: readonly number[];
}

type Labels = Readonly<Record<string, string>>;

/** One line of the exposition, as the library writes it. */
interface Sample {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly sharedLabels: Labels;
  readonly value: number;
  readonly metricName: string;
}

/** The distribution for one set of label values. */
export class HistogramSeries {
  readonly labels: Labels;
  readonly #bounds: readonly number[];
  /** Values in each bucket alone; the last one has those beyond all bounds. */
  readonly #counts: number[];
  #sum = 0;

  constructor(labels: Labels, bounds: readonly number[]) {
    this.labels = labels;
    this.#bounds = bounds;
    this.#counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  /** Counts one value. */
  observe(value: number): void {
    let bucket = 0;
    while (bucket < this.#bounds.length && value > (this.#bounds[bucket] ?? 0)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += value;
  }

  samples(name: string): Sample[] {
    const sample = (suffix: string, labels: Sample["labels"], value: number): Sample => ({
      labels,
      sharedLabels: this.labels,
      value,
      metricName: `${name}_${suffix}`,
    });
    let total = 0;
    const buckets = this.#counts.map((count, bucket) => {
      total += count;
      return sample("bucket", { le: this.#bounds[bucket] ?? "+Inf" }, total);
    });
    return [...buckets, sample("sum", {}, this.#sum), sample("count", {}, total)];
  }
}

/**
 * A histogram whose series are kept by who counts: the library looks the series up by a text of all
 * its labels for every value, which costs more than the rest of a hit's counting.
 */
export class Histogram {
  readonly name: string;
  readonly help: string;
  readonly type = "histogram";
  readonly aggregator = "sum";
  readonly #labelNames: readonly string[];
  readonly #buckets: readonly number[];
  readonly #series = new Map<string, HistogramSeries>();

  constructor({ name, help, labelNames, buckets }: HistogramOptions) {
    this.name = name;
    this.help = help;
    this.#labelNames = labelNames;
    this.#buckets = buckets;
  }

  /** The series of these label values, made when it is asked for first. */
  series(labels: Labels): HistogramSeries {
    let key = "";
    for (const name of this.#labelNames) key += `${labels[name]}\n`;
    let series = this.#series.get(key);
    if (series === undefined) {
      series = new HistogramSeries(labels, this.#buckets);
      this.#series.set(key, series);
    }
    return series;
  }

  /** What the registry of the library asks for when somebody scrapes. */
  async get() {
    const { name, help, type, aggregator } = this;
    const values = [...this.#series.values()].flatMap((series) => series.samples(name));
    return { name, help, type, aggregator, values };
  }
}
