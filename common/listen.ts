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

/** Binds a TCP server. Resolves with the real address; rejects with a ListenError. */
export function listenTcp(
  server: Server,
  address: SocketAddress,
  purpose: string,
): Promise<SocketAddress> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) =>
      reject(new ListenError(purpose, address, error));
    server.once("error", onError);
    server.listen(address.port, address.host, () => {
      server.removeListener("error", onError);
      const bound = server.address();
      const port = typeof bound === "object" && bound !== null ? bound.port : address.port;
      resolve({ host: address.host, port });
    });
  });
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
