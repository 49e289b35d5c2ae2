import type { CountingMetrics } from "../../common/metrics.ts";
import type { SiteLabels } from "../../common/site-labels.ts";
import type { Outcome } from "../pipeline.ts";
import type { SteerReason } from "../steering.ts";
import type { Transport } from "../transport/answer.ts";
import { rcodeName, TYPE, typeName } from "../wire/codes.ts";

/** Timed queries per second; below that rate all of them are. */
export const TIMED_PER_SECOND_MAX = 1_000;

/**
 * Types that are counted under their name; others are `other`, so that nobody can make up labels.
 */
const NAMED_TYPES: ReadonlySet<number> = new Set<number>(Object.values(TYPE));

/** Transports as they are counted. */
const TRANSPORTS: readonly Transport[] = ["udp", "tcp", "dot", "doh"];

interface QueryCount {
  readonly labels: { readonly transport: string; readonly type: string; readonly rcode: string };
  count: number;
}

interface SteeredCount {
  readonly labels: {
    readonly site: string;
    readonly pop: string;
    readonly reason: SteerReason;
  };
  count: number;
}

/**
 * Counts queries. The Prometheus client takes a microsecond for each number that it is told, which
 * is as long as a decision; so counts are kept here and handed over when somebody scrapes.
 */
export class QueryCounters {
  readonly #queries = new Map<number, QueryCount>();
  readonly #steered = new Map<string, SteeredCount>();
  readonly #queriesTotal;
  readonly #steeredTotal;
  readonly #duration;
  readonly #labels: Pick<SiteLabels, "count">;
  #total = 0;
  #timedLeft = TIMED_PER_SECOND_MAX;

  constructor(metrics: CountingMetrics, labels: Pick<SiteLabels, "count">) {
    this.#labels = labels;
    this.#queriesTotal = metrics.counter("dns_queries_total");
    this.#steeredTotal = metrics.counter("dns_steered_total");
    this.#duration = metrics.histogram("dns_query_duration_seconds");
  }

  /** Queries since the start. */
  get total(): number {
    return this.#total;
  }

  /** True if the next query should be timed. */
  get isTimed(): boolean {
    return this.#timedLeft > 0;
  }

  /** Begins a new second of timing. */
  nextSecond(): void {
    this.#timedLeft = TIMED_PER_SECOND_MAX;
  }

  /** Counts queries, one if nothing else is said, and what became of them. */
  count(transport: Transport, outcome: Outcome, queries = 1): void {
    this.#total += queries;
    const { length, rcode, steered } = outcome;
    const qtype = NAMED_TYPES.has(outcome.qtype) ? outcome.qtype : 0;
    // 16 bits of type, 12 of code, 2 of transport and 1 for whether there was an answer.
    const key =
      ((qtype << 12) | rcode) * 8 + TRANSPORTS.indexOf(transport) * 2 + (length === 0 ? 1 : 0);
    const known = this.#queries.get(key);
    if (known !== undefined) known.count += queries;
    else {
      const type = qtype === 0 ? "other" : typeName(qtype);
      const code = length === 0 ? "dropped" : rcodeName(rcode);
      this.#queries.set(key, { labels: { transport, type, rcode: code }, count: queries });
    }
    if (steered !== undefined) this.#countSteered(steered, queries);
  }

  /** Notes how long one query took. */
  time(transport: Transport, seconds: number): void {
    this.#timedLeft -= 1;
    this.#duration.observe({ transport }, seconds);
  }

  /** Hands all counts to the metrics. */
  flush(): void {
    for (const entry of this.#queries.values()) {
      if (entry.count > 0) this.#queriesTotal.add(entry.labels, entry.count);
      entry.count = 0;
    }
    for (const entry of this.#steered.values()) {
      if (entry.count > 0) this.#steeredTotal.add(entry.labels, entry.count);
      entry.count = 0;
    }
  }

  /** A site has no series of its own any more. */
  forget(site: string): void {
    for (const [key, { labels }] of this.#steered) {
      if (labels.site === site) this.#steered.delete(key);
    }
  }

  #countSteered(steered: NonNullable<Outcome["steered"]>, queries: number): void {
    const { pop = "none", reason } = steered.answer;
    const site = this.#labels.count(steered.site, queries);
    const key = `${site} ${pop} ${reason}`;
    const known = this.#steered.get(key);
    if (known !== undefined) known.count += queries;
    else this.#steered.set(key, { labels: { site, pop, reason }, count: queries });
  }
}
