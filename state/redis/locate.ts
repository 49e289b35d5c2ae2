import { createClient } from "redis";
import type { SocketAddress } from "../../common/address.ts";
import type { RedisTarget } from "../../common/redis-url.ts";
import { readMaster, readOwner } from "./target.ts";

/** How long one of the servers that are asked for the way may take. */
const ASK_TIMEOUT_MS = 1_000;

/** What a client needs to connect to the right server. */
export interface Connectable {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly username?: string;
  readonly password?: string;
  readonly database: number;
}

/**
 * Finds the server that has our keys now. Rejects with what each of those that were asked said, if
 * none of them knows. `key` is any key of ours.
 */
export async function locate(
  target: Exclude<RedisTarget, { kind: "server" }>,
  key: string,
): Promise<Connectable> {
  const reasons: string[] = [];
  for (const seed of target.seeds) {
    try {
      const found =
        target.kind === "sentinel"
          ? await askSentinel(target, seed)
          : await askNode(target, seed, key);
      if (found !== undefined) return { ...loginOf(target), ...found };
      const what =
        target.kind === "sentinel" ? `no master "${target.name}"` : "no owner of our slot";
      reasons.push(`${seed.host}:${seed.port} knows ${what}`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      reasons.push(`${seed.host}:${seed.port}: ${reason}`);
    }
  }
  throw new Error(reasons.join("; "));
}

type Located = Exclude<RedisTarget, { kind: "server" }>;

function loginOf({
  tls,
  database,
  username,
  password,
}: Located): Omit<Connectable, "host" | "port"> {
  return {
    tls,
    database,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  };
}

function askSentinel(
  target: Extract<RedisTarget, { kind: "sentinel" }>,
  seed: SocketAddress,
): Promise<SocketAddress | undefined> {
  const password = target.sentinelPassword;
  const login = { tls: target.tls, database: 0, ...(password === undefined ? {} : { password }) };
  return ask({ ...seed, ...login }, async (command) => {
    const words = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", target.name];
    const master = readMaster(await command(words));
    if (master === undefined) return undefined;
    // A sentinel that was cut off names a master that was one once.
    const role = await ask({ ...loginOf(target), ...master }, (askMaster) => askMaster(["ROLE"]));
    return Array.isArray(role) && role[0] === "master" ? master : undefined;
  });
}

function askNode(
  target: Extract<RedisTarget, { kind: "cluster" }>,
  seed: SocketAddress,
  key: string,
): Promise<SocketAddress | undefined> {
  return ask({ ...loginOf(target), ...seed }, async (command) => {
    const slot = Number(await command(["CLUSTER", "KEYSLOT", key]));
    return readOwner(await command(["CLUSTER", "SLOTS"]), slot, seed);
  });
}

/** Asks one server something, over a connection of its own. */
async function ask<T>(
  server: Connectable,
  question: (command: (words: readonly string[]) => Promise<unknown>) => Promise<T>,
): Promise<T> {
  const options = clientOptions(server);
  const client = createClient({
    ...options,
    commandOptions: { timeout: ASK_TIMEOUT_MS },
    socket: { ...options.socket, connectTimeout: ASK_TIMEOUT_MS, reconnectStrategy: false },
  });
  client.on("error", () => {});
  try {
    await client.connect();
    return await question((words) => client.sendCommand([...words]));
  } finally {
    client.destroy();
  }
}

/** How the library is told where to connect (P). */
export function clientOptions({ host, port, tls, username, password, database }: Connectable) {
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    database,
    maintNotifications: "disabled" as const,
    socket: tls ? { host, port, tls: true as const } : { host, port },
  };
}
