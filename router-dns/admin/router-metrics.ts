import type { Metrics } from "../../common/metrics.ts";
import type { StateStore } from "../../state/store.ts";
import type { Council } from "../data/council.ts";
import type { LoadKeeper } from "../data/load-keeper.ts";
import { exposeLoad, exposeVotes } from "./council-metrics.ts";

/** What there is to show of a running router. */
export interface RouterFigures {
  readonly council: Council;
  /** Undefined: load decides nothing. */
  readonly load: () => ReturnType<LoadKeeper["state"]> | undefined;
  /** Left out: there is no store. */
  readonly state: StateStore | undefined;
  readonly lag: () => number;
  /** Rollouts whose turn has not come here. */
  readonly waiting: () => number;
}

/** Shows health, votes, load and state, each when somebody scrapes. */
export function exposeRouter(metrics: Metrics, figures: RouterFigures): void {
  const { council, load, state, lag, waiting } = figures;
  metrics.onScrape("dns_edge_health", () =>
    [...council.health()].map(([edge, health]) => {
      const isUp = !health.drained && health.probed !== "down";
      return [{ edge }, isUp ? 1 : 0] as const;
    }),
  );
  exposeVotes(metrics, council);
  exposeLoad(metrics, load);
  if (state === undefined) return;
  metrics.onScrape("state_up", () => [[{}, state.isUp() ? 1 : 0]]);
  metrics.onScrape("state_lag_versions", () => [[{}, lag()]]);
  metrics.onScrape("dns_rollouts_waiting", () => [[{}, waiting()]]);
}
