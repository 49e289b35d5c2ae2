import { createServer, type Server, type Socket } from "node:net";
import type { SocketAddress } from "../../common/address.ts";
import { type IpBytes, type IpPrefix, prefixContains } from "../../common/ip.ts";
import { listenTcp } from "../../common/listen.ts";
import type { Logger } from "../../common/log.ts";
import { peerBytes } from "./answer.ts";
import { type ConnectionLimits, OpenConnections } from "./connections.ts";
import { readProxyHeader } from "./proxy-protocol.ts";

/** Why a connection ended that its client might have gone on with. */
export type RefusalReason =
  | "client-limit"
  | "replaced"
  | "idle"
  | "proxy-header"
  | "handshake"
  /** Too many packets wait for the thread that answers them. */
  | "busy";

/** How connections are taken. */
export interface AcceptOptions {
  readonly listen: SocketAddress;
  /** What the port is for, in errors. */
  readonly purpose: string;
  readonly limits: ConnectionLimits & {
    /** How long a front end may take for its header, in milliseconds. */
    readonly idleMs: number;
  };
  /** From these networks, a PROXY header comes first, always; from others never. */
  readonly proxyFrom: readonly IpPrefix[];
  readonly log: Logger;
  /** Called once for each connection that is ended for a reason of ours. */
  readonly onRefusal: (reason: RefusalReason) => void;
}

/** A connection that may be served. */
export interface AcceptedConnection {
  readonly socket: Socket;
  /** Who is at the other end, in front of all front ends. */
  readonly peer: IpBytes;
  /** To be called when it has asked something, so that it is not the first to be replaced. */
  readonly onQuery: () => void;
}

/** Ends a connection that has nothing more to say; one that has says it first. */
export type EndConnection = () => void;

/** A bound port for connections. */
export interface StreamListener {
  readonly address: SocketAddress;
  /** Open connections now. */
  connections(): number;
  /**
   * Takes no new connection; those there are finish what they have asked, or end at the deadline.
   */
  close(deadlineMs: number): Promise<void>;
}

/**
 * Listens for connections, finds out who is at their other end, keeps to the limits and hands over
 * the rest. Rejects with a ListenError.
 */
export async function acceptConnections(
  options: AcceptOptions,
  serve: (connection: AcceptedConnection) => EndConnection,
): Promise<StreamListener> {
  const { limits, proxyFrom, log, onRefusal } = options;
  const open = new OpenConnections(limits);
  const ends = new Map<Socket, EndConnection>();
  const admit = (socket: Socket, peer: IpBytes): void => {
    const admission = open.admit(socket, peer);
    if (admission === "too-many") {
      onRefusal("client-limit");
      socket.destroy();
      return;
    }
    if (admission === "replaced-another") onRefusal("replaced");
    ends.set(socket, serve({ socket, peer, onQuery: () => open.touch(socket) }));
  };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    // A client that resets its connection is no news; "close" follows.
    socket.on("error", () => socket.destroy());
    socket.once("close", () => ends.delete(socket));
    ends.set(socket, () => socket.destroy());
    const peer = peerBytes(socket.remoteAddress ?? "");
    if (peer === undefined) socket.destroy();
    else if (!proxyFrom.some((prefix) => prefixContains(prefix, peer))) admit(socket, peer);
    else readFrontEnd(socket, options, (source) => admit(socket, source ?? peer));
  });
  const address = await listenTcp(server, options.listen, options.purpose);
  server.on("error", (error) => log.error({ event: "tcp-error", err: error }));
  return {
    address,
    connections: () => open.size,
    close: (deadlineMs) => closeServer(server, ends, deadlineMs),
  };
}

/** Waits for the header of a front end, and takes nothing of what is behind it. */
function readFrontEnd(
  socket: Socket,
  { limits, onRefusal }: AcceptOptions,
  proceed: (source: IpBytes | undefined) => void,
): void {
  let received = Buffer.alloc(0);
  const refuse = (): void => {
    onRefusal("proxy-header");
    socket.destroy();
  };
  const timer = setTimeout(refuse, limits.idleMs);
  socket.once("close", () => clearTimeout(timer));
  const read = (): void => {
    for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read()) {
      received = Buffer.concat([received, chunk]);
    }
    const header = readProxyHeader(received);
    if (header.kind === "more" && !socket.readableEnded) return;
    socket.removeListener("readable", read);
    socket.removeListener("end", read);
    clearTimeout(timer);
    if (header.kind !== "header") return refuse();
    if (received.length > header.length) socket.unshift(received.subarray(header.length));
    proceed(header.source);
  };
  socket.on("readable", read);
  socket.once("end", read);
}

function closeServer(
  server: Server,
  ends: ReadonlyMap<Socket, EndConnection>,
  deadlineMs: number,
): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      for (const socket of ends.keys()) socket.destroy();
    }, deadlineMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    for (const end of ends.values()) end();
  });
}
