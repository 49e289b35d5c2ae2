import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import type { Scope } from "../support/scope.ts";

/** A TCP relay on loopback that stands for a long way: it delays, and can lose its connections. */
export interface FarProxy {
  readonly port: number;
  /** One way, in ms, from now on. */
  delayMs: number;
  /**
   * As when a middlebox forgets its connections: those that exist stay open and carry nothing any
   * more. While `silent`, new ones are accepted and carry nothing either.
   */
  forgetConnections(silent: boolean): void;
  /** New connections work again. */
  heal(): void;
}

/** Starts a relay to a port of loopback; it ends with its scope. */
export async function startFarProxy(
  scope: Scope,
  target: number,
  delayMs: number,
): Promise<FarProxy> {
  const sockets = new Set<Socket>();
  const forgotten = new Set<Socket>();
  let silent = false;
  const proxy = { port: 0, delayMs, forgetConnections, heal };

  function forgetConnections(stay: boolean): void {
    for (const socket of sockets) forgotten.add(socket);
    silent = stay;
  }
  function heal(): void {
    silent = false;
  }
  function relay(from: Socket, to: Socket): void {
    from.on("data", (chunk) => {
      setTimeout(() => {
        if (!forgotten.has(from) && to.writable) to.write(chunk);
      }, proxy.delayMs);
    });
    from.on("close", () => {
      sockets.delete(from);
      if (!forgotten.has(from)) setTimeout(() => to.destroy(), proxy.delayMs);
    });
    from.on("error", () => from.destroy());
  }

  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ port: target, host: "127.0.0.1", noDelay: true });
    for (const socket of [near, far]) {
      sockets.add(socket);
      if (silent) forgotten.add(socket);
    }
    relay(near, far);
    relay(far, near);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  scope.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = server.address();
  if (address !== null && typeof address === "object") proxy.port = address.port;
  return proxy;
}
