import type { SocketAddress } from "../../common/address.ts";

/** The master that a sentinel names (P): what `SENTINEL GET-MASTER-ADDR-BY-NAME` answered. */
export function readMaster(reply: unknown): SocketAddress | undefined {
  if (!Array.isArray(reply)) return undefined;
  const [host, port] = reply as readonly unknown[];
  return addressOf(host, port);
}

/**
 * The node that owns a slot (P): what `CLUSTER SLOTS` answered. A node that does not know its own
 * name is the one that was asked.
 */
export function readOwner(
  reply: unknown,
  slot: number,
  asked: SocketAddress,
): SocketAddress | undefined {
  if (!Array.isArray(reply)) return undefined;
  for (const range of reply as readonly unknown[]) {
    if (!Array.isArray(range)) continue;
    const [from, to, owner] = range as readonly unknown[];
    if (typeof from !== "number" || typeof to !== "number" || !Array.isArray(owner)) continue;
    if (slot < from || slot > to) continue;
    const [host, port] = owner as readonly unknown[];
    return addressOf(host === "" || host === null ? asked.host : host, port);
  }
  return undefined;
}

function addressOf(host: unknown, port: unknown): SocketAddress | undefined {
  const number = Number(port);
  if (typeof host !== "string" || host === "") return undefined;
  return Number.isInteger(number) && number > 0 && number < 65_536
    ? { host, port: number }
    : undefined;
}

/**
 * True if an error reply says that another server should have been asked (P): a master that has
 * become a replica, a slot that has moved, a cluster that is choosing a new master.
 */
export function isElsewhere(message: string): boolean {
  return /^(READONLY|MOVED|ASK|CLUSTERDOWN|MASTERDOWN|NOREPLICAS|-?UNBLOCKED)\b/.test(message);
}
