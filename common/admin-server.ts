import { createServer, type ServerResponse } from "node:http";
import type { SocketAddress } from "./address.ts";
import { listenTcp } from "./listen.ts";
import type { Metrics } from "./metrics.ts";

/** Whether a daemon should be sent traffic, and if not, why. */
export type Readiness =
  | { readonly ready: true }
  | { readonly ready: false; readonly reason: string };

/** What the admin port answers with. */
export interface AdminSources {
  readonly metrics: Pick<Metrics, "expose">;
  readonly readiness: () => Readiness;
  /** Further paths that answer GET with JSON, such as `/explain`. What they throw becomes a 500. */
  readonly routes?: Readonly<Record<string, AdminRoute>>;
}

/** One path of the admin port. */
export type AdminRoute = (query: URLSearchParams) => AdminAnswer | Promise<AdminAnswer>;

/** The JSON answer of an admin route. */
export interface AdminAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** A listening admin port. */
export interface AdminServer {
  readonly address: SocketAddress;
  close(): Promise<void>;
}

/**
 * Serves `/healthz` (alive), `/readyz` (200, or 503 and the reason) and `/metrics` (Prometheus
 * text) on a port of its own. Rejects with a named error when the port cannot be bound.
 */
export async function startAdminServer(
  listen: SocketAddress,
  sources: AdminSources,
): Promise<AdminServer> {
  const server = createServer((request, response) => {
    const [path = "/", query = ""] = (request.url ?? "/").split("?", 2);
    const route = sources.routes?.[path];
    if (request.method !== "GET" && request.method !== "HEAD") {
      sendText(response, 405, "only GET and HEAD\n");
    } else if (path === "/healthz") {
      sendText(response, 200, "ok\n");
    } else if (path === "/readyz") {
      const state = sources.readiness();
      sendText(response, state.ready ? 200 : 503, state.ready ? "ready\n" : `${state.reason}\n`);
    } else if (path === "/metrics") {
      sources.metrics.expose().then(
        ({ body, contentType }) => sendText(response, 200, body, contentType),
        (error: unknown) => sendText(response, 500, `metrics failed: ${String(error)}\n`),
      );
    } else if (route !== undefined) {
      sendRoute(response, route, new URLSearchParams(query));
    } else {
      const paths = ["/healthz", "/readyz", "/metrics", ...Object.keys(sources.routes ?? {})];
      sendText(response, 404, `this port has ${paths.join(", ")}\n`);
    }
  });
  const address = await listenTcp(server, listen, "admin port");
  return {
    address,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function sendRoute(response: ServerResponse, route: AdminRoute, query: URLSearchParams): void {
  const send = (status: number, body: unknown) =>
    sendText(response, status, `${JSON.stringify(body)}\n`, "application/json");
  Promise.try(route, query).then(
    ({ status, body }) => send(status, body),
    (error: unknown) => send(500, { error: String(error) }),
  );
}

function sendText(
  response: ServerResponse,
  status: number,
  body: string,
  contentType = "text/plain; charset=utf-8",
): void {
  response.writeHead(status, {
    "content-type": contentType,
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
  });
  response.end(body);
}
