import type { Server } from "node:net";
import { formatSocketAddress, type SocketAddress } from "./address.ts";

/** A port that cannot be bound: says which one, for what, and what to do. */
export class ListenError extends Error {
  override readonly name = "ListenError";
  readonly code: string;
  readonly address: SocketAddress;

  constructor(purpose: string, address: SocketAddress, cause: NodeJS.ErrnoException) {
    super(`cannot listen on ${formatSocketAddress(address)} (${purpose}): ${explain(cause)}`, {
      cause,
    });
    this.code = cause.code ?? "UNKNOWN";
    this.address = address;
  }
}

/**
 * Connections that may wait to be accepted. With Node's default of 511, the rest of a crowd that
 * arrives at once waits a second for TCP to try again. The kernel lowers it to `somaxconn`.
 */
const BACKLOG = 4_096;

/**
 * Binds a TCP server. Resolves with the real address; rejects with a ListenError. With `reusePort`
 * several sockets share the address (SO_REUSEPORT), and the kernel spreads connections over them.
 */
export function listenTcp(
  server: Server,
  address: SocketAddress,
  purpose: string,
  options: { readonly reusePort?: boolean } = {},
): Promise<SocketAddress> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) =>
      reject(new ListenError(purpose, address, error));
    server.once("error", onError);
    const { reusePort = false } = options;
    server.listen({ ...address, backlog: BACKLOG, reusePort }, () => {
      server.removeListener("error", onError);
      resolve(boundAddress(server, address));
    });
  });
}

/** Where a listening server is: the address that was asked for, with its real port. */
export function boundAddress(server: Server, asked: SocketAddress): SocketAddress {
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : asked.port;
  return { host: asked.host, port };
}

function explain(cause: NodeJS.ErrnoException): string {
  switch (cause.code) {
    case "EADDRINUSE":
      return "something else already uses that port";
    case "EADDRNOTAVAIL":
      return "this machine does not have that address";
    case "EACCES":
      return "ports below 1024 need root or CAP_NET_BIND_SERVICE";
    default:
      return cause.message;
  }
}
