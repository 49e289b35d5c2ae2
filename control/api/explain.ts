import { request } from "undici";
import { z } from "zod";
import { formatSocketAddress, type SocketAddress } from "../../common/address.ts";
import { label } from "../../common/config/fields.ts";
import { parseIp } from "../../common/ip.ts";
import { edgeAdminTarget } from "../admin-addresses.ts";
import { answeredEdges, readDnsDecision } from "../dns-decision.ts";
import { type ApiContext, type ApiServer, knownEdge } from "./context.ts";
import { ApiError } from "./errors.ts";
import type { ExplainDnsBody, ExplainHttpBody } from "./shapes.ts";

/** A daemon explains from memory; one that needs longer is not well. */
const RELAY_TIMEOUT_MS = 3_000;

/** Fields of a request that is asked about. */
const HEADERS_MAX = 64;

const ip = z.string().refine((text) => parseIp(text).ok, "must be an IP address");
const dnsQuery = z.strictObject({
  name: z.string().min(1).max(254),
  client: ip,
  type: z.string().max(16).default("A"),
  dnssec: z.literal("1").optional(),
});
const header = z
  .string()
  .max(1_024)
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+:/, "must look like name: value");
const httpQuery = z
  .strictObject({
    url: z.url({ protocol: /^https?$/, error: "must be an absolute http: or https: URL" }),
    edge: label.optional(),
    client: ip.optional(),
    method: z
      .string()
      .regex(/^[A-Z]{1,20}$/, "must be an HTTP method")
      .default("GET"),
    header: z
      .union([header.transform((line) => [line]), z.array(header).max(HEADERS_MAX)])
      .default([]),
  })
  .refine((query) => (query.edge === undefined) !== (query.client === undefined), {
    message: 'give either "edge", or "client" to have DNS choose one',
  });

/** `/v1/explain/dns` and `/v1/explain/http`: decisions as the daemons themselves tell them. */
export function addExplainRoutes(app: ApiServer, context: ApiContext): void {
  const config = { need: { scope: "read", about: "cdn" } } as const;
  app.get("/v1/explain/dns", { schema: { querystring: dnsQuery }, config }, (call) =>
    explainDns(context, call.query),
  );

  app.get(
    "/v1/explain/http",
    { schema: { querystring: httpQuery }, config },
    async (call): Promise<ExplainHttpBody> => {
      const { url, method, client, header: lines } = call.query;
      const dns =
        client === undefined
          ? undefined
          : await explainDns(context, { name: new URL(url).hostname, client, type: "A" });
      const edge = call.query.edge ?? firstEdge(dns);
      const target = edgeAdminTarget(knownEdge(context.config, edge));
      const decision = await relay(`edge ${edge}`, target, [
        ["url", url],
        ["method", method],
        ...(client === undefined ? [] : [["client", client] as const]),
        ...lines.map((line) => ["header", line] as const),
      ]);
      return { edge, ...(dns === undefined ? {} : { dns }), decision };
    },
  );
}

async function explainDns(
  context: ApiContext,
  query: { name: string; client: string; type: string; dnssec?: "1" | undefined },
): Promise<ExplainDnsBody> {
  const { routerAdmin } = context.config;
  const { dnssec, ...always } = query;
  const asked = Object.entries({ ...always, ...(dnssec === undefined ? {} : { dnssec }) });
  const decision = await relay("the router", routerAdmin, asked);
  return { router: formatSocketAddress(routerAdmin), decision };
}

/** The edge that the router put first. */
function firstEdge(dns: ExplainDnsBody | undefined): string {
  const decision = readDnsDecision(dns?.decision);
  const [edge] = decision === undefined ? [] : answeredEdges(decision);
  if (edge !== undefined) return edge;
  throw new ApiError("invalid", {
    field: "url",
    message: "DNS names no edge of this CDN for that host",
    remedy: "See why with /v1/explain/dns, or name an edge yourself.",
  });
}

async function relay(
  whom: string,
  target: SocketAddress,
  query: readonly (readonly [name: string, value: string])[],
): Promise<unknown> {
  const address = formatSocketAddress(target);
  const url = `http://${address}/explain?${new URLSearchParams(query.map(([name, value]) => [name, value])).toString()}`;
  let status: number;
  let body: unknown;
  try {
    const response = await request(url, { signal: AbortSignal.timeout(RELAY_TIMEOUT_MS) });
    status = response.statusCode;
    body = await response.body.json();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new ApiError("unreachable", {
      message: `${whom} does not answer at ${address} (${code})`,
      remedy: `Is it running? Its admin port is where the configuration says: ${address}.`,
    });
  }
  if (status === 200) return body;
  const refusal = z.object({ error: z.string() }).safeParse(body);
  throw new ApiError(status < 500 ? "invalid" : "unreachable", {
    message: refusal.success ? refusal.data.error : `${whom} answered ${status}`,
  });
}
