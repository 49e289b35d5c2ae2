import type { RouterReport } from "../../state/records.ts";
import { StateUnavailableError } from "../../state/store.ts";
import type { WaitingCall } from "./applied.ts";
import type { ApiContext } from "./context.ts";
import type { RolloutBody, RouterProgress } from "./shapes.ts";

/** How often routers' reports are read while a call waits for DNS. */
const LOOK_EVERY_MS = 20;

/**
 * Waits until every edge and every router that lives has a change of a site, edges first, as long
 * as the call wants to, and says how far it has come. While the store is away nothing is known of
 * routers, which counts as not done.
 */
export async function rolledOut(context: ApiContext, asked: WaitingCall): Promise<RolloutBody> {
  const { wait } = asked.call.query;
  if (wait === 0) return {};
  const { clock } = context;
  const deadline = clock.monotonic() + wait;
  const edges = context.purges.track(asked.version, asked.startedAt);
  await edges.settled(wait);
  const seen = new Map<string, number>();
  for (;;) {
    const reports = await readReports(context);
    const ms = Math.round(clock.monotonic() - asked.startedAt);
    const routers = routerProgress(reports ?? [], { version: asked.version, ms, seen });
    const inDns = reports !== undefined && routers.every((router) => router.ms !== undefined);
    const progress = edges.progress();
    const edgesHaveIt = progress.pending.every(({ live }) => !live);
    const stage = stageOf(edgesHaveIt, inDns);
    const left = deadline - clock.monotonic();
    if (stage === "done" || left <= 0) return { ...progress, stage, routers };
    await pause(context, Math.min(LOOK_EVERY_MS, left));
  }
}

/** Which routers have a version in DNS (P), and after how long each was seen to; notes new ones. */
function routerProgress(
  reports: readonly RouterReport[],
  now: { readonly version: number; readonly ms: number; readonly seen: Map<string, number> },
): readonly RouterProgress[] {
  return reports.map(({ router, version, rollout }) => {
    const inDns = rollout?.version ?? version;
    if (inDns >= now.version && !now.seen.has(router)) now.seen.set(router, now.ms);
    const ms = now.seen.get(router);
    return { router, version: inDns, ...(ms === undefined ? {} : { ms }) };
  });
}

/** The last stage that is reached (P). */
function stageOf(edgesHaveIt: boolean, inDns: boolean): NonNullable<RolloutBody["stage"]> {
  if (edgesHaveIt && inDns) return "done";
  if (inDns) return "dns";
  return edgesHaveIt ? "edges" : "accepted";
}

async function readReports({ store }: ApiContext): Promise<readonly RouterReport[] | undefined> {
  try {
    return await store.reports();
  } catch (error) {
    if (error instanceof StateUnavailableError) return undefined;
    throw error;
  }
}

function pause({ clock }: ApiContext, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve);
  });
}
