import { freePort } from "./free-port.ts";
import { runProcess } from "./process.ts";
import { type RedisServer, startRedis } from "./redis.ts";
import type { Scope } from "./scope.ts";

/** Masters, replicas and whoever watches them, all real and on loopback. */
export interface RedisFleet {
  /** What a configuration says under `redis:`. */
  readonly url: string;
  readonly servers: readonly RedisServer[];
  /** The one that has our keys now. */
  master(): Promise<RedisServer>;
}

/** The master that a fleet starts with is given up by the others after this. */
const DOWN_AFTER_MS = 700;

/** One master, one replica and three sentinels. */
export async function startSentinels(scope: Scope): Promise<RedisFleet> {
  const master = await started(scope, {});
  const replica = await started(scope, { replicaof: `127.0.0.1 ${master.port}` });
  const servers = [master, replica];
  const sentinels: RedisServer[] = [];
  for (let i = 0; i < 3; i++) sentinels.push(await startSentinel(scope));
  for (const sentinel of sentinels) {
    await sentinel.command("SENTINEL", "MONITOR", "main", "127.0.0.1", String(master.port), "2");
    const set = (name: string, value: number) =>
      sentinel.command("SENTINEL", "SET", "main", name, String(value));
    await set("down-after-milliseconds", DOWN_AFTER_MS);
    await set("failover-timeout", 3_000);
  }
  const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(",");
  await untilReply(sentinels[0], ["SENTINEL", "MASTERS"], /num-other-sentinels\r\n\$1\r\n2\r\n/);
  await untilReply(sentinels[0], ["SENTINEL", "MASTERS"], /num-slaves\r\n\$1\r\n1\r\n/);
  return { url: `redis+sentinel://${hosts}/main`, servers, master: () => masterOf(servers) };
}

async function startSentinel(scope: Scope): Promise<RedisServer> {
  const sentinel = await startRedis({ sentinel: true });
  scope.after(() => sentinel.stop());
  return sentinel;
}

/** Three masters, each with a replica. */
export async function startCluster(scope: Scope): Promise<RedisFleet> {
  const servers: RedisServer[] = [];
  for (let i = 0; i < 6; i++) {
    servers.push(
      await started(scope, {
        "cluster-enabled": "yes",
        "cluster-node-timeout": String(DOWN_AFTER_MS),
        "cluster-config-file": "nodes.conf",
        "cluster-port": String(await freePort()),
      }),
    );
  }
  const addresses = servers.map(({ port }) => `127.0.0.1:${port}`);
  const made = await runProcess({
    command: "redis-cli",
    args: ["--cluster", "create", ...addresses, "--cluster-replicas", "1", "--cluster-yes"],
  });
  if (made.code !== 0) throw new Error(`no cluster: ${made.stdout}${made.stderr}`);
  for (const server of servers) {
    await untilReply(server, ["CLUSTER", "INFO"], /cluster_state:ok/);
    // A replica that has never had its master's data does not take its place.
    const hasData = /role:master[^]*connected_slaves:1|master_link_status:up/;
    await untilReply(server, ["INFO", "REPLICATION"], hasData);
  }
  const hosts = addresses.slice(0, 3).join(",");
  return { url: `redis+cluster://${hosts}`, servers, master: () => masterOf(servers, KEY) };
}

/** A key of ours, as `state/redis.ts` makes them. */
const KEY = "meridian:{default}:now";

async function started(
  scope: Scope,
  settings: Readonly<Record<string, string>>,
): Promise<RedisServer> {
  const server = await startRedis({ settings });
  scope.after(() => server.stop());
  return server;
}

/** The server that says it is master, and has `key` if one is given. */
async function masterOf(servers: readonly RedisServer[], key?: string): Promise<RedisServer> {
  for (const server of servers) {
    const role = await server.command("ROLE").catch(() => "");
    if (!role.includes("master")) continue;
    const owned = key === undefined ? "" : await server.command("EXISTS", key).catch(() => "-");
    if (!owned.startsWith("-")) return server;
  }
  throw new Error("no master");
}

async function untilReply(
  server: RedisServer | undefined,
  words: readonly string[],
  wanted: RegExp,
): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    const reply = await server?.command(...words).catch(() => "");
    if (reply !== undefined && wanted.test(reply)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${words.join(" ")} never says ${String(wanted)}`);
}
