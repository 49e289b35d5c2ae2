import type { IncomingMessage, ServerResponse } from "node:http";
import { constants, createSecureServer, type ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { HEAD_BYTES_MAX, IDLE_MS_MAX } from "../accept/listener.ts";
import type { SecuredConnection } from "../tls/entrance.ts";
import { EdgeHttp2Request, EdgeHttp2Response } from "./messages.ts";

/** Requests at one time on one connection (RFC 9113 section 5.1.2). */
export const STREAMS_MAX = 128;

/** Field lines of one request; bytes are bounded by `HEAD_BYTES_MAX` too, 32 more for each line. */
const HEAD_LINES_MAX = 256;

/** Streams that a client may reset at once, and then in a second: CVE-2023-44487. */
export const RESET_BURST = 256;
const RESETS_PER_SECOND = 64;

/** Streams beyond `STREAMS_MAX`, and frames that are not valid, before a connection is ended. */
const REJECTED_MAX = 128;
const INVALID_FRAMES_MAX = 32;

/** Settings in one frame, and pings that are on their way. */
const SETTINGS_MAX = 32;
const PINGS_MAX = 4;

/** Memory that Node keeps for one connection, in MiB: what its streams have not sent yet. */
const SESSION_MEMORY_MIB = 4;

/** What the entrance hands on, and how patient it is. */
export interface Http2Handlers {
  onRequest(
    request: IncomingMessage,
    response: ServerResponse,
    connection: SecuredConnection,
  ): void;
  /** A connection or a stream on which nothing moves for so long is closed. */
  readonly idleMs?: number;
  /** True while this stream waits for an origin, which has deadlines of its own. */
  isWaiting(socket: Socket): boolean;
}

/** Serves HTTP/2 on connections that have been secured. */
export class Http2Entrance {
  readonly #handlers: Http2Handlers;
  readonly #idleMs: number;
  readonly #sessions = new Map<ServerHttp2Session, SecuredConnection>();
  readonly #server = createSecureServer({
    maxSessionMemory: SESSION_MEMORY_MIB,
    maxHeaderListPairs: HEAD_LINES_MAX,
    maxSessionRejectedStreams: REJECTED_MAX,
    maxSessionInvalidFrames: INVALID_FRAMES_MAX,
    maxSettings: SETTINGS_MAX,
    maxOutstandingPings: PINGS_MAX,
    streamResetBurst: RESET_BURST,
    streamResetRate: RESETS_PER_SECOND,
    // What an origin says twice, clients of HTTP/1.1 get twice.
    strictSingleValueFields: false,
    settings: {
      maxConcurrentStreams: STREAMS_MAX,
      maxHeaderListSize: HEAD_BYTES_MAX,
      enablePush: false,
    },
    Http2ServerRequest: EdgeHttp2Request,
    Http2ServerResponse: EdgeHttp2Response,
  });
  #connecting: SecuredConnection | undefined;

  constructor(handlers: Http2Handlers) {
    this.#handlers = handlers;
    this.#idleMs = handlers.idleMs ?? IDLE_MS_MAX;
    const onRequest = (request: EdgeHttp2Request, response: EdgeHttp2Response) =>
      this.#onRequest(request, response);
    this.#server.on("session", (session) => this.#onSession(session));
    this.#server.on("request", onRequest);
    // RFC 9110 section 10.1.1: whoever reads the body says so first; a refusal needs no body.
    this.#server.on("checkContinue", onRequest);
    this.#server.on("sessionError", () => {});
  }

  /** Reads requests from a connection on which HTTP/2 has been agreed on. */
  enter(connection: SecuredConnection): void {
    const { socket } = connection;
    // Nobody closes one half of HTTP/2; the end of one is the end of both.
    socket.allowHalfOpen = false;
    this.#connecting = connection;
    this.#server.emit("secureConnection", socket);
    this.#connecting = undefined;
    // HTTP/2 waits for this of a socket that no tls.Server of Node's has made.
    socket.emit("secureConnect");
  }

  /** Connections that are open. */
  get open(): number {
    return this.#sessions.size;
  }

  /** Lets clients finish what is under way, and begin nothing new (RFC 9113 section 6.8). */
  closeIdle(): void {
    for (const session of this.#sessions.keys()) if (!session.closed) session.close();
  }

  /** Ends all connections at once. */
  closeAll(): void {
    for (const session of this.#sessions.keys()) session.destroy();
  }

  #onSession(session: ServerHttp2Session): void {
    const connection = this.#connecting;
    if (connection === undefined) {
      session.destroy();
      return;
    }
    this.#sessions.set(session, connection);
    session.once("close", () => this.#sessions.delete(session));
    session.on("error", () => {});
    // Streams have deadlines of their own; when the last one ends, the connection's begins anew.
    let streams = 0;
    session.on("stream", (stream) => {
      streams += 1;
      stream.once("close", () => {
        streams -= 1;
        if (streams === 0) session.setTimeout(this.#idleMs);
      });
    });
    session.on("timeout", () => {
      if (streams === 0) session.close();
    });
    session.setTimeout(this.#idleMs);
  }

  #onRequest(request: EdgeHttp2Request, response: EdgeHttp2Response): void {
    const { stream } = request;
    const { session } = stream;
    const connection =
      session === undefined ? undefined : this.#sessions.get(session as ServerHttp2Session);
    stream.on("error", () => {});
    request.on("error", () => {});
    response.on("error", () => {});
    if (connection === undefined || request.isMalformed) {
      stream.close(constants.NGHTTP2_PROTOCOL_ERROR);
      return;
    }
    stream.setTimeout(this.#idleMs, () => {
      if (!this.#handlers.isWaiting(request.socket)) stream.close(constants.NGHTTP2_CANCEL);
    });
    this.#handlers.onRequest(
      request as unknown as IncomingMessage,
      response as unknown as ServerResponse,
      connection,
    );
  }
}
