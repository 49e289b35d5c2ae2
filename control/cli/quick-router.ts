import { formatSocketAddress, type SocketAddress } from "../../common/address.ts";
import { type Config, configSchema } from "../../common/config/schema.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import type { RouterOptions } from "../../router-dns/server.ts";

/** One edge as the command line names it. */
export interface QuickEdge {
  readonly name: string;
  readonly address: string;
  readonly location: readonly [number, number];
}

/** Reads `syd=192.0.2.1@-33.87,151.21` (P): name, address, latitude and longitude in degrees. */
export function parseQuickEdge(text: string): Result<QuickEdge, string> {
  const match = /^([^=]+)=(.+)@(-?\d+(?:\.\d+)?),(-?\d+(?:\.\d+)?)$/.exec(text);
  const [, name = "", address = "", latitude = "", longitude = ""] = match ?? [];
  if (match === null) {
    return fail(`"${text}" is not NAME=IP@LAT,LON (like syd=192.0.2.1@-33.87,151.21)`);
  }
  return ok({ name, address, location: [Number(latitude), Number(longitude)] });
}

/** Reads `none`, `http:8080/healthz` or `tcp:443` (P). */
export function parseProbe(text: string): Result<RouterOptions["probe"], string> {
  if (text === "none") return ok({ kind: "none" });
  const match = /^(?:(http):(\d{1,5})(\/\S*)|(tcp):(\d{1,5}))$/.exec(text);
  const port = Number(match?.[2] ?? match?.[5]);
  if (match === null || port < 1 || port > 65_535) {
    return fail(`"${text}" is not none, http:PORT/PATH or tcp:PORT (like http:8080/healthz)`);
  }
  const [, , , path] = match;
  if (path === undefined) return ok({ kind: "tcp", port });
  return ok({ kind: "http", port, path, expect: [200] });
}

/** What makes up a router without a configuration file. */
export interface QuickRouter {
  readonly listen: readonly SocketAddress[];
  readonly zone: string;
  readonly edges: readonly QuickEdge[];
  readonly geoip?: string;
  readonly service?: QuickService;
}

/** How a quick router answers, beside plain DNS. */
export interface QuickService {
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly dot?: readonly SocketAddress[];
  readonly doh?: readonly SocketAddress[];
  readonly nsid?: string;
  readonly rateLimit?: "on" | "dry-run" | "off";
}

/**
 * The configuration that a quick router stands for (P): each edge is a PoP of its own, and the zone
 * names the router itself as its name server.
 */
export function quickConfig(quick: QuickRouter): Result<Config, string> {
  const [first = { host: "127.0.0.1", port: 53 }] = quick.listen;
  const anywhere = first.host === "0.0.0.0" || first.host === "::";
  const parsed = configSchema.safeParse({
    cdn: {
      domain: quick.zone,
      nameservers: [{ name: `ns1.${quick.zone}`, address: anywhere ? "127.0.0.1" : first.host }],
    },
    geoip: quick.geoip === undefined ? {} : { city: quick.geoip },
    router: routerInput(quick.service ?? {}),
    pops: quick.edges.map(({ name, address, location }) => ({
      name,
      location,
      edges: [{ name, address }],
    })),
  });
  if (!parsed.success) return fail(quickProblem(parsed.error.issues[0], quick));
  const twice = quick.edges.find(
    (edge, index) => quick.edges.findIndex(({ name }) => name === edge.name) < index,
  );
  if (twice !== undefined) return fail(`--edge ${twice.name}: there are two of that name`);
  return ok({ ...parsed.data, router: { ...parsed.data.router, listen: [...quick.listen] } });
}

function routerInput({ tlsCert, tlsKey, dot, doh, nsid, rateLimit }: QuickService): object {
  const listen = (addresses: readonly SocketAddress[] = []) => addresses.map(formatSocketAddress);
  return {
    ...(tlsCert === undefined || tlsKey === undefined
      ? {}
      : { tls: { certificate: tlsCert, key: tlsKey, listen: listen(dot) } }),
    ...(doh === undefined ? {} : { doh: { listen: listen(doh) } }),
    ...(nsid === undefined ? {} : { nsid }),
    ...(rateLimit === undefined ? {} : { rateLimit: { mode: rateLimit } }),
  };
}

function quickProblem(
  issue: { readonly path: readonly PropertyKey[]; readonly message: string } | undefined,
  quick: QuickRouter,
): string {
  const [part, index] = issue?.path ?? [];
  const edge = quick.edges[Number(index)]?.name ?? "";
  const flags: Readonly<Record<string, string>> = { pops: `--edge ${edge}`, router: "--nsid" };
  const flag = flags[String(part)] ?? "--zone";
  return `${flag}: ${issue?.message ?? "is not valid"}`;
}
