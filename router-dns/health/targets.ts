import { formatSocketAddress } from "../../common/address.ts";
import type { EdgeConfig, PopConfig } from "../../common/config/schema.ts";
import type { WatchedEdge } from "./monitor.ts";
import type { ProbeTarget } from "./probe.ts";

/** How edges are probed. Without a port, at the port that the edge serves on. */
export type ProbeConfig =
  | { readonly kind: "none" }
  | { readonly kind: "http"; readonly port?: number; readonly path: string }
  | { readonly kind: "tcp"; readonly port: number };

/**
 * What to watch of a configuration (P). With a domain, an HTTP probe asks for the edge by its own
 * name, `<edge>.edge.<domain>`, which is the one Host that an edge answers about itself; without,
 * for its address.
 */
export function watchedEdges(
  pops: readonly PopConfig[],
  probe: ProbeConfig,
  domain: string | undefined,
): readonly WatchedEdge[] {
  return pops.flatMap((pop) =>
    pop.edges.map((edge) => ({ name: edge.name, target: targetOf(edge, probe, domain) })),
  );
}

function targetOf(
  edge: EdgeConfig,
  probe: ProbeConfig,
  domain: string | undefined,
): ProbeTarget | undefined {
  const host = edge.address;
  switch (probe.kind) {
    case "none":
      return undefined;
    case "tcp":
      return { kind: "tcp", host, port: probe.port };
    case "http": {
      const port = probe.port ?? edge.port;
      const authority =
        domain === undefined ? formatSocketAddress({ host, port }) : `${edge.name}.edge.${domain}`;
      return { kind: "http", host, port, path: probe.path, authority };
    }
  }
}
