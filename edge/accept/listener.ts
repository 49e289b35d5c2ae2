import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

/** A request head must be complete within this time; half-open clients cost nothing for longer. */
export const HEAD_MS_MAX = 10_000;

/** A whole request, body included. Long enough for an upload over a bad line, not for ever. */
export const REQUEST_MS_MAX = 3_600_000;

/** The default of `idleMs`. */
export const IDLE_MS_MAX = 60_000;

/** How long a client may keep a connection open between two requests. */
export const KEEP_ALIVE_MS = 65_000;

/** The sum of all field lines of a request. */
export const HEAD_BYTES_MAX = 32_768;

/** What waits for a client that reads slowly: so much, and one more piece of a body. */
export const WRITE_AHEAD_BYTES = 16_384;

/** Open connections; the next one is closed at once. */
export const CONNECTIONS_MAX = 20_000;

/** How often the deadlines of heads and requests are looked at. */
export const CHECK_EVERY_MS = 2_000;

/** What the listener hands on, and how patient it is. */
export interface ListenerHandlers {
  onRequest(request: IncomingMessage, response: ServerResponse): void;
  /** A WebSocket handshake. Every other Upgrade is answered as if it had not been offered. */
  onUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): void;
  /** A connection on which nothing moves for so long is closed, unless it waits for an origin. */
  readonly idleMs?: number;
  /** True while this connection waits for an origin, which has deadlines of its own. */
  isWaiting(socket: Socket): boolean;
}

/** An HTTP/1.1 server that is given its connections. */
export interface Listener {
  readonly server: Server;
  /** Takes over a connection, also one on which others have read before. */
  enter(socket: Socket): void;
}

/** Makes the HTTP/1.1 listener of an edge, with its limits against slow and broken clients. */
export function createListener(handlers: ListenerHandlers): Listener {
  const server = createServer(
    {
      maxHeaderSize: HEAD_BYTES_MAX,
      headersTimeout: HEAD_MS_MAX,
      requestTimeout: REQUEST_MS_MAX,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: CHECK_EVERY_MS,
      noDelay: true,
      highWaterMark: WRITE_AHEAD_BYTES,
      // A missing Host is answered by the request policy, in the same form as every other refusal.
      requireHostHeader: false,
      // Requests without a body need no stream events; this is most of them.
      optimizeEmptyRequests: true,
      insecureHTTPParser: false,
      // Any Upgrade is an offer that may be ignored (RFC 9110 section 7.8), such as curl's `h2c`.
      shouldUpgradeCallback: ({ method, headers }) =>
        method === "GET" && headers.upgrade?.toLowerCase() === "websocket",
    },
    (request, response) => handlers.onRequest(request, response),
  );
  // Heads are bounded by bytes. A bound on their number would drop the rest without a word.
  server.maxHeadersCount = 0;
  server.setTimeout(handlers.idleMs ?? IDLE_MS_MAX, (socket) => {
    if (!handlers.isWaiting(socket)) socket.destroy();
  });
  server.on("upgrade", (request, socket, head) => {
    handlers.onUpgrade(request, socket as Socket, head);
  });
  // RFC 9110 section 10.1.1: whoever reads the body says so first; a refusal needs no body.
  server.on("checkContinue", (request, response) => handlers.onRequest(request, response));
  server.on("connect", (_request, socket) => refuse(socket, 405));
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    refuse(socket, statusOf(error.code));
  });
  return { server, enter: takeEntrance(server) };
}

/** Whoever accepts a connection decides who reads it: the server no longer does by itself. */
function takeEntrance(server: Server): (socket: Socket) => void {
  const listeners = server.listeners("connection");
  server.removeAllListeners("connection");
  return (socket) => {
    for (const listener of listeners) listener.call(server, socket);
  };
}

function statusOf(code: string | undefined): number {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return 431;
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return 408;
    default:
      return 400;
  }
}

/** Answers on a connection that has no request object, and closes it. */
export function refuse(socket: Duplex, status: number): void {
  if (!socket.writable || (socket as Socket).bytesWritten > 0) {
    // Part of a response may have been sent: a second head would be taken for its body.
    socket.destroy();
    return;
  }
  const title = STATUS_CODES[status] ?? "";
  const body = `${status} ${title}\n`;
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\nconnection: close\r\ncontent-type: text/plain\r\n` +
      `cache-control: no-store\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
}
