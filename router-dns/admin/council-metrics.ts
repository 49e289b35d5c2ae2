import type { Metrics } from "../../common/metrics.ts";
import type { Council } from "../data/council.ts";
import type { LoadKeeper } from "../data/load-keeper.ts";

/** Shows what each router sees of the edges, as far as this one knows. */
export function exposeVotes(metrics: Metrics, council: Council): void {
  metrics.onScrape("dns_edge_vantage_health", () =>
    [...council.health().keys()].flatMap((edge) =>
      council
        .votes(edge)
        .filter(({ sees }) => sees !== "unknown")
        .map(({ vantage, sees }) => [{ edge, vantage }, sees === "up" ? 1 : 0] as const),
    ),
  );
  metrics.onScrape("dns_health_quorum", () => [[{}, council.state() === "majority" ? 1 : 0]]);
}

/** Shows the load plan that is answered by; `state` is undefined where there is none. */
export function exposeLoad(
  metrics: Metrics,
  state: () => ReturnType<LoadKeeper["state"]> | undefined,
): void {
  const planned = () => state()?.plan?.pops ?? [];
  metrics.onScrape("dns_pop_load", () => planned().map(({ pop, load }) => [{ pop }, load]));
  metrics.onScrape("dns_pop_demand", () => planned().map(({ pop, demand }) => [{ pop }, demand]));
  metrics.onScrape("dns_pop_shed", () =>
    planned().map(({ pop, sheds }) => [
      { pop },
      sheds.reduce((sum, { fraction }) => sum + fraction, 0),
    ]),
  );
  metrics.onScrape("dns_load_stale", () => {
    const now = state();
    return now === undefined ? [] : [[{}, now.isStale ? 1 : 0]];
  });
}
