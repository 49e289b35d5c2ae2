import { randomUUID } from "node:crypto";
import Fastify, { type FastifyError, type FastifyReply } from "fastify";
import type { z } from "zod";
import type { SocketAddress } from "../common/address.ts";
import { startAdminServer } from "../common/admin-server.ts";
import { type Clock, systemClock } from "../common/clock.ts";
import type { RunningDaemon } from "../common/daemon.ts";
import { boundAddress, ListenError } from "../common/listen.ts";
import type { Logger } from "../common/log.ts";
import { Metrics } from "../common/metrics.ts";
import { systemRandom } from "../common/random.ts";
import type { SealingKey } from "../common/sealed.ts";
import { Follower } from "../state/follower.ts";
import { type StateStore, StateUnavailableError } from "../state/store.ts";
import { Access, type AccessPolicy } from "./access/access.ts";
import { guardRoutes } from "./access/guard-routes.ts";
import { type AcmeSettings, Issuer } from "./acme/issuer.ts";
import { addCertificateRoutes } from "./api/certificates.ts";
import { addChangeRoutes } from "./api/changes.ts";
import type { ApiContext, ApiServer, ControlConfig } from "./api/context.ts";
import { addDemoRoutes, addEdgeRoutes } from "./api/edges.ts";
import { ApiError, invalidError } from "./api/errors.ts";
import { addExplainRoutes } from "./api/explain.ts";
import { addLatencyRoutes, type CheckRoundTrips } from "./api/latency.ts";
import { addObjectRoutes } from "./api/objects.ts";
import { addOpenApi } from "./api/openapi.ts";
import { addPurgeRoutes } from "./api/purge.ts";
import { PurgeTracker } from "./api/purge-tracker.ts";
import { addSiteRoutes } from "./api/sites.ts";
import { addStatusRoutes } from "./api/status.ts";
import { addTokenRoutes } from "./api/tokens.ts";
import type { DemoEdges } from "./demo-edges.ts";
import { addPageRoutes } from "./page.ts";
import { Seeder } from "./seed.ts";

/** A purge of 1,000 long URLs fits; nothing that is larger is meant seriously. */
const BODY_BYTES_MAX = 8 * 2 ** 20;
/** Time for a caller to send a whole request. */
const REQUEST_TIMEOUT_MS = 10_000;
/** Name under which the control server follows the log. */
const NODE_NAME = "control";

/** What the control server needs. */
export interface ControlOptions {
  readonly listen: SocketAddress;
  readonly admin: SocketAddress;
  readonly config: ControlConfig;
  readonly state: StateStore;
  /** Whom the API listens to. */
  readonly access: AccessPolicy;
  /** What private keys in the store are sealed with. */
  readonly sealingKey: SealingKey;
  /** How a table of measured round trips is read. */
  readonly checkRoundTrips: CheckRoundTrips;
  /** How certificates are got; left out: they are only put here. */
  readonly acme?: AcmeSettings;
  /** Only in the demo: edges that can be stopped and started. */
  readonly demo?: DemoEdges;
  readonly log: Logger;
  readonly clock?: Clock;
}

/** Starts the control API, its admin port and the console page. Rejects with a ListenError. */
export async function startControl(options: ControlOptions): Promise<RunningDaemon> {
  const { state: store, config, log, clock = systemClock } = options;
  const metrics = new Metrics("control");
  const latency = metrics.histogram("purge_latency_seconds");
  const edges = config.pops.flatMap((pop) => pop.edges.map((edge) => edge.name));
  const purges = new PurgeTracker({
    store,
    edges,
    clock,
    log,
    onApplied: (ms) => latency.observe({}, ms / 1_000),
  });
  const { sites } = config;
  const seeder = new Seeder({ store, sites, cdn: config, clock, log });
  const follower = followLog(options, clock, seeder);
  metrics.onScrape("state_up", () => [[{}, store.isUp() ? 1 : 0]]);
  metrics.onScrape("state_lag_versions", () => [[{}, follower.lag()]]);

  exposeCertificates(metrics, follower, clock);
  const issuer = makeIssuer(options, follower, { metrics, clock });

  const { demo } = options;
  const tokens = () => follower.view().tokens;
  const access = new Access({ policy: options.access, tokens, clock });
  const app = buildApi(
    {
      config,
      store,
      purges,
      clock,
      log,
      sealingKey: options.sealingKey,
      ...(demo === undefined ? {} : { demo }),
    },
    { metrics, access, checkRoundTrips: options.checkRoundTrips },
  );
  const api = await listenApi(app, options.listen);
  let admin: Awaited<ReturnType<typeof startAdminServer>>;
  try {
    admin = await startAdminServer(options.admin, {
      metrics,
      readiness: () => {
        if (!store.isUp()) return { ready: false, reason: "the state store does not answer" };
        return seeder.seeded ? { ready: true } : { ready: false, reason: "sites are not seeded" };
      },
    });
  } catch (error) {
    await app.close();
    throw error;
  }
  await seeder.run();
  follower.start();
  issuer?.start();

  const stop = async () => {
    seeder.stop();
    purges.stop();
    await issuer?.stop();
    await Promise.all([follower.stop(), app.close(), admin.close()]);
  };
  let stopping: Promise<void> | undefined;
  return {
    name: "control",
    addresses: { api, admin: admin.address },
    stop: (deadlineMs) => {
      stopping ??= withinDeadline(stop(), deadlineMs);
      return stopping;
    },
  };
}

/** What the API has besides the context of its calls. */
interface ApiParts extends Pick<ControlOptions, "checkRoundTrips"> {
  readonly metrics: Metrics;
  readonly access: Access;
}

/** What gets certificates, if the configuration names an authority. */
function makeIssuer(
  options: ControlOptions,
  follower: Follower,
  { metrics, clock }: { readonly metrics: Metrics; readonly clock: Clock },
): Issuer | undefined {
  const { acme, config, state: store, sealingKey, log } = options;
  if (acme === undefined) return undefined;
  const ended = metrics.counter("control_acme_certificates_total");
  const issuer = new Issuer({
    ...acme,
    ...(config.renewBeforeMs === undefined ? {} : { renewBeforeMs: config.renewBeforeMs }),
    domain: config.domain,
    holder: randomUUID(),
    store,
    sealingKey,
    view: () => follower.view(),
    isCurrent: () => follower.status() === "current",
    onEnd: (result) => ended.add({ result }),
    clock,
    random: systemRandom,
    log,
  });
  metrics.onScrape("control_acme_leader", () => [[{}, issuer.leads ? 1 : 0]]);
  return issuer;
}

function exposeCertificates(metrics: Metrics, follower: Follower, clock: Clock): void {
  metrics.onScrape("control_certificates", () => {
    const { certificates, orders } = follower.view();
    const all = [...certificates.values()];
    const ended = all.filter(({ notAfter }) => notAfter <= clock.now()).length;
    const awaited = [...orders.keys()].filter((name) => !certificates.has(name)).length;
    return [
      [{ state: "good" }, all.length - ended],
      [{ state: "ended" }, ended],
      [{ state: "awaited" }, awaited],
    ];
  });
  metrics.onScrape("control_certificate_expires_seconds", () => {
    const ends = [...follower.view().certificates.values()].map(({ notAfter }) => notAfter);
    return ends.length === 0 ? [] : [[{}, (Math.min(...ends) - clock.now()) / 1_000]];
  });
}

/** The API without its socket. */
function buildApi(context: ApiContext, { metrics, access, checkRoundTrips }: ApiParts): ApiServer {
  const app: ApiServer = Fastify({
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: true,
    // A path that is too long or not percent-encoded right is refused before there is a route.
    frameworkErrors: ({ message }, _call, reply: FastifyReply) => {
      const refusal = new ApiError("invalid", { message });
      reply.code(refusal.status).header("cache-control", "no-store").send(refusal.body);
    },
  });
  // Without the parser for text, what a web page can send without asking first is never read.
  app.removeContentTypeParser("text/plain");
  app.setValidatorCompiler<z.ZodType>(({ schema }) => (value: unknown) => {
    const result = schema.safeParse(value);
    return result.success ? { value: result.data } : { error: invalidError(result.error.issues) };
  });
  const requests = metrics.counter("control_requests_total");
  guardRoutes(app, access);
  addOpenApi(app);
  app.addHook("onResponse", async (call, reply) => {
    const method = KNOWN_METHODS.has(call.method) ? call.method : "other";
    requests.add({ method, code: `${Math.floor(reply.statusCode / 100)}xx` });
  });
  app.setErrorHandler((error: FastifyError, _call, reply) => {
    const refusal = asApiError(error, context);
    const { retryAfterSeconds } = refusal.body.error;
    if (retryAfterSeconds !== undefined) reply.header("retry-after", retryAfterSeconds);
    if (refusal.status === 401) reply.header("www-authenticate", 'Bearer realm="meridian"');
    return reply.code(refusal.status).header("cache-control", "no-store").send(refusal.body);
  });
  app.setNotFoundHandler((call, reply) => {
    const error = new ApiError("not-found", { message: `there is no ${call.method} ${call.url}` });
    return reply.code(error.status).send(error.body);
  });
  app.addHook("onSend", async (_call, reply) => {
    if (!reply.hasHeader("cache-control")) reply.header("cache-control", "no-store");
  });
  addPageRoutes(app);
  addSiteRoutes(app, context);
  addPurgeRoutes(app, context);
  addEdgeRoutes(app, context);
  addStatusRoutes(app, context);
  addChangeRoutes(app, context);
  addObjectRoutes(app, context);
  addExplainRoutes(app, context);
  addTokenRoutes(app, context);
  addCertificateRoutes(app, context);
  addLatencyRoutes(app, context, checkRoundTrips);
  if (context.demo !== undefined) addDemoRoutes(app, context, context.demo);
  return app;
}

const KNOWN_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "DELETE"]);

function asApiError(error: FastifyError | ApiError | Error, { store, log }: ApiContext): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof StateUnavailableError) {
    return new ApiError("state-unavailable", {
      message: `the state store (${store.kind}) does not answer: ${error.message}`,
      remedy: "Nothing is known to have changed. Edges go on serving; try again when it is back.",
    });
  }
  if (error instanceof ListenError) return new ApiError("unreachable", { message: error.message });
  const status = "statusCode" in error ? (error.statusCode ?? 500) : 500;
  if (status === 413) {
    return new ApiError("too-large", { message: `a body has at most ${BODY_BYTES_MAX} bytes` });
  }
  if (status === 415) return new ApiError("invalid", { message: "send application/json" });
  if (status < 500) return new ApiError("invalid", { message: error.message });
  log.error({ event: "api-failure", err: error });
  return new ApiError("internal", { message: "this is our own mistake: the log has the details" });
}

async function listenApi(app: ApiServer, listen: SocketAddress): Promise<SocketAddress> {
  try {
    await app.listen({ host: listen.host, port: listen.port });
  } catch (error) {
    await app.close();
    throw new ListenError("control API", listen, error as NodeJS.ErrnoException);
  }
  return boundAddress(app.server, listen);
}

/** Follows the log like every node does, and seeds again when the store has lost its data. */
function followLog(options: ControlOptions, clock: Clock, seeder: Seeder): Follower {
  const { log } = options;
  let isFirst = true;
  return new Follower({
    store: options.state,
    node: NODE_NAME,
    initialSites: options.config.sites,
    log,
    clock,
    onChange: () => {},
    onSnapshot: (view, historyLost) => {
      // The start seeds by itself; the first contact never knows what was before it.
      const isStart = isFirst;
      isFirst = false;
      if (!historyLost || isStart) return;
      log.warn({ event: "state-history-lost", epoch: view.epoch });
      seeder.run().catch((error: unknown) => log.error({ event: "seed-failed", err: error }));
    },
  });
}

async function withinDeadline(work: Promise<void>, deadlineMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, deadlineMs);
  await Promise.race([work, promise]);
  clearTimeout(timer);
}
