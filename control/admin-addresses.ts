import type { SocketAddress } from "../common/address.ts";
import type { Config, EdgeConfig } from "../common/config/schema.ts";

/** Admin port of an edge whose configuration names none. */
const EDGE_ADMIN_PORT = 9101;

/** Where an edge binds its admin port (P). */
export function edgeAdminListen(edge: EdgeConfig): SocketAddress {
  return edge.admin ?? { host: edge.address, port: EDGE_ADMIN_PORT };
}

/** Where others reach an edge's admin port (P): "any address" is bound, but never connected to. */
export function edgeAdminTarget(edge: EdgeConfig): SocketAddress {
  return reachable(edgeAdminListen(edge), edge.address);
}

/** Where others reach the routers' admin port (P). */
export function routerAdminTarget(config: Config): SocketAddress {
  const { admin } = config.router;
  return reachable(admin, config.cdn.nameservers[0]?.address ?? admin.host);
}

function reachable(bound: SocketAddress, address: string): SocketAddress {
  return ["0.0.0.0", "::"].includes(bound.host) ? { host: address, port: bound.port } : bound;
}
