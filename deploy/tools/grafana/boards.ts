import type { Board } from "./board.ts";
import { EDGE } from "./edge.ts";
import { ORIGIN } from "./origin.ts";
import { OVERVIEW } from "./overview.ts";
import { renderBoard } from "./render.ts";
import { ROUTER } from "./router.ts";
import { SITE } from "./site.ts";
import { STATE } from "./state.ts";
import { VIDEO } from "./video.ts";

/** Every dashboard of Meridian. */
export const BOARDS: readonly Board[] = [OVERVIEW, SITE, EDGE, ROUTER, ORIGIN, STATE, VIDEO];

/** The files that Grafana reads them from: path from the root of the repository, and text (P). */
export function dashboardDocuments(): readonly (readonly [path: string, text: string])[] {
  return BOARDS.map((board) => [
    `deploy/grafana/dashboards/${board.name}.json`,
    `${JSON.stringify(renderBoard(board), null, 2)}\n`,
  ]);
}
