import type { MonotonicMs } from "./clock.ts";

/** The label of all sites that have none of their own. */
export const OTHER_SITES = "other";

/** How often labels may change hands. */
const REVIEW_EVERY_MS = 60_000;

/** A site has to have so many times the requests of another one to get its label. */
const AHEAD = 2;

/** What is known of a site. */
interface RankedSite {
  label: string;
  /** Requests lately: those of each review count half at the next. */
  recent: number;
}

/**
 * Which sites have metrics of their own (P, over what it has seen): those with the most requests,
 * up to a number. All others are counted together.
 *
 * Each series only grows. A site that gets a label begins at zero and leaves in `other` what has
 * been counted there; the series of one that loses it end, and what it gets from then on is counted
 * in `other`.
 */
export class SiteLabels {
  readonly #max: number;
  readonly #sites = new Map<string, RankedSite>();
  #labelled = 0;
  #reviewedAt = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** The label of a site, for so many requests to it. */
  count(site: string, requests = 1): string {
    const known = this.#sites.get(site);
    if (known !== undefined) {
      known.recent += requests;
      return known.label;
    }
    const isLabelled = this.#labelled < this.#max;
    if (isLabelled) this.#labelled += 1;
    const label = isLabelled ? site : OTHER_SITES;
    this.#sites.set(site, { label, recent: requests });
    return label;
  }

  /** The label of a site, for what is no request of a client. */
  of(site: string): string {
    return this.count(site, 0);
  }

  /**
   * Gives labels to sites that have become busier than others that have one, once a minute at most.
   * Gives back who has lost theirs: their series have to end.
   */
  review(now: MonotonicMs): readonly string[] {
    if (now - this.#reviewedAt < REVIEW_EVERY_MS) return [];
    this.#reviewedAt = now;
    const lost: string[] = [];
    const ranked = [...this.#sites].toSorted(([, a], [, b]) => b.recent - a.recent);
    const waiting = ranked.filter(([, { label }]) => label === OTHER_SITES);
    const labelled = ranked.filter(([, { label }]) => label !== OTHER_SITES).toReversed();
    for (const [index, [site, quiet]] of labelled.entries()) {
      const [name, busy] = waiting[index] ?? [];
      if (name === undefined || busy === undefined) break;
      if (busy.recent <= AHEAD * quiet.recent) break;
      busy.label = name;
      quiet.label = OTHER_SITES;
      lost.push(site);
    }
    for (const [site, ranking] of ranked) {
      ranking.recent = Math.floor(ranking.recent / 2);
      if (ranking.recent === 0 && ranking.label === OTHER_SITES) this.#sites.delete(site);
    }
    return lost;
  }
}
