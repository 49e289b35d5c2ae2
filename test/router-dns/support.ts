import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { SocketAddress } from "../../common/address.ts";
import { routerSchema } from "../../common/config/router.ts";
import { type LoadConfig, loadSchema, type PopConfig } from "../../common/config/schema.ts";
import type { RunningDaemon } from "../../common/daemon.ts";
import { silentLogger } from "../../common/log.ts";
import { type RouterOptions, startRouter } from "../../router-dns/server.ts";
import type { ServiceConfig } from "../../router-dns/service.ts";
import type { Scope } from "../support/scope.ts";

/** Places of the five PoPs that tests use. */
export const FIVE = {
  syd: [-33.87, 151.21],
  fra: [50.11, 8.68],
  iad: [39.04, -77.49],
  nrt: [35.76, 140.39],
  gru: [-23.44, -46.47],
} as const satisfies Readonly<Record<string, readonly [number, number]>>;

/** A small real edge: answers its health check for its own name, and can be killed and revived. */
export class FakeEdge {
  readonly host: string;
  readonly hostsSeen = new Set<string>();
  #server: Server | undefined;
  #port = 0;

  constructor(host: string) {
    this.host = host;
  }

  get port(): number {
    return this.#port;
  }

  /** Starts listening, the second time on the same port. */
  start(): Promise<void> {
    const server = createServer((request, response) => {
      this.hostsSeen.add(request.headers.host ?? "");
      if (this.isStuck) return;
      response.writeHead(request.url === "/healthz" ? 200 : 404).end();
    });
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, this.host, () => {
        this.#port = (server.address() as AddressInfo).port;
        resolve();
      });
    });
  }

  /** Accepts connections from now on and says nothing, as one does that is stuck or cut off. */
  isStuck = false;

  /** Refuses connections from now on, as a dead process does. */
  kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    return new Promise((resolve) => {
      if (server === undefined) return resolve();
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }
}

/** Starts one edge for each PoP of FIVE, at 127.0.20.1 and on, each on a port of its own. */
export async function startFiveEdges(scope: Scope): Promise<Readonly<Record<string, FakeEdge>>> {
  const edges: Record<string, FakeEdge> = {};
  for (const [index, pop] of Object.keys(FIVE).entries()) {
    const edge = new FakeEdge(`127.0.20.${index + 1}`);
    scope.after(() => edge.kill());
    await edge.start();
    edges[pop] = edge;
  }
  return edges;
}

/** The configuration of PoPs with one edge each: `<pop>-1`. */
export function fivePops(edges: Readonly<Record<string, FakeEdge>>): PopConfig[] {
  return Object.entries(FIVE).map(([name, location]) => ({
    name,
    location: [...location],
    edges: [edgeConfig(`${name}-1`, edges[name]?.host ?? "127.0.0.1", edges[name]?.port ?? 8080)],
  }));
}

/** An edge of a configuration, defaults filled in. */
export function edgeConfig(name: string, address: string, port = 8080): PopConfig["edges"][number] {
  return { name, address, port, capacity: 1e9, memory: 2 ** 20 };
}

/** A site of a configuration, defaults filled in. */
export function siteConfig(
  name: string,
  allDown: RouterOptions["sites"][number]["allDown"] = "serve-all",
): RouterOptions["sites"][number] {
  return {
    name,
    hosts: [],
    origin: {
      urls: ["http://127.0.0.1:9"],
      connectTimeout: 1000,
      firstByteTimeout: 1000,
      idleTimeout: 1000,
    },
    slices: { enabled: true, size: 2 ** 20 },
    rules: [],
    allDown,
  };
}

/** How load is spread by default, with what a test says in the words of a configuration. */
export function loadConfig(input: Parameters<typeof loadSchema.parse>[0] = {}): LoadConfig {
  return loadSchema.parse(input);
}

/** How a router serves by default, with what a test says in the words of a configuration. */
export function serviceConfig(input: Parameters<typeof routerSchema.parse>[0] = {}): ServiceConfig {
  return routerSchema.parse(input);
}

/** Starts a router for `kingcdn.test` on free ports, with what a test says in place of defaults. */
export async function startTestRouter(
  scope: Scope,
  options: Partial<RouterOptions> & Pick<RouterOptions, "pops">,
): Promise<{
  readonly router: RunningDaemon;
  readonly dns: SocketAddress;
  readonly admin: SocketAddress;
}> {
  const router = await startRouter({
    name: "router",
    listen: [{ host: "127.0.0.1", port: 0 }],
    admin: { host: "127.0.0.1", port: 0 },
    service: serviceConfig(),
    domain: "kingcdn.test",
    nameservers: [{ name: "ns1.kingcdn.test", address: "127.0.0.1" }],
    ttlSeconds: 20,
    answers: 4,
    load: loadConfig(),
    latency: { marginMs: 10 },
    health: { interval: 500, timeout: 1000, rise: 2, fall: 3 },
    probe: { kind: "http", path: "/healthz", expect: [200] },
    geo: {},
    zoneFiles: [],
    sites: [siteConfig("netcinema")],
    anyName: false,
    log: silentLogger,
    ...options,
  });
  scope.after(() => router.stop(500));
  const { dns, admin } = router.addresses;
  if (dns === undefined || admin === undefined) throw new Error("a router has both addresses");
  return { router, dns, admin };
}
