import type { PopConfig } from "../../common/config/schema.ts";
import { edgeNode, type Heartbeat, type RouterReport, type Snapshot } from "../../state/records.ts";
import { StateUnavailableError } from "../../state/store.ts";
import { siteBody } from "../site-text.ts";
import { certificateSummary } from "./certificates.ts";
import type { ApiContext, ApiServer, ControlConfig } from "./context.ts";
import { liveFigures } from "./live-figures.ts";
import type { EdgeStatus, EdgeView, StatusBody } from "./shapes.ts";

/** Everything that the store knows at one moment; undefined while it cannot be asked. */
export interface StoreView {
  readonly snapshot: Snapshot;
  readonly heartbeats: readonly Heartbeat[];
  readonly reports: readonly RouterReport[];
  readonly acknowledgements: ReadonlyMap<string, number>;
}

/** `/v1/status`: the whole CDN on one page; `/v1/live`: what everybody does just now. */
export function addStatusRoutes(app: ApiServer, context: ApiContext): void {
  const route = { config: { need: { scope: "read", about: "cdn" } } } as const;
  app.get("/v1/status", route, () => statusOf(context));
  app.get("/v1/live", route, async () => liveFigures(await statusOf(context)));
}

async function statusOf(context: ApiContext): Promise<StatusBody> {
  const view = await readStore(context);
  return {
    now: context.clock.now(),
    cdn: { domain: context.config.domain, ttlSeconds: context.config.ttlSeconds },
    state: {
      kind: context.store.kind,
      up: view !== undefined,
      version: view?.snapshot.version ?? 0,
      epoch: view?.snapshot.epoch ?? "",
    },
    dns: context.config.dns,
    demo: context.demo !== undefined,
    certificates: certificateSummary(view?.snapshot, context),
    ...describe(context.config, view, (edge) => context.demo?.isRunning(edge)),
  };
}

async function readStore({ store, log }: ApiContext): Promise<StoreView | undefined> {
  try {
    const [snapshot, heartbeats, reports, acknowledgements] = await Promise.all([
      store.snapshot(),
      store.heartbeats(),
      store.reports(),
      store.acknowledgements(),
    ]);
    return { snapshot, heartbeats, reports, acknowledgements };
  } catch (error) {
    if (!(error instanceof StateUnavailableError)) throw error;
    log.debug({ event: "status-without-state", err: error });
    return undefined;
  }
}

/** Puts configuration and store together (P). `running` is undefined outside the demo. */
export function describe(
  config: ControlConfig,
  view: StoreView | undefined,
  running: (edge: string) => boolean | undefined,
): Pick<StatusBody, "pops" | "routers" | "sites"> {
  const head = view?.snapshot.version ?? 0;
  const sites = [...(view?.snapshot.sites ?? config.sites)];
  return {
    pops: config.pops.map((pop) => ({
      name: pop.name,
      location: pop.location,
      edges: pop.edges.map((edge) => edgeStatus(pop, edge, view, running(edge.name))),
    })),
    routers: (view?.reports ?? []).map(
      ({ router, version, rollout, queriesPerSecond, mapProblems }) => ({
        name: router,
        version,
        lag: Math.max(0, head - version),
        ...(rollout === undefined ? {} : { rollout }),
        queriesPerSecond,
        mapProblems: mapProblems ?? [],
      }),
    ),
    sites: sites
      .sort((a, b) => a.name.localeCompare(b.name))
      .map((site) => siteBody(site, config.domain)),
  };
}

function edgeStatus(
  pop: PopConfig,
  edge: PopConfig["edges"][number],
  view: StoreView | undefined,
  running: boolean | undefined,
): EdgeStatus {
  const routers = (view?.reports ?? []).flatMap((report) => edgeViews(report, edge.name));
  const heartbeat = view?.heartbeats.find((beat) => beat.edge === edge.name);
  const version = heartbeat === undefined ? undefined : appliedVersion(view, heartbeat);
  return {
    name: edge.name,
    pop: pop.name,
    address: edge.address,
    port: edge.port,
    drained: view?.snapshot.drained.includes(edge.name) ?? false,
    health: worstHealth(routers),
    routers,
    ...(heartbeat === undefined ? {} : { heartbeat }),
    ...(version === undefined
      ? {}
      : { version, lag: Math.max(0, (view?.snapshot.version ?? 0) - version) }),
    ...(running === undefined ? {} : { running }),
  };
}

/** Acknowledgements arrive with each change, heartbeats once a second: the newer one counts. */
function appliedVersion(view: StoreView | undefined, heartbeat: Heartbeat): number {
  return Math.max(heartbeat.version, view?.acknowledgements.get(edgeNode(heartbeat.edge)) ?? 0);
}

function edgeViews(report: RouterReport, edge: string): EdgeView[] {
  return report.edges
    .filter((seen) => seen.edge === edge)
    .map(({ health, since, detail }) => ({ router: report.router, health, since, detail }));
}

function worstHealth(views: readonly EdgeView[]): EdgeStatus["health"] {
  const worstFirst = ["down", "draining", "unknown", "up"] as const;
  return worstFirst.find((health) => views.some((view) => view.health === health)) ?? "unknown";
}
