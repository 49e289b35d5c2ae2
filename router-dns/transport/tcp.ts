import type { Socket } from "node:net";
import type { SocketAddress } from "../../common/address.ts";
import type { IpPrefix } from "../../common/ip.ts";
import type { Logger } from "../../common/log.ts";
import {
  type AcceptedConnection,
  acceptConnections,
  type EndConnection,
  type RefusalReason,
  type StreamListener,
} from "./accept.ts";
import { type AnswerPacket, MESSAGE_BYTES_MAX, type Transport } from "./answer.ts";
import type { ConnectionLimits } from "./connections.ts";
import { MessageStreams } from "./message-streams.ts";
import { framed, MessageSplitter } from "./tcp-framing.ts";
import { type SecureContextSource, secureConnection } from "./tls.ts";

/** What one listener for a stream of messages allows. */
export interface TcpLimits extends ConnectionLimits {
  /**
   * The longest time between two whole queries, and for one to arrive: a client that trickles
   * bytes, sends none or does not read its answers is gone after it (RFC 7766 section 6.2.3).
   */
  readonly idleMs: number;
  /** Answers in octets that a client has not taken yet; above it nothing more is read from it. */
  readonly unsentBytesMax: number;
  /**
   * Queries that a client is answered before it is the turn of others: one that pipelines without
   * end must not have the process for itself.
   */
  readonly queriesPerTurn: number;
}

/** Limits of a router. */
export const TCP_LIMITS: TcpLimits = {
  connectionsMax: 1_024,
  connectionsPerClientMax: 64,
  idleMs: 10_000,
  unsentBytesMax: 256 * 2 ** 10,
  queriesPerTurn: 32,
};

/** What a listener for a stream of messages needs. */
export interface StreamOptions {
  readonly answer: AnswerPacket;
  readonly log: Logger;
  readonly limits: TcpLimits;
  readonly proxyFrom: readonly IpPrefix[];
  readonly onRefusal: (reason: RefusalReason) => void;
}

/**
 * Listens for DNS over TCP (RFC 7766): each message has its length in two octets before it, a
 * client may send many without waiting, and each answer goes out as soon as it is made. A client
 * that closes its half still gets the answers to what it has asked. Rejects with a ListenError.
 */
export function listenTcpDns(
  listen: SocketAddress,
  options: StreamOptions,
): Promise<StreamListener> {
  return acceptConnections({ ...options, listen, purpose: "DNS over TCP" }, (connection) =>
    serveMessages(connection, "tcp", options),
  );
}

/** The same over TLS (RFC 7858), with the certificate of the moment. */
export function listenTlsDns(
  listen: SocketAddress,
  secureContext: SecureContextSource,
  options: StreamOptions,
): Promise<StreamListener> {
  const { limits, onRefusal } = options;
  return acceptConnections({ ...options, listen, purpose: "DNS over TLS" }, (connection) => {
    const secured = { secureContext, alpn: ["dot"], idleMs: limits.idleMs, onRefusal };
    return secureConnection(connection.socket, secured, (socket) =>
      serveMessages({ ...connection, socket }, "dot", options),
    );
  });
}

/** One answer is made at a time and copied, so all connections can write into the same room. */
const out = new Uint8Array(MESSAGE_BYTES_MAX);

function serveMessages(
  { socket, peer, onQuery }: AcceptedConnection,
  transport: Transport,
  { answer, log, limits, onRefusal }: StreamOptions,
): EndConnection {
  const giveUp = (): void => {
    onRefusal("idle");
    socket.destroy();
  };
  let timer = setTimeout(giveUp, limits.idleMs);
  const noteProgress = (): void => {
    clearTimeout(timer);
    timer = setTimeout(giveUp, limits.idleMs);
  };
  const streams = new MessageStreams(socket, limits.unsentBytesMax, noteProgress);
  const splitter = new MessageSplitter((message) => {
    noteProgress();
    onQuery();
    let isStreamed = false;
    const length = answer(message, peer, transport, out, (messages) => {
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
  const onEnd = (): void => streams.endWhenSent();
  takeInTurns(socket, splitter, { limits, log, onEnd });
  socket.on("error", () => socket.destroy());
  socket.on("close", () => clearTimeout(timer));
  return () => socket.end(() => socket.destroy());
}

interface TurnOptions {
  readonly limits: TcpLimits;
  readonly log: Logger;
  /** The client has said all that it will say, and all of it has been answered. */
  readonly onEnd: () => void;
}

/**
 * Feeds what a socket receives to the splitter, so many messages in each turn of the event loop.
 * While something of it waits, for its turn or for the client to take its answers, nothing is read.
 */
function takeInTurns(
  socket: Socket,
  splitter: MessageSplitter,
  { limits, log, onEnd }: TurnOptions,
): void {
  const { queriesPerTurn, unsentBytesMax } = limits;
  let rest: Buffer | undefined;
  let isTurnComing = false;
  let hasEnded = false;
  const goOn = (): void => {
    const isUnread = socket.writableLength > unsentBytesMax;
    if (isUnread || rest !== undefined) socket.pause();
    if (isUnread || isTurnComing || socket.destroyed) return;
    if (rest !== undefined) {
      isTurnComing = true;
      setImmediate(takeRest);
    } else if (hasEnded) onEnd();
    else socket.resume();
  };
  const take = (chunk: Buffer): void => {
    try {
      socket.cork();
      const taken = splitter.push(chunk, 0, queriesPerTurn);
      socket.uncork();
      rest = taken < chunk.length ? chunk.subarray(taken) : undefined;
    } catch (error) {
      log.error({ event: "tcp-answer-failed", err: error });
      socket.destroy();
      return;
    }
    if (splitter.ended) socket.end();
    else goOn();
  };
  const takeRest = (): void => {
    isTurnComing = false;
    if (rest !== undefined && !socket.destroyed) take(rest);
  };
  socket.on("data", take);
  socket.on("drain", goOn);
  socket.on("end", () => {
    hasEnded = true;
    goOn();
  });
}
