import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTcpServer, type Socket } from "node:net";
import type { SocketAddress } from "../../common/address.ts";
import type { Clock } from "../../common/clock.ts";
import type { Site } from "../../common/config/site.ts";
import type { RunningDaemon } from "../../common/daemon.ts";
import { listenTcp } from "../../common/listen.ts";
import { silentLogger } from "../../common/log.ts";
import { type EdgeOptions, startEdge } from "../../edge/server.ts";
import { type FetchedResponse, type FetchOptions, fetchAt } from "../support/http.ts";
import type { Scope } from "../support/scope.ts";

const ANY_PORT: SocketAddress = { host: "127.0.0.1", port: 0 };

/** How long an edge of a test may take to stop before its connections are cut. */
const STOP_MS = 200;

/** Who reads plain requests: `MERIDIAN_TEST_LANE=off` leaves it to `node:http`. */
const FAST_LANE = process.env["MERIDIAN_TEST_LANE"] !== "off";

/** An origin made for one test. */
export interface TestOrigin {
  readonly url: string;
  /** `METHOD path` of each request, in order. */
  readonly seen: string[];
  /** The requests themselves, for their fields. */
  readonly requests: IncomingMessage[];
  /** Connections that are open now. */
  readonly sockets: ReadonlySet<Socket>;
}

/** Starts an HTTP origin that answers with `handler`. */
export async function startOrigin(
  scope: Scope,
  handler: (request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<TestOrigin> {
  const seen: string[] = [];
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    requests.push(request);
    handler(request, response);
  });
  const sockets = trackSockets(server);
  const { port } = await listenTcp(server, ANY_PORT, "test origin");
  scope.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${port}`, seen, requests, sockets };
}

/** Starts an origin that speaks whatever bytes `onConnection` writes. */
export async function startRawOrigin(
  scope: Scope,
  onConnection: (socket: Socket, number: number) => void,
): Promise<{ readonly url: string; readonly sockets: ReadonlySet<Socket> }> {
  let number = 0;
  const server = createTcpServer((socket) => {
    socket.on("error", () => {});
    number += 1;
    onConnection(socket, number);
  });
  const sockets = trackSockets(server);
  const { port } = await listenTcp(server, ANY_PORT, "raw test origin");
  scope.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { url: `http://127.0.0.1:${port}`, sockets };
}

/** An edge of a test, and short ways to ask it. */
export interface TestEdge {
  readonly daemon: RunningDaemon;
  readonly at: SocketAddress;
  readonly admin: SocketAddress;
  get(path: string, options?: Omit<FetchOptions, "at">): Promise<FetchedResponse>;
  /** The value of one metric line, such as `meridian_edge_store_objects{tier="memory"`. */
  metric(prefix: string): Promise<number>;
}

/** What a test wants to be different from a plain quick-mode edge. */
export interface TestEdgeOptions extends Partial<Omit<EdgeOptions, "sites">> {
  readonly origins: readonly string[];
  readonly site?: Partial<Omit<Site, "origin">>;
  readonly timeouts?: Partial<Omit<Site["origin"], "urls">>;
  readonly originTls?: NonNullable<Site["origin"]["tls"]>;
  readonly clock?: Clock;
}

/** A site with this origin and short deadlines. */
export function aSite(options: Pick<TestEdgeOptions, "origins" | "site" | "timeouts">): Site {
  return {
    name: "shop",
    hosts: ["shop.example"],
    slices: { enabled: true, size: 2 ** 20 },
    rules: [],
    allDown: "serve-all",
    ...options.site,
    origin: {
      urls: [...options.origins],
      connectTimeout: 1_000,
      firstByteTimeout: 5_000,
      idleTimeout: 5_000,
      ...options.timeouts,
    },
  };
}

/** Starts an edge in front of the given origins. Its scope stops it. */
export async function startTestEdge(scope: Scope, options: TestEdgeOptions): Promise<TestEdge> {
  const { origins, site, timeouts, originTls, ...rest } = options;
  const origin = { ...timeouts, ...(originTls === undefined ? {} : { tls: originTls }) };
  const daemon = await startEdge({
    name: "test-1",
    pop: "test",
    cdnDomain: "cdn.test",
    listen: ANY_PORT,
    admin: ANY_PORT,
    memoryBytes: 64 * 2 ** 20,
    capacityBitsPerSecond: 1e9,
    profile: "safe",
    anyHost: false,
    log: silentLogger,
    fastLane: FAST_LANE,
    ...rest,
    sites: [
      aSite({
        origins,
        ...(site === undefined ? {} : { site }),
        timeouts: origin,
      }),
    ],
  });
  scope.after(() => daemon.stop(STOP_MS));
  const { http: at = ANY_PORT, admin = ANY_PORT } = daemon.addresses;
  return {
    daemon,
    at,
    admin,
    get: (path, fetchOptions) => fetchAt(`http://shop.example${path}`, { at, ...fetchOptions }),
    async metric(prefix) {
      const { body } = await fetchAt("http://admin/metrics", { at: admin });
      const line = body
        .toString()
        .split("\n")
        .find((text) => text.startsWith(prefix));
      return Number(line?.split(" ").at(-1) ?? 0);
    },
  };
}

function trackSockets(server: {
  on(event: "connection", listener: (socket: Socket) => void): void;
}) {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  return sockets;
}
