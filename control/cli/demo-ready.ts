import type { Clock } from "../../common/clock.ts";
import type { StateStore } from "../../state/store.ts";
import { CommandFailure } from "./failure.ts";

/** How often the store is asked. */
const POLL_MS = 25;
/** A demo that takes longer than this is broken. */
const READY_TIMEOUT_MS = 20_000;

/**
 * Resolves when the router has reported every edge as up and every edge has sent a heartbeat: from
 * then on the commands that the demo prints do what it says they do.
 */
export async function untilAllUp(
  state: StateStore,
  edges: readonly string[],
  clock: Clock,
): Promise<void> {
  const started = clock.monotonic();
  for (;;) {
    const missing = await notYetUp(state, edges);
    if (missing.length === 0) return;
    if (clock.monotonic() - started > READY_TIMEOUT_MS) {
      throw new CommandFailure(
        `after ${READY_TIMEOUT_MS / 1_000} s these edges are not up yet: ${missing.join(", ")}`,
        { remedy: "Run it again with --log json to see what they say." },
      );
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    setTimeout(resolve, POLL_MS);
    await promise;
  }
}

async function notYetUp(state: StateStore, edges: readonly string[]): Promise<string[]> {
  const [reports, heartbeats] = await Promise.all([state.reports(), state.heartbeats()]);
  const seen = reports.flatMap((report) => report.edges);
  return edges.filter(
    (name) =>
      !seen.some(({ edge, health }) => edge === name && health === "up") ||
      !heartbeats.some(({ edge }) => edge === name),
  );
}
