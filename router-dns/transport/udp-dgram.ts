import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import type { SocketAddress } from "../../common/address.ts";
import { ListenError } from "../../common/listen.ts";
import { peerBytes } from "./answer.ts";
import { ANSWER_BYTES_MAX, datagramAnswerer } from "./datagram.ts";
import { RECEIVE_BUFFER_BYTES, type UdpListener, type UdpOptions } from "./udp-listener.ts";

/**
 * Answers that wait because the kernel's buffer is full. Beyond it they are dropped: clients ask
 * again.
 */
const SEND_QUEUE_MAX = 1_024;

/** Listens through node:dgram: one system call for each packet, and another for its answer. */
export async function listenDgram(
  listen: SocketAddress,
  options: UdpOptions,
): Promise<UdpListener> {
  const { log, reusePort = false } = options;
  const family = listen.host.includes(":") ? 6 : 4;
  const receive: Record<string, number> = {};
  const send: Record<string, number> = {};
  const socket = createSocket({
    type: family === 4 ? "udp4" : "udp6",
    ipv6Only: family === 6,
    reusePort,
    // Addresses need no lookup. Giving them back at once makes `send` send within the call, which
    // saves a turn of the event loop per answer.
    lookup: (host, _options, callback) => callback(null, host, family),
  });
  await bind(socket, listen);
  raiseReceiveBuffer(socket);
  // Without a callback, answers that cannot be sent end up here too.
  socket.on("error", (error: NodeJS.ErrnoException) => {
    count(error.syscall === "send" ? send : receive, error.code);
    log.debug({ event: "udp-error", err: error });
  });
  let closed: Promise<void> | undefined;
  socket.on(
    "message",
    answerer(socket, options, () => closed !== undefined),
  );
  const { port } = socket.address();
  return {
    address: { host: listen.host, port },
    layer: "dgram",
    errors: () => ({ receive, send }),
    close: () => {
      closed ??= new Promise((resolve) => {
        socket.close(() => resolve());
      });
      return closed;
    },
  };
}

function count(errors: Record<string, number>, code = "other"): void {
  errors[code] = (errors[code] ?? 0) + 1;
}

function answerer(socket: Socket, options: UdpOptions, isClosed: () => boolean) {
  let asking = { address: "", port: 0 };
  const reply = () => {
    const { address, port } = asking;
    return (message: Uint8Array): void => {
      if (isClosed() || socket.getSendQueueCount() >= SEND_QUEUE_MAX) return;
      socket.send(message, port, address);
    };
  };
  const answer = datagramAnswerer(options, { reply });
  let out = new Uint8Array(ANSWER_BYTES_MAX);
  return (packet: Uint8Array, from: RemoteInfo): void => {
    const { address, port } = from;
    // Nobody listens on port 0; such a packet is forged, and `send` would throw.
    const peer = port === 0 ? undefined : peerBytes(address);
    if (peer === undefined || socket.getSendQueueCount() >= SEND_QUEUE_MAX) return;
    asking = from;
    const length = answer(packet, 0, packet.length, peer, out);
    if (length === 0) return;
    socket.send(out, 0, length, port, address);
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
