import type { Metrics } from "../../common/metrics.ts";
import type { LiveSnapshot } from "../data/live.ts";
import type { MapKeeper } from "../data/map-keeper.ts";

/** Shows the map in use, how long its last build took, and what is wrong with its files. */
export function exposeMap(metrics: Metrics, live: LiveSnapshot, keeper: MapKeeper): void {
  metrics.onScrape("dns_map_prefixes", () => {
    const { map } = live.parts().built;
    return [[{ family: "4" }, map.v4.count] as const, [{ family: "6" }, map.v6.count] as const];
  });
  metrics.onScrape("dns_map_problems", () => [[{}, keeper.problems.length] as const]);
  metrics.onScrape("dns_map_build_seconds", () => [[{}, keeper.lastMs / 1_000] as const]);
}
