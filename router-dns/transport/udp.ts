import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import type { SocketAddress } from "../../common/address.ts";
import { type IpPrefix, prefixContains } from "../../common/ip.ts";
import { ListenError } from "../../common/listen.ts";
import type { Logger } from "../../common/log.ts";
import { type AnswerPacket, peerBytes } from "./answer.ts";
import { readProxyHeader } from "./proxy-protocol.ts";

/** A bound UDP listener. */
export interface UdpListener {
  readonly address: SocketAddress;
  close(): Promise<void>;
}

/** What a UDP listener needs. */
export interface UdpOptions {
  readonly answer: AnswerPacket;
  readonly log: Logger;
  /** From these networks each packet has a PROXY header first; from others none has. */
  readonly proxyFrom: readonly IpPrefix[];
  /** Called for each packet of a front end that has no header that can be used. */
  readonly onBroken: () => void;
}

/** Room for one answer: more than any `maxUdpBytes`, less than what would be cut into fragments. */
const ANSWER_BYTES_MAX = 4_096;

/**
 * Answers that wait because the kernel's buffer is full. Beyond it they are dropped: clients ask
 * again.
 */
const SEND_QUEUE_MAX = 1_024;

/** Packets that the kernel keeps while we are busy: about 10 ms of load at full speed. */
const RECEIVE_BUFFER_BYTES = 2 * 2 ** 20;

/**
 * Listens for DNS over UDP (RFC 1035 section 4.2.1) and answers each packet at once. No packet ends
 * it: what cannot be answered is dropped. Rejects with a ListenError if the port cannot be bound.
 *
 * On a wildcard address of a machine with several addresses the kernel picks the source of answers:
 * list the addresses instead.
 */
export async function listenUdp(listen: SocketAddress, options: UdpOptions): Promise<UdpListener> {
  const { log } = options;
  const family = listen.host.includes(":") ? 6 : 4;
  const socket = createSocket({
    type: family === 4 ? "udp4" : "udp6",
    ipv6Only: family === 6,
    // Addresses need no lookup. Giving them back at once makes `send` send within the call, which
    // saves a turn of the event loop per answer.
    lookup: (host, _options, callback) => callback(null, host, family),
  });
  await bind(socket, listen);
  raiseReceiveBuffer(socket);
  socket.on("error", (error) => log.error({ event: "udp-error", err: error }));
  socket.on("message", answerer(socket, options));
  const { port } = socket.address();
  return {
    address: { host: listen.host, port },
    close: () =>
      new Promise((resolve) => {
        socket.close(() => resolve());
      }),
  };
}

function answerer(socket: Socket, { answer, log, proxyFrom, onBroken }: UdpOptions) {
  let out = new Uint8Array(ANSWER_BYTES_MAX);
  return (packet: Uint8Array, { address, port }: RemoteInfo): void => {
    // Nobody listens on port 0; such a packet is forged, and `send` would throw.
    const peer = port === 0 ? undefined : peerBytes(address);
    if (peer === undefined || socket.getSendQueueCount() >= SEND_QUEUE_MAX) return;
    try {
      const isFrontEnd = proxyFrom.some((prefix) => prefixContains(prefix, peer));
      const header = isFrontEnd ? readProxyHeader(packet) : undefined;
      // A datagram is whole: what is not a header now will never be one.
      if (header !== undefined && header.kind !== "header") return onBroken();
      const question = header === undefined ? packet : packet.subarray(header.length);
      const length = answer(question, header?.source ?? peer, "udp", out);
      if (length === 0) return;
      socket.send(out, 0, length, port, address);
    } catch (error) {
      log.error({ event: "udp-answer-failed", err: error });
    }
    // What the kernel did not take at once still points into the buffer.
    if (socket.getSendQueueCount() > 0) out = new Uint8Array(ANSWER_BYTES_MAX);
  };
}

function bind(socket: Socket, listen: SocketAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      socket.close();
      reject(new ListenError("DNS over UDP", listen, error));
    };
    socket.once("error", onError);
    socket.bind({ port: listen.port, address: listen.host }, () => {
      socket.removeListener("error", onError);
      resolve();
    });
  });
}

/** The kernel may give less than asked for; that is no reason not to serve. */
function raiseReceiveBuffer(socket: Socket): void {
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
  } catch {
    return;
  }
}
