/** What a histogram is called, and where its buckets end. */
export interface HistogramOptions {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  /** Upper bounds, rising. */
  readonly buckets: readonly number[];
  /** Labels that every sample has. */
  readonly constantLabels: Labels;
}

type Labels = Readonly<Record<string, string>>;

/** The distribution for one set of label values. */
export class HistogramSeries {
  readonly labels: Labels;
  readonly #bounds: readonly number[];
  /** Values in each bucket alone; the last one has those beyond all bounds. */
  readonly #counts: number[];
  #sum = 0;
  #heads: readonly string[] | undefined;

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

  /** Its lines of the exposition; what stands before the values is written once. */
  text(name: string, constantLabels: Labels): string {
    this.#heads ??= headsOf(name, { ...this.labels, ...constantLabels }, this.#bounds);
    let total = 0;
    let text = "";
    for (const [bucket, count] of this.#counts.entries()) {
      total += count;
      text += `${this.#heads[bucket]}${total}\n`;
    }
    const sumAt = this.#counts.length;
    return `${text}${this.#heads[sumAt]}${this.#sum}\n${this.#heads[sumAt + 1]}${total}\n`;
  }
}

/** What stands before the value of each bucket, of the sum and of the count. */
function headsOf(name: string, labels: Labels, bounds: readonly number[]): readonly string[] {
  const rest = Object.entries(labels).map(([label, value]) => `${label}="${escaped(value)}"`);
  const all = rest.length === 0 ? "" : `{${rest.join(",")}}`;
  const buckets = [...bounds, "+Inf"].map(
    (bound) => `${name}_bucket{${[`le="${bound}"`, ...rest].join(",")}} `,
  );
  return [...buckets, `${name}_sum${all} `, `${name}_count${all} `];
}

/** A label value as the text format has it. */
function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}

/**
 * A histogram whose series are kept by who counts: the library looks the series up by a text of all
 * its labels for every value, which costs more than the rest of a hit's counting. It would also
 * write each line anew for each scrape, which takes ten times as long as this does.
 */
export class Histogram {
  readonly #options: HistogramOptions;
  readonly #series = new Map<string, HistogramSeries>();

  constructor(options: HistogramOptions) {
    this.#options = options;
  }

  /** The series of these label values, made when it is asked for first. */
  series(labels: Labels): HistogramSeries {
    let key = "";
    for (const name of this.#options.labelNames) key += `${labels[name]}\n`;
    let series = this.#series.get(key);
    if (series === undefined) {
      series = new HistogramSeries(labels, this.#options.buckets);
      this.#series.set(key, series);
    }
    return series;
  }

  /** Ends all series that have this value of a label. */
  forget(label: string, value: string): void {
    for (const [key, { labels }] of this.#series) {
      if (labels[label] === value) this.#series.delete(key);
    }
  }

  /** The Prometheus text exposition of all its series. */
  text(): string {
    const { name, help, constantLabels } = this.#options;
    let text = `# HELP ${name} ${help}\n# TYPE ${name} histogram\n`;
    for (const series of this.#series.values()) text += series.text(name, constantLabels);
    return text;
  }
}
