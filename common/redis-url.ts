import type { SocketAddress } from "./address.ts";
import { fail, ok, type Result } from "./result.ts";

/** Which Redis a URL means. */
export type RedisTarget =
  /** One server, at a fixed address. */
  | { readonly kind: "server"; readonly url: string }
  /** The master of that name, as its sentinels tell. */
  | ({ readonly kind: "sentinel"; readonly name: string } & Located)
  /** The node of a cluster that owns our keys, which all are in one slot. */
  | ({ readonly kind: "cluster" } & Located);

/** A server that others have to be asked for. */
interface Located {
  /** Whom to ask, in this order. */
  readonly seeds: readonly SocketAddress[];
  readonly tls: boolean;
  readonly username?: string;
  readonly password?: string;
  /** Database number; clusters have only 0. */
  readonly database: number;
  /** Password of the sentinels themselves, if it is another one. */
  readonly sentinelPassword?: string;
}

const SHAPE =
  /^redis(s?)\+(sentinel|cluster):\/\/(?:([^@/?]*)@)?([^/?@]+)(?:\/([^/?]*))?(?:\/(\d+))?(?:\?(.*))?$/;
const DEFAULT_PORTS = { sentinel: 26_379, cluster: 6_379 } as const;

/**
 * Reads the URL of a Redis (P):
 * - `redis://[user:password@]host[:port][/db]`, `rediss:` for TLS;
 * - `redis+sentinel://[user:password@]host[:port],host[:port]/<master name>[/db]`, with
 *   `?sentinelPassword=` if the sentinels have another one;
 * - `redis+cluster://[user:password@]host[:port],host[:port]`.
 */
export function parseRedisUrl(url: string): Result<RedisTarget, string> {
  if (/^rediss?:\/\//.test(url)) {
    return URL.parse(url)?.hostname ? ok({ kind: "server", url }) : fail("is not a URL");
  }
  const match = SHAPE.exec(url);
  if (match === null) return fail("must look like redis+sentinel://host,host/name");
  const [, tls = "", kind = "", userinfo, hosts = "", name = "", database = "0", query] = match;
  const located = kind === "cluster" ? "cluster" : "sentinel";
  const seeds = hosts.split(",").map((text) => parseServer(text, DEFAULT_PORTS[located]));
  if (!seeds.every((seed) => seed !== undefined)) {
    return fail(`"${hosts}" must be hosts with ports, set apart by commas`);
  }
  const options = new URLSearchParams(query);
  const sentinelPassword = options.get("sentinelPassword");
  const base = {
    seeds,
    tls: tls === "s",
    database: Number(database),
    ...credentials(userinfo),
    ...(sentinelPassword === null ? {} : { sentinelPassword }),
  };
  if (located === "cluster") {
    return name === ""
      ? ok({ kind: "cluster", ...base })
      : fail("a cluster has no name behind the hosts");
  }
  if (name === "")
    return fail("needs the name of the master behind the hosts: redis+sentinel://host/name");
  return ok({ kind: "sentinel", name: decodeURIComponent(name), ...base });
}

function credentials(userinfo: string | undefined): { username?: string; password?: string } {
  if (userinfo === undefined) return {};
  const [user = "", ...rest] = userinfo.split(":");
  const password = decodeURIComponent(rest.join(":"));
  return {
    ...(user === "" ? {} : { username: decodeURIComponent(user) }),
    ...(password === "" ? {} : { password }),
  };
}

function parseServer(text: string, defaultPort: number): SocketAddress | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? defaultPort);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}
