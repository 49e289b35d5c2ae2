import {
  createSecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type Http2Session,
} from "node:http2";
import type { TLSSocket } from "node:tls";
import type { SocketAddress } from "../../common/address.ts";
import type { IpBytes } from "../../common/ip.ts";
import { cacheSeconds } from "../wire/cache-seconds.ts";
import { type AcceptedConnection, acceptConnections, type StreamListener } from "./accept.ts";
import { type AnswerPacket, MESSAGE_BYTES_MAX } from "./answer.ts";
import { DNS_MESSAGE, judgeDoh } from "./doh-request.ts";
import type { StreamOptions } from "./tcp.ts";
import { type SecureContextSource, secureConnection } from "./tls.ts";

/** Where DNS is asked over HTTPS. */
export interface DohOptions {
  readonly secureContext: SecureContextSource;
  /** The path of its URL, such as `/dns-query`. */
  readonly path: string;
}

/** Requests at one time on one connection; a resolver sends a handful. */
const STREAMS_MAX = 64;

/** A head holds a message in base64url at most, and the few fields that clients send. */
const HEAD_BYTES_MAX = 96 * 2 ** 10;

/** Memory that one HTTP/2 connection may take, in MiB, as Node wants it. */
const SESSION_MEMORY_MIB = 2;

/**
 * Node keeps to itself which connection a request is from, but lets properties of its socket
 * through: the connection carries what we know of it.
 */
const CONNECTION: unique symbol = Symbol("connection");

type CarryingSocket = TLSSocket & { [CONNECTION]?: DohConnection };

/** One answer is made at a time and copied, so all requests can write into the same room. */
const out = new Uint8Array(MESSAGE_BYTES_MAX);

/**
 * Listens for DNS over HTTPS (RFC 8484) on HTTP/2 and HTTP/1.1, with the certificate of the moment.
 * Rejects with a ListenError.
 */
export async function listenDoh(
  listen: SocketAddress,
  { secureContext, path }: DohOptions,
  options: StreamOptions,
): Promise<StreamListener> {
  const { limits, onRefusal } = options;
  const server = createSecureServer({
    allowHTTP1: true,
    maxSessionMemory: SESSION_MEMORY_MIB,
    settings: { maxConcurrentStreams: STREAMS_MAX, maxHeaderListSize: HEAD_BYTES_MAX },
  });
  server.on("request", (request, response) => serveRequest({ request, response }, path, options));
  const secured = { secureContext, alpn: ["h2", "http/1.1"], idleMs: limits.idleMs, onRefusal };
  return acceptConnections({ ...options, listen, purpose: "DNS over HTTPS" }, (accepted) => {
    // Nobody closes one half of HTTPS; the end of one is the end of both.
    accepted.socket.allowHalfOpen = false;
    return secureConnection(accepted.socket, secured, (socket: CarryingSocket) => {
      const connection = new DohConnection(accepted, socket, options);
      socket[CONNECTION] = connection;
      server.emit("secureConnection", socket);
      // HTTP/2 waits for this of a socket that no tls.Server of Node's has made.
      socket.emit("secureConnect");
      return () => connection.end();
    });
  });
}

/** What is known of one connection while requests come in on it. */
class DohConnection {
  readonly peer: IpBytes;
  readonly #accepted: AcceptedConnection;
  readonly #socket: TLSSocket;
  readonly #options: StreamOptions;
  #session: Http2Session | undefined;
  #timer: NodeJS.Timeout;

  constructor(accepted: AcceptedConnection, socket: TLSSocket, options: StreamOptions) {
    this.peer = accepted.peer;
    this.#accepted = accepted;
    this.#socket = socket;
    this.#options = options;
    this.#timer = this.#startTimer();
    socket.once("close", () => clearTimeout(this.#timer));
  }

  /** A whole message has come: as with TCP, nothing else keeps a connection open. */
  noteQuery(session: Http2Session | undefined): void {
    this.#session = session;
    clearTimeout(this.#timer);
    this.#timer = this.#startTimer();
    this.#accepted.onQuery();
  }

  /** Lets what is under way finish. */
  end(): void {
    if (this.#session === undefined) this.#socket.destroySoon();
    else this.#session.close();
  }

  #startTimer(): NodeJS.Timeout {
    return setTimeout(() => {
      this.#options.onRefusal("idle");
      this.#socket.destroy();
    }, this.#options.limits.idleMs);
  }
}

interface HttpExchange {
  readonly request: Http2ServerRequest;
  readonly response: Http2ServerResponse;
}

function serveRequest(exchange: HttpExchange, path: string, options: StreamOptions): void {
  const { request, response } = exchange;
  request.on("error", () => request.destroy());
  response.on("error", () => request.destroy());
  const connection = (request.socket as CarryingSocket)[CONNECTION];
  if (connection === undefined) return refuse(exchange, 500, "nobody knows who asks");
  const head = {
    method: request.method,
    target: request.url,
    contentType: request.headers["content-type"],
  };
  const verdict = judgeDoh(head, path);
  const proceed = (message: Uint8Array): void => {
    connection.noteQuery(request.httpVersionMajor === 2 ? request.stream.session : undefined);
    answerMessage(exchange, message, connection.peer, options);
  };
  if (verdict.kind === "refused") refuse(exchange, verdict.status, verdict.reason);
  else if (verdict.kind === "message") proceed(verdict.message);
  else readBody(exchange, proceed);
}

/** Gathers a body that is as long as a message can be. The connection's timer bounds the wait. */
function readBody(exchange: HttpExchange, proceed: (message: Uint8Array) => void): void {
  const { request, response } = exchange;
  const chunks: Buffer[] = [];
  let length = 0;
  request.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length <= MESSAGE_BYTES_MAX) chunks.push(chunk);
    else refuse(exchange, 413, "no message is so long");
  });
  request.on("end", () => {
    if (!response.headersSent) proceed(Buffer.concat(chunks));
  });
}

function answerMessage(
  exchange: HttpExchange,
  message: Uint8Array,
  peer: IpBytes,
  { answer, log }: { readonly answer: AnswerPacket; readonly log: StreamOptions["log"] },
): void {
  let length: number;
  try {
    length = answer(message, peer, "doh", out);
  } catch (error) {
    log.error({ event: "doh-answer-failed", err: error });
    return refuse(exchange, 500, "the message could not be answered");
  }
  if (length === 0) return refuse(exchange, 400, "the message is no query");
  const body = Buffer.from(out.subarray(0, length));
  send(exchange, 200, body, {
    "content-type": DNS_MESSAGE,
    // Answers depend on who asks: a cache that many share would send them all to one place.
    "cache-control": `private, max-age=${cacheSeconds(body)}`,
  });
}

/** Says why. What is left of the request is not looked at. */
function refuse(exchange: HttpExchange, status: number, reason: string): void {
  if (exchange.response.headersSent) return;
  send(exchange, status, Buffer.from(`${reason}\n`), {
    "content-type": "text/plain; charset=utf-8",
    "cache-control": "no-store",
    ...(status === 405 ? { allow: "GET, HEAD, POST" } : {}),
    // On HTTP/1.1 a body that is too long would have to be read to its end otherwise.
    ...(status === 413 && exchange.request.httpVersionMajor === 1 ? { connection: "close" } : {}),
  });
}

function send(
  { request, response }: HttpExchange,
  status: number,
  body: Buffer,
  fields: Readonly<Record<string, string>>,
): void {
  response.writeHead(status, { ...fields, "content-length": String(body.length) });
  if (request.method === "HEAD") response.end();
  else response.end(body);
}
