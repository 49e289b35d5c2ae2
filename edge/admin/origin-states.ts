import type { Metrics } from "../../common/metrics.ts";
import { OTHER_SITES, type SiteLabels } from "../../common/site-labels.ts";

/** Whether the last exchange with each origin worked, by site and origin. */
export class OriginStates {
  readonly #up = new Map<string, Map<string, boolean>>();

  note(site: string, origin: string, up: boolean): void {
    const ofSite = this.#up.get(site) ?? new Map<string, boolean>();
    ofSite.set(origin, up);
    this.#up.set(site, ofSite);
  }

  /** Shows those of sites with a label, and of all others whether one of theirs is down. */
  expose(metrics: Metrics, labels: SiteLabels): void {
    metrics.onScrape("edge_origin_up", () => {
      const samples: [{ site: string; origin: string }, number][] = [];
      const others: boolean[] = [];
      for (const [site, origins] of this.#up) {
        const label = labels.of(site);
        for (const [origin, up] of origins) {
          if (label === OTHER_SITES) others.push(up);
          else samples.push([{ site, origin }, up ? 1 : 0]);
        }
      }
      if (others.length > 0) {
        samples.push([{ site: OTHER_SITES, origin: OTHER_SITES }, others.includes(false) ? 0 : 1]);
      }
      return samples;
    });
  }
}
