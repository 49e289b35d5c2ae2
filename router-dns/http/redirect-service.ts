import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from "node:http";
import type { Socket } from "node:net";
import type { SocketAddress } from "../../common/address.ts";
import type { RedirectConfig, RouterConfig } from "../../common/config/router.ts";
import type { PopConfig } from "../../common/config/schema.ts";
import type { Site } from "../../common/config/site.ts";
import type { IpBytes, IpPrefix } from "../../common/ip.ts";
import type { Logger } from "../../common/log.ts";
import type { Metrics } from "../../common/metrics.ts";
import type { SteerView } from "../geo/choose.ts";
import {
  type AcceptedConnection,
  acceptConnections,
  type EndConnection,
  type StreamListener,
} from "../transport/accept.ts";
import { clientAddress } from "./client-address.ts";
import {
  decideRedirect,
  edgePorts,
  type RedirectHosts,
  type RedirectRefusal,
  redirectHosts,
} from "./redirect.ts";

/** What a 302 router is told at its start. */
export interface RedirectOptions {
  readonly config: RedirectConfig;
  /** Front ends that begin each connection with a PROXY header. */
  readonly proxyFrom: readonly IpPrefix[];
  readonly domain: string;
  readonly pops: readonly PopConfig[];
  readonly log: Logger;
}

/** What changes while it runs. */
export interface RedirectLive {
  view(): SteerView;
  parts(): { readonly sites: ReadonlyMap<string, Site> };
}

/** The 302 router of a router's options; undefined if they have none. */
export function redirectService(
  options: Omit<RedirectOptions, "config" | "proxyFrom"> & {
    readonly service: Pick<RouterConfig, "http" | "proxy">;
  },
  live: RedirectLive,
  metrics: Metrics,
): RedirectService | undefined {
  const { http: config, proxy } = options.service;
  if (config === undefined) return undefined;
  return new RedirectService({ ...options, config, proxyFrom: proxy?.from ?? [] }, live, metrics);
}

/** Limits of connections; clients of untrusted proxies share an address. */
const LIMITS = {
  connectionsMax: 4_096,
  connectionsPerClientMax: 256,
  /** The longest time between two whole heads of requests, and for one to arrive. */
  idleMs: 5_000,
};

/** Octets of a request's head. */
const HEAD_BYTES_MAX = 16 * 2 ** 10;

const STATUS: Readonly<Record<RedirectRefusal, number>> = {
  method: 405,
  "bad-request": 400,
  "too-long": 414,
  "unknown-host": 404,
  "nobody-up": 503,
};

const TEXT: Readonly<Record<RedirectRefusal, string>> = {
  method: "only GET and HEAD are redirected",
  "bad-request": "no request for a path of one host",
  "too-long": "the path is too long",
  "unknown-host": "no site has this host",
  "nobody-up": "no edge can serve this now",
};

/**
 * Redirects HTTP requests to edges, on ports of its own: what `decideRedirect` says of each, by the
 * map and the health that DNS answers by at the moment.
 */
export class RedirectService {
  readonly #options: RedirectOptions;
  readonly #live: RedirectLive;
  readonly #metrics: Metrics;
  readonly #ports: ReadonlyMap<string, number>;
  readonly #server: Server;
  readonly #connections = new Map<Socket, Connection>();
  readonly #redirected;
  readonly #refused;
  #hosts: { readonly of: ReadonlyMap<string, Site>; readonly hosts: RedirectHosts } | undefined;
  #listeners: readonly StreamListener[] = [];

  constructor(options: RedirectOptions, live: RedirectLive, metrics: Metrics) {
    this.#options = options;
    this.#live = live;
    this.#metrics = metrics;
    this.#ports = edgePorts(options.pops);
    this.#redirected = metrics.counter("dns_redirects_total");
    this.#refused = metrics.counter("dns_redirect_refusals_total");
    metrics.onScrape("dns_redirect_connections", () => [
      [{}, this.#listeners.reduce((sum, listener) => sum + listener.connections(), 0)],
    ]);
    this.#server = createServer({ maxHeaderSize: HEAD_BYTES_MAX, keepAliveTimeout: LIMITS.idleMs });
    this.#server.on("request", (request, response) => this.#serve(request, response));
  }

  /** Binds every port, or none of them: rejects with a ListenError. */
  async start(): Promise<void> {
    const { config, proxyFrom, log } = this.#options;
    const refusals = this.#metrics.counter("dns_refusals_total");
    const onRefusal = (reason: string) => refusals.add({ transport: "http", reason });
    const common = { purpose: "redirects by HTTP", limits: LIMITS, proxyFrom, log, onRefusal };
    for (const listen of config.listen) {
      const listener = await acceptConnections({ ...common, listen }, (accepted) =>
        this.#take(accepted, () => onRefusal("idle")),
      );
      this.#listeners = [...this.#listeners, listener];
    }
  }

  /** The ports by name: `http`, and with a number where there are several. */
  addresses(): Readonly<Record<string, SocketAddress>> {
    return Object.fromEntries(
      this.#listeners.map(({ address }, index) => [
        index === 0 ? "http" : `http${index + 1}`,
        address,
      ]),
    );
  }

  /** Takes no new connection; requests under way have until the deadline. */
  async stop(deadlineMs: number): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.close(deadlineMs)));
  }

  #take(accepted: AcceptedConnection, onIdle: () => void): EndConnection {
    const { socket } = accepted;
    const connection = new Connection(accepted, onIdle);
    this.#connections.set(socket, connection);
    socket.once("close", () => this.#connections.delete(socket));
    this.#server.emit("connection", socket);
    return () => connection.end();
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#connections.get(request.socket);
    if (connection === undefined) {
      request.socket.destroy();
      return;
    }
    connection.noteRequest(response);
    try {
      this.#answer(request, response, connection.peer);
    } catch (error) {
      this.#options.log.error({ event: "redirect-failed", err: error });
      send(request, response, { status: 500, text: "the request could not be answered" });
    }
  }

  #answer(request: IncomingMessage, response: ServerResponse, peer: IpBytes): void {
    const { config, domain } = this.#options;
    const view = this.#live.view();
    const field = request.headersDistinct[config.clientField.toLowerCase()]?.join(",");
    const redirect = decideRedirect(
      {
        method: request.method ?? "",
        hosts: request.headersDistinct.host ?? [],
        target: request.url ?? "",
        client: clientAddress(peer, field, config),
      },
      { domain, hosts: this.#hostsNow(), ports: this.#ports, view },
    );
    if (redirect.kind === "refused") {
      const { reason } = redirect;
      this.#refused.add({ reason });
      const fields: OutgoingHttpHeaders = {
        ...(reason === "method" ? { allow: "GET, HEAD" } : {}),
        ...(reason === "nobody-up" ? { "retry-after": String(view.ttlSeconds) } : {}),
      };
      return send(request, response, { status: STATUS[reason], text: TEXT[reason], fields });
    }
    if (wantsJson(request.headers.accept)) {
      const { kind: _, ...decision } = redirect;
      const fields = { "content-type": "application/json" };
      return send(request, response, { status: 200, text: JSON.stringify(decision), fields });
    }
    const { location, site, pop = "none", reason } = redirect;
    this.#redirected.add({ site, pop, reason });
    send(request, response, { status: 302, text: location, fields: { location } });
  }

  #hostsNow(): RedirectHosts {
    const { sites } = this.#live.parts();
    if (this.#hosts?.of !== sites) {
      const hosts = redirectHosts(sites.values(), this.#options.domain);
      this.#hosts = { of: sites, hosts };
    }
    return this.#hosts.hosts;
  }
}

/** What is known of one connection while requests come in on it. */
class Connection {
  readonly peer: IpBytes;
  readonly #accepted: AcceptedConnection;
  readonly #onIdle: () => void;
  #response: ServerResponse | undefined;
  #timer: NodeJS.Timeout;

  constructor(accepted: AcceptedConnection, onIdle: () => void) {
    this.peer = accepted.peer;
    this.#accepted = accepted;
    this.#onIdle = onIdle;
    this.#timer = this.#startTimer();
    accepted.socket.once("close", () => clearTimeout(this.#timer));
  }

  /** A whole head has come: nothing else keeps a connection open. */
  noteRequest(response: ServerResponse): void {
    this.#response = response;
    clearTimeout(this.#timer);
    this.#timer = this.#startTimer();
    this.#accepted.onQuery();
  }

  /** Lets the answer that is on its way arrive. */
  end(): void {
    const { socket } = this.#accepted;
    const close = () => socket.destroySoon();
    if (this.#response?.writableFinished === false) this.#response.once("finish", close);
    else close();
  }

  #startTimer(): NodeJS.Timeout {
    return setTimeout(() => {
      this.#onIdle();
      this.#accepted.socket.destroy();
    }, LIMITS.idleMs);
  }
}

/** True if media ranges name JSON (RFC 9110 section 12.5.1); one for everything is not meant. */
function wantsJson(accept = ""): boolean {
  return accept
    .toLowerCase()
    .split(",")
    .some((range) => /^\s*application\/json\s*(?:;(?!.*\bq=0(?:\.0*)?\s*$)|$)/.test(range));
}

/** Answers. What is chosen for one client is of no use to the next, so nobody may store it. */
function send(
  request: IncomingMessage,
  response: ServerResponse,
  answer: { readonly status: number; readonly text: string; readonly fields?: OutgoingHttpHeaders },
): void {
  const body = Buffer.from(`${answer.text}\n`);
  const { headers } = request;
  const hasBody =
    headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
  response.writeHead(answer.status, {
    "content-type": "text/plain; charset=utf-8",
    "content-length": body.length,
    "cache-control": "no-store",
    // Whatever else is sent would have to be read to its end.
    ...(hasBody ? { connection: "close" } : {}),
    ...answer.fields,
  });
  response.end(request.method === "HEAD" ? undefined : body);
}
