import { createServer as createHttpServer, type IncomingMessage } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import {
  formatSocketAddress,
  parseSocketAddress,
  type SocketAddress,
} from "../../common/address.ts";
import { type Clock, systemClock } from "../../common/clock.ts";
import type { RunningDaemon } from "../../common/daemon.ts";
import { listenTcp } from "../../common/listen.ts";
import type { Logger } from "../../common/log.ts";
import { regionOf, roundTripMs, type WanPlan } from "./plan.ts";
import { connectFar, relay } from "./relay.ts";

/** Connections that one listener carries at once; more are refused. */
const CONNECTIONS_MAX = 4_096;

/** What the relay needs to run. */
export interface WanOptions {
  readonly plan: WanPlan;
  readonly log: Logger;
  readonly clock?: Clock;
}

/**
 * Starts the wide area network of a plan: relays that are as slow as the distance between who asks
 * and whom they ask, and one proxy for each vantage. Addresses are named `relay-<n>` and
 * `vantage-<region>`. Rejects with a ListenError when a port cannot be bound.
 */
export async function startWan(options: WanOptions): Promise<RunningDaemon> {
  const { plan, log, clock = systemClock } = options;
  const listeners = new Listeners();
  try {
    for (const [index, { listen, to }] of plan.relays.entries()) {
      await listeners.add(`relay-${index}`, makeRelay(plan, to, clock), listen);
    }
    for (const { region, listen } of plan.vantages) {
      await listeners.add(`vantage-${region}`, makeVantage(plan, region, { clock, log }), listen);
    }
  } catch (error) {
    await listeners.close();
    throw error;
  }
  let stopped: Promise<void> | undefined;
  return {
    name: "wan",
    addresses: listeners.addresses,
    stop: () => (stopped ??= listeners.close()),
  };
}

/** A TCP port that leads to one service of another region. */
function makeRelay(plan: WanPlan, target: SocketAddress, clock: Clock): Server {
  const targetRegion = regionOf(plan, target.host);
  return createServer({ allowHalfOpen: true, pauseOnConnect: true }, (near) => {
    const distanceMs = roundTripMs(plan, regionOf(plan, near.remoteAddress ?? ""), targetRegion);
    near.on("error", () => {});
    const openAtMs = clock.monotonic() + distanceMs;
    connectFar(target, distanceMs, clock, (far) => {
      if (far === undefined) near.resetAndDestroy();
      else if (near.destroyed) far.destroy();
      else relay({ near, far, roundTripMs: distanceMs, clock, openAtMs });
    });
  });
}

/** An HTTP proxy that stands in a region: CONNECT leads to any address of the plan. */
function makeVantage(
  plan: WanPlan,
  region: string,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Server {
  const server = createHttpServer((_request, response) => {
    const text = describeVantage(plan, region);
    response.writeHead(200, {
      "content-type": "text/plain; charset=utf-8",
      "content-length": Buffer.byteLength(text),
    });
    response.end(text);
  });
  server.on("connect", (request: IncomingMessage, near: Socket, head: Buffer) => {
    near.on("error", () => {});
    const target = parseSocketAddress(request.url ?? "");
    const targetRegion = target.ok ? regionOf(plan, target.value.host) : undefined;
    if (!target.ok || targetRegion === undefined) {
      const reason = "only to an address and port of a region of this network\n";
      near.end(proxyAnswer("403 Forbidden", reason));
      return;
    }
    const distanceMs = roundTripMs(plan, region, targetRegion);
    log.debug({
      event: "connect",
      from: region,
      to: formatSocketAddress(target.value),
      distanceMs,
    });
    if (head.length > 0) near.unshift(head);
    connectFar(target.value, distanceMs, clock, (far) => {
      if (far === undefined) {
        near.end(proxyAnswer("502 Bad Gateway", "nobody there\n"));
      } else if (near.destroyed) {
        far.destroy();
      } else {
        near.write("HTTP/1.1 200 Connection established\r\n\r\n");
        relay({ near, far, roundTripMs: distanceMs, clock });
      }
    });
  });
  return server;
}

function proxyAnswer(status: string, text: string): string {
  return `HTTP/1.1 ${status}\r\nContent-Type: text/plain\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
}

/** What a vantage says about itself to who asks it for a page (P). */
export function describeVantage(plan: WanPlan, region: string): string {
  const lines = Object.entries(plan.regions).map(([name, { title }]) => {
    const ms = roundTripMs(plan, region, name);
    return `${name.padEnd(6)}${title.padEnd(14)}${String(ms).padStart(4)} ms`;
  });
  const here = plan.regions[region]?.title ?? region;
  return `A client that uses this proxy stands in ${here}. Round trips from here:\n\n${lines.join("\n")}\n`;
}

/** Everything that listens, and every connection that was accepted. */
class Listeners {
  readonly addresses: Record<string, SocketAddress> = {};
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();

  async add(name: string, server: Server, listen: SocketAddress): Promise<void> {
    server.maxConnections = CONNECTIONS_MAX;
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    this.addresses[name] = await listenTcp(server, listen, name);
    this.#servers.push(server);
  }

  async close(): Promise<void> {
    const closed = this.#servers.map((server) => new Promise((resolve) => server.close(resolve)));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }
}
