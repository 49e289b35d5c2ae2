import { createServer, type Server, type Socket } from "node:net";
import type { SocketAddress } from "../../common/address.ts";
import type { IpBytes } from "../../common/ip.ts";
import { listenTcp } from "../../common/listen.ts";
import type { Logger } from "../../common/log.ts";
import { type AnswerPacket, MESSAGE_BYTES_MAX, peerBytes } from "./answer.ts";
import { MessageStreams } from "./message-streams.ts";
import { framed, MessageSplitter } from "./tcp-framing.ts";

/** What one listener allows. */
export interface TcpLimits {
  /**
   * Connections at one time. A further one takes the place of that whose last query is the longest
   * ago: who holds all of them and says nothing must not keep others out (RFC 7766 section 10).
   */
  readonly connectionsMax: number;
  /** The same for one client: an IPv4 address or an IPv6 /64. Further ones are closed at once. */
  readonly connectionsPerClientMax: number;
  /**
   * The longest time between two whole queries, and for one to arrive: a client that trickles
   * bytes, sends none or does not read its answers is gone after it (RFC 7766 section 6.2.3).
   */
  readonly idleMs: number;
  /** Answers in octets that a client has not taken yet; above it nothing more is read from it. */
  readonly unsentBytesMax: number;
}

/** Limits of a router. */
export const TCP_LIMITS: TcpLimits = {
  connectionsMax: 1_024,
  connectionsPerClientMax: 64,
  idleMs: 10_000,
  unsentBytesMax: 256 * 2 ** 10,
};

/** A bound TCP listener. */
export interface TcpListener {
  readonly address: SocketAddress;
  /** Open connections now. */
  connections(): number;
  /**
   * Takes no new connection; those there are finish what they have asked, or end at the deadline.
   */
  close(deadlineMs: number): Promise<void>;
}

/**
 * Listens for DNS over TCP (RFC 7766): each message has its length in two octets before it, a
 * client may send many without waiting, and answers come in the same order. A client that closes
 * its half still gets the answers to what it has asked. Rejects with a ListenError.
 */
export async function listenTcpDns(
  listen: SocketAddress,
  answer: AnswerPacket,
  log: Logger,
  limits: TcpLimits = TCP_LIMITS,
): Promise<TcpListener> {
  // Connections and whose they are, that which has been silent for longest first.
  const open = new Map<Socket, string>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const peer = peerBytes(socket.remoteAddress ?? "");
    const client = peer === undefined ? "" : clientOf(peer);
    if (peer === undefined || connectionsOf(open, client) >= limits.connectionsPerClientMax) {
      socket.destroy();
      return;
    }
    if (open.size >= limits.connectionsMax) dropFirst(open);
    open.set(socket, client);
    socket.on("close", () => open.delete(socket));
    const onQuery = (): void => {
      if (open.delete(socket)) open.set(socket, client);
    };
    serveConnection(socket, { peer, answer, log, limits, onQuery });
  });
  const address = await listenTcp(server, listen, "DNS over TCP");
  server.on("error", (error) => log.error({ event: "tcp-error", err: error }));
  return {
    address,
    connections: () => open.size,
    close: (deadlineMs) => closeServer(server, open, deadlineMs),
  };
}

/**
 * Who a connection counts for (P): whoever has one IPv6 address has all 2^64 of its network
 * (RFC 6177 section 2).
 */
export function clientOf(peer: IpBytes): string {
  return peer.subarray(0, peer.length === 4 ? 4 : 8).join(".");
}

function connectionsOf(open: ReadonlyMap<Socket, string>, client: string): number {
  let own = 0;
  for (const other of open.values()) if (other === client) own += 1;
  return own;
}

function dropFirst(open: Map<Socket, string>): void {
  const [socket] = open.keys();
  if (socket === undefined) return;
  open.delete(socket);
  socket.destroy();
}

interface Connection {
  readonly peer: IpBytes;
  readonly answer: AnswerPacket;
  readonly log: Logger;
  readonly limits: TcpLimits;
  /** Called for each whole message. */
  readonly onQuery: () => void;
}

/** One answer is made at a time and copied, so all connections can write into the same room. */
const out = new Uint8Array(MESSAGE_BYTES_MAX);

function serveConnection(socket: Socket, connection: Connection): void {
  const { peer, answer, log, limits, onQuery } = connection;
  let timer = setTimeout(() => socket.destroy(), limits.idleMs);
  const noteProgress = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => socket.destroy(), limits.idleMs);
  };
  const streams = new MessageStreams(socket, limits.unsentBytesMax, noteProgress);
  const splitter = new MessageSplitter((message) => {
    noteProgress();
    onQuery();
    let isStreamed = false;
    const length = answer(message, peer, "tcp", out, (messages) => {
      isStreamed = true;
      streams.send(messages);
    });
    if (isStreamed) return true;
    // RFC 7766 section 6.2.4 lets a server close; a message worth no answer is not worth waiting
    // on.
    if (length === 0) return false;
    socket.write(framed(out.subarray(0, length)));
    return true;
  });
  socket.on("data", (chunk: Buffer) => {
    try {
      socket.cork();
      const goesOn = splitter.push(chunk);
      socket.uncork();
      if (!goesOn) socket.end();
      else if (socket.writableLength > limits.unsentBytesMax) socket.pause();
    } catch (error) {
      log.error({ event: "tcp-answer-failed", err: error });
      socket.destroy();
    }
  });
  socket.on("drain", () => socket.resume());
  socket.on("end", () => streams.endWhenSent());
  // A client that resets its connection is no news; "close" follows.
  socket.on("error", () => socket.destroy());
  socket.on("close", () => clearTimeout(timer));
}

function closeServer(
  server: Server,
  open: ReadonlyMap<Socket, string>,
  deadlineMs: number,
): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      for (const socket of open.keys()) socket.destroy();
    }, deadlineMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    for (const socket of open.keys()) socket.end(() => socket.destroy());
  });
}
