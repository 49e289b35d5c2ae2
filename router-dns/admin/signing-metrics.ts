import type { CountingMetrics, Metrics } from "../../common/metrics.ts";
import type { LiveSigning, SigningFigures } from "../data/live-signing.ts";

/** Counts what signing does; like those of queries, the counts are handed over at a scrape. */
export class SigningCounters {
  readonly #signing: LiveSigning;
  readonly #made;
  readonly #hits;
  #before: Pick<SigningFigures, "signatures" | "hits"> = {
    signatures: { ahead: 0, query: 0 },
    hits: 0,
  };

  constructor(metrics: CountingMetrics, signing: LiveSigning) {
    this.#signing = signing;
    this.#made = metrics.counter("dns_signatures_total");
    this.#hits = metrics.counter("dns_signature_hits_total");
  }

  /** Hands the counts to the metrics. */
  flush(): void {
    const now = this.#signing.figures();
    const before = this.#before;
    this.#made.add({ made: "ahead" }, now.signatures.ahead - before.signatures.ahead);
    this.#made.add({ made: "query" }, now.signatures.query - before.signatures.query);
    this.#hits.add({}, now.hits - before.hits);
    this.#before = now;
  }
}

/** Shows what there is to sign with, and what has been signed ahead. */
export function exposeSigning(metrics: Metrics, signing: LiveSigning): void {
  metrics.onScrape("dns_signatures_cached", () => {
    const { ahead, made } = signing.figures().cached;
    return [[{ made: "ahead" }, ahead] as const, [{ made: "query" }, made] as const];
  });
  metrics.onScrape("dns_sign_ahead_seconds", () => [[{}, signing.figures().aheadSeconds]]);
  metrics.onScrape("dns_zone_key_state", () =>
    [...signing.keySets()].flatMap(([zone, { statuses }]) =>
      statuses.map(({ key, role, state }) => {
        const labels = { zone, tag: String(key.tag), role, state };
        return [labels, 1] as const;
      }),
    ),
  );
  metrics.onScrape("dns_zone_keys_good", () => {
    const isGood = signing.figures().areKeysGood ? 1 : 0;
    return [...signing.keySets().keys()].map((zone) => [{ zone }, isGood] as const);
  });
}
