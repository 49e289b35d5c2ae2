import type { SecureContext } from "node:tls";
import { formatSocketAddress } from "../../common/address.ts";
import type { EdgeConfig, PopConfig } from "../../common/config/schema.ts";
import type { WatchedEdge } from "./monitor.ts";
import type { ExpectedAnswer, ProbeTarget } from "./probe.ts";

interface HttpCheck extends ExpectedAnswer {
  readonly port?: number;
  readonly path: string;
  /** Value of Host; left out: the edge's own name, or its address where it has none. */
  readonly authority?: string;
}

interface HttpsCheck extends HttpCheck {
  readonly kind: "https";
  /** False: any certificate will do. */
  readonly verify: boolean;
}

type PlainProbe =
  | { readonly kind: "none" }
  | ({ readonly kind: "http" } & HttpCheck)
  | { readonly kind: "tcp"; readonly port?: number };

/** How edges are probed. Without a port, at 443 for HTTPS, else at that the edge serves on. */
export type ProbeConfig =
  | PlainProbe
  | (HttpsCheck & {
      /** Authorities that are trusted; left out: those that Node knows. */
      readonly caFile?: string;
    });

/** The same with its files read. What is trusted may be another at each look. */
export type TrustingProbe = PlainProbe | (HttpsCheck & { readonly context: SecureContext });

const HTTPS_PORT = 443;

/**
 * What to watch of a configuration (P). With a domain, an HTTP probe asks for the edge by its own
 * name, `<edge>.edge.<domain>`, which is the one Host that an edge answers about itself; without,
 * for its address.
 */
export function watchedEdges(
  pops: readonly PopConfig[],
  probe: TrustingProbe,
  domain: string | undefined,
): readonly WatchedEdge[] {
  return pops.flatMap((pop) =>
    pop.edges.map((edge) => ({ name: edge.name, target: targetOf(edge, probe, domain) })),
  );
}

function targetOf(
  edge: EdgeConfig,
  probe: TrustingProbe,
  domain: string | undefined,
): ProbeTarget | undefined {
  const host = edge.address;
  if (probe.kind === "none") return undefined;
  const port = probe.port ?? (probe.kind === "https" ? HTTPS_PORT : edge.port);
  if (probe.kind === "tcp") return { kind: "tcp", host, port };
  const ownName =
    domain === undefined ? formatSocketAddress({ host, port }) : `${edge.name}.edge.${domain}`;
  const { path, expect, body, authority = ownName } = probe;
  const asked = { host, port, path, authority, expect, ...(body === undefined ? {} : { body }) };
  if (probe.kind === "http") return { kind: "http", ...asked };
  return { kind: "https", ...asked, tls: probe };
}
