import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { SocketAddress } from "../common/address.ts";
import { startAdminServer } from "../common/admin-server.ts";
import { background } from "../common/background.ts";
import { type Clock, systemClock } from "../common/clock.ts";
import type { RunningDaemon } from "../common/daemon.ts";
import { listenTcp } from "../common/listen.ts";
import type { Logger } from "../common/log.ts";
import { Metrics } from "../common/metrics.ts";
import type { Ask } from "./answer.ts";
import { answerAsk, routeFor } from "./routes.ts";
import { sendAnswer } from "./send.ts";

/** Longer than clients keep idle connections, so that we never close one under a request. */
const KEEP_ALIVE_MS = 75_000;

/** What the origin needs to run. */
export interface OriginOptions {
  readonly listen: SocketAddress;
  /** Health and metrics; left out: none. */
  readonly admin?: SocketAddress;
  readonly log: Logger;
  readonly clock?: Clock;
}

/**
 * Starts the demo origin: a small site, and one route for each thing that a cache must get right.
 * Every answer carries `X-Origin-Request`, the number of the request that made it. Rejects with a
 * ListenError when a port cannot be bound.
 */
export async function startOrigin(options: OriginOptions): Promise<RunningDaemon> {
  const stopping = new AbortController();
  const metrics = new Metrics("origin");
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS });
  server.on("request", makeListener(options, metrics, stopping.signal));
  const addresses: Record<string, SocketAddress> = {
    http: await listenTcp(server, options.listen, "origin"),
  };
  let draining = false;
  let closeAdmin = async () => {};
  if (options.admin !== undefined) {
    const admin = await startAdminServer(options.admin, {
      metrics,
      readiness: () => (draining ? { ready: false, reason: "stopping" } : { ready: true }),
    }).catch((error: unknown) => {
      server.close();
      throw error;
    });
    addresses["admin"] = admin.address;
    closeAdmin = () => admin.close();
  }
  let stopped: Promise<void> | undefined;
  const stop = async (deadlineMs: number): Promise<void> => {
    draining = true;
    await closeServer(server, deadlineMs, stopping);
    await closeAdmin();
  };
  return {
    name: "origin",
    addresses,
    stop: (deadlineMs) => (stopped ??= stop(deadlineMs)),
  };
}

function makeListener(
  options: OriginOptions,
  metrics: Metrics,
  stopping: AbortSignal,
): (request: IncomingMessage, response: ServerResponse) => void {
  const { log, clock = systemClock } = options;
  const answered = metrics.counter("origin_requests_total");
  const tally = new Tally();
  return (request, response) => {
    const url = parseTarget(request);
    const route = routeFor(url.pathname);
    const method = request.method ?? "GET";
    const counts = tally.count(route === undefined ? "none" : route.path, method);
    const ask: Ask = {
      ...counts,
      method,
      path: url.pathname,
      query: url.searchParams,
      field: (name) => request.headersDistinct[name]?.join(", "),
      fieldLines: pairs(request.rawHeaders),
      now: clock.now(),
    };
    const left = new AbortController();
    response.on("close", () => {
      left.abort();
      // A request that hangs until its client leaves has no status.
      if (response.headersSent) answered.add({ code: statusClass(response.statusCode) });
    });
    response.on("error", () => left.abort());
    request.resume();
    response.setHeader("X-Origin-Request", String(ask.serial));
    const answer = answerAsk(route, ask);
    log.debug({ event: "request", method, path: url.pathname, status: answer.status });
    const signal = AbortSignal.any([stopping, left.signal]);
    background(log, "origin answer", sendAnswer(response, answer, signal));
  };
}

function statusClass(status: number): string {
  return `${Math.floor(status / 100)}xx`;
}

/** Counts requests: all of them, and for each route all and those that write. */
class Tally {
  #serial = 0;
  readonly #turns = new Map<string, number>();
  readonly #writes = new Map<string, number>();

  /** `path` is one of the route table or "none", which bounds the maps. */
  count(path: string, method: string): Pick<Ask, "serial" | "turn" | "writes"> {
    this.#serial += 1;
    const turn = (this.#turns.get(path) ?? 0) + 1;
    this.#turns.set(path, turn);
    const writes = (this.#writes.get(path) ?? 0) + (method === "POST" ? 1 : 0);
    this.#writes.set(path, writes);
    return { serial: this.#serial, turn, writes };
  }
}

/** What does not parse as a target gets the 404 that "*" gets. */
function parseTarget(request: IncomingMessage): URL {
  return URL.parse(request.url ?? "/", "http://origin") ?? new URL("http://origin/*");
}

function pairs(flat: readonly string[]): (readonly [string, string])[] {
  return Array.from({ length: flat.length / 2 }, (_, i) => [
    flat[2 * i] ?? "",
    flat[2 * i + 1] ?? "",
  ]);
}

/** Lets requests finish until the deadline, then ends them. */
function closeServer(server: Server, deadlineMs: number, stopping: AbortController): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      stopping.abort();
      server.closeAllConnections();
    }, deadlineMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
