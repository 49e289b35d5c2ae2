import { formatSocketAddress, type SocketAddress } from "../../common/address.ts";
import type { Config, EdgeConfig } from "../../common/config/schema.ts";
import { edgeAdminListen } from "../admin-addresses.ts";

/** How the edges of the demo are told apart: each has an address, or each has a port. */
export type DemoLayout = "addresses" | "ports";

/** What the demo's command line moves elsewhere. */
export interface DemoMoves {
  readonly dns?: SocketAddress;
  readonly control?: SocketAddress;
  readonly origin?: SocketAddress;
  readonly originAdmin?: SocketAddress;
  readonly edgePort?: number;
  readonly edgeAdminPort?: number;
  readonly routerAdmin?: SocketAddress;
  readonly controlAdmin?: SocketAddress;
}

/** The demo as it will run. */
export interface DemoPlan {
  readonly config: Config;
  readonly origin: SocketAddress;
  readonly originAdmin: SocketAddress;
  readonly layout: DemoLayout;
}

/** First port of the edges where all of them share 127.0.0.1. */
const SHARED_ADDRESS_PORT = 8081;
const SHARED_ADMIN_PORT = 9101;

/** Moves the demo's configuration to where the command line wants it (P). */
export function planDemo(config: Config, moves: DemoMoves, layout: DemoLayout): DemoPlan {
  const origin = moves.origin ?? { host: "127.0.0.1", port: 9000 };
  let index = 0;
  const moved: Config = {
    ...config,
    router: {
      ...config.router,
      listen: moves.dns === undefined ? config.router.listen : [moves.dns],
      admin: moves.routerAdmin ?? config.router.admin,
    },
    control: {
      ...config.control,
      listen: moves.control ?? config.control.listen,
      admin: moves.controlAdmin ?? config.control.admin,
    },
    pops: config.pops.map((pop) => ({
      ...pop,
      edges: pop.edges.map((edge) => placeEdge(edge, moves, layout, index++)),
    })),
    sites: config.sites.map((site) => ({
      ...site,
      origin: { ...site.origin, urls: [`http://${formatSocketAddress(origin)}`] },
    })),
  };
  const originAdmin = moves.originAdmin ?? { host: "127.0.0.1", port: 9001 };
  return { config: moved, origin, originAdmin, layout };
}

function placeEdge(
  edge: EdgeConfig,
  moves: DemoMoves,
  layout: DemoLayout,
  index: number,
): EdgeConfig {
  if (layout === "addresses") {
    const admin = edgeAdminListen(edge);
    return {
      ...edge,
      port: moves.edgePort ?? edge.port,
      admin: { host: admin.host, port: moves.edgeAdminPort ?? admin.port },
    };
  }
  return {
    ...edge,
    address: "127.0.0.1",
    port: (moves.edgePort ?? SHARED_ADDRESS_PORT) + index,
    admin: { host: "127.0.0.1", port: (moves.edgeAdminPort ?? SHARED_ADMIN_PORT) + index },
  };
}

/** The option that moves what listens there (P); undefined if none does. */
export function optionThatMoves(address: SocketAddress, plan: DemoPlan): string | undefined {
  const { router, control, pops } = plan.config;
  const same = (other: SocketAddress) => other.host === address.host && other.port === address.port;
  const edges = pops.flatMap((pop) => pop.edges);
  if (router.listen.some(same)) return "--dns 127.0.0.1:PORT";
  if (same(router.admin)) return "--router-admin 127.0.0.1:PORT";
  if (same(control.listen)) return "--control 127.0.0.1:PORT";
  if (same(control.admin)) return "--control-admin 127.0.0.1:PORT";
  if (same(plan.origin)) return "--origin 127.0.0.1:PORT";
  if (same(plan.originAdmin)) return "--origin-admin 127.0.0.1:PORT";
  if (edges.some((edge) => same({ host: edge.address, port: edge.port })))
    return "--edge-port PORT";
  if (edges.some((edge) => same(edgeAdminListen(edge)))) return "--edge-admin-port PORT";
  return undefined;
}
