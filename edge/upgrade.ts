import type { IncomingMessage } from "node:http";
import { Agent } from "node:https";
import { isIP, type Socket } from "node:net";
import { createProxyServer } from "http-proxy";
import type { OriginTlsOptions } from "../common/config/origin-tls.ts";
import type { Site } from "../common/config/site.ts";
import { IDLE_MS_MAX } from "./accept/listener.ts";
import { judgeRequest } from "./accept/request-policy.ts";
import type { EdgeContext } from "./context.ts";
import type { FieldLines } from "./http/fields.ts";
import { fieldLinesFromRaw } from "./http/fields.ts";
import { askedOfHost } from "./key/site.ts";
import { addressOf } from "./protect/protection.ts";
import { type ErrorReason, errorResponse } from "./serve/error-response.ts";
import { originRequestFields } from "./serve/origin-request-fields.ts";
import type { SecuredConnection } from "./tls/entrance.ts";
import { judgeScheme } from "./tls/scheme-policy.ts";

/** An upgraded connection on which nothing moves for so long is closed. */
const UPGRADED_IDLE_MS_MAX = 600_000;

/** A connection on which a client wants to speak something else. */
export interface UpgradedConnection {
  readonly socket: Socket;
  /** What has come behind the request. */
  readonly head: Buffer;
  /** Undefined: the client came without TLS. */
  readonly secured: SecuredConnection | undefined;
}

/** Passes Upgrade requests (RFC 9110 section 7.8), such as WebSocket, through to the origin. */
export class UpgradeProxy {
  readonly #edge: EdgeContext;
  readonly #proxy = createProxyServer({ xfwd: false, changeOrigin: false });
  readonly #sockets = new Set<Socket>();

  constructor(edge: EdgeContext) {
    this.#edge = edge;
    // Failures are handled per request; without a listener they would end the process.
    this.#proxy.on("error", () => {});
    // A client that leaves before the origin has answered takes its request along.
    this.#proxy.on("proxyReqWs", (originRequest, _request, socket) => {
      socket.once("close", () => originRequest.destroy());
      originRequest.once("upgrade", () => socket.setTimeout(UPGRADED_IDLE_MS_MAX));
      // Any other answer is the last thing on this connection: nobody reads requests from it now.
      originRequest.once("response", (answer) => {
        answer.once("close", () => socket.destroySoon());
      });
    });
  }

  /** Connects a client with the origin of the site that it asks for. */
  pass(request: IncomingMessage, { socket, head, secured }: UpgradedConnection): void {
    const edge = this.#edge;
    const fields = fieldLinesFromRaw(request.rawHeaders);
    const scheme = secured === undefined ? "http" : "https";
    const verdict = judgeRequest({
      method: request.method ?? "GET",
      version: request.httpVersion,
      target: request.url ?? "/",
      fields,
      scheme,
    });
    if (verdict.kind === "reject") {
      this.#refuse(socket, verdict.reason);
      return;
    }
    const { site, host } = askedOfHost(edge.sites, verdict.host, scheme);
    const target = site === undefined ? undefined : edge.origins.firstUrl(site);
    if (site === undefined || target === undefined) {
      this.#refuse(socket, "unknown-site");
      return;
    }
    const coming = { host: verdict.host, site, certificate: secured?.certificate };
    const judged = judgeScheme(coming);
    if (judged !== "serve") {
      // No WebSocket follows a redirect, and its first message must not go out in the open.
      this.#refuse(socket, judged === "misdirected" ? "misdirected" : "forbidden");
      return;
    }
    const guarded = edge.protection.guard({
      site,
      method: "GET",
      host,
      target: verdict.target,
      fields,
      address: addressOf(request.socket.remoteAddress),
      now: edge.clock.now(),
      monotonic: edge.clock.monotonic(),
    });
    if (guarded.refusal !== undefined) {
      this.#refuse(socket, guarded.refusal.reason, guarded.refusal.fields);
      return;
    }
    const origin = originRequestFields({
      method: "GET",
      // A WebSocket's Origin is for the server to judge (RFC 6455 section 10.2): it stays.
      requestFields: withOrigin(guarded.fields, fields),
      edge: edge.name,
      clientAddress: clientAddressOf(request),
      scheme,
      clientHost: host,
      originHost: site.origin.host ?? host,
      purpose: { kind: "pass" },
    });
    if (origin.kind === "loop") {
      this.#refuse(socket, "origin-loop");
      return;
    }
    const headers: Record<string, string> = {};
    for (const [name, value] of origin.fields) {
      headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
    }
    request.headers = {
      ...headers,
      connection: "Upgrade",
      upgrade: request.headers.upgrade ?? "",
    };
    request.url = guarded.target;
    this.#sockets.add(socket);
    socket.setTimeout(IDLE_MS_MAX, () => socket.destroy());
    socket.once("close", () => this.#sockets.delete(socket));
    const options = originOptions(site, target, edge);
    if (options === undefined) {
      this.#refuse(socket, "origin-refused");
      return;
    }
    this.#proxy.ws(request, socket, head, options, (error) => {
      edge.log.warn({ event: "upgrade-failed", site: site.name, detail: String(error) });
      this.#refuse(socket, "origin-refused");
    });
  }

  /** Connections that have been upgraded and are open. */
  get open(): number {
    return this.#sockets.size;
  }

  /** Closes all of them. */
  closeAll(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#proxy.close();
  }

  #refuse(socket: Socket, reason: ErrorReason, more: FieldLines = []): void {
    if (!socket.writable || socket.destroyed) return;
    const edge = this.#edge;
    const answer = errorResponse(reason, { edge: edge.name, requestId: edge.nextRequestId() });
    const lines = [...answer.fields, ...more]
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join("");
    socket.end(
      `HTTP/1.1 ${answer.status} ${reason}\r\nconnection: close\r\n${lines}\r\n${answer.body}`,
    );
  }
}

/** How the origin is connected with; undefined: this edge lacks the certificate that it shows. */
function originOptions(site: Site, target: string, edge: EdgeContext) {
  const secure = edge.origins.tlsOf(site);
  if (secure === undefined) return undefined;
  return {
    target,
    ...(target.startsWith("https:") ? { agent: agentFor(target, secure) } : {}),
    secure: secure.rejectUnauthorized,
    connectTimeout: site.origin.connectTimeout,
  };
}

/** Without a name of its own an agent would ask for the one in Host. */
function agentFor(target: string, secure: OriginTlsOptions): Agent {
  const { hostname } = new URL(target);
  const named = isIP(hostname.replace(/^\[|\]$/g, "")) === 0 ? hostname : "";
  return new Agent({ servername: named, ...secure, keepAlive: false });
}

function clientAddressOf(request: IncomingMessage): string {
  return (request.socket.remoteAddress ?? "").replace(/^::ffff:/, "");
}

function withOrigin(fields: FieldLines, sent: FieldLines): FieldLines {
  const isOrigin = ([name]: FieldLines[number]) => name === "origin";
  return [...fields.filter((line) => !isOrigin(line)), ...sent.filter(isOrigin)];
}
