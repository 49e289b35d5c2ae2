import { createHash, randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { SocketAddress } from "../common/address.ts";
import { type AdminServer, type Readiness, startAdminServer } from "../common/admin-server.ts";
import type { CertificateFiles } from "../common/certificate.ts";
import { type Clock, systemClock } from "../common/clock.ts";
import type { AccessLogConfig } from "../common/config/access-log.ts";
import type { Site } from "../common/config/site.ts";
import type { RunningDaemon } from "../common/daemon.ts";
import { type IpPrefix, LOOPBACK_PREFIXES } from "../common/ip.ts";
import type { Logger } from "../common/log.ts";
import { Metrics } from "../common/metrics.ts";
import { SiteLabels } from "../common/site-labels.ts";
import { Follower } from "../state/follower.ts";
import { edgeNode } from "../state/records.ts";
import type { StateStore } from "../state/store.ts";
import { Doors } from "./accept/doors.ts";
import { CONNECTIONS_MAX, createListener, type Listener } from "./accept/listener.ts";
import { AccessLog } from "./access/access-log.ts";
import { HeartbeatSender } from "./admin/heartbeat.ts";
import { ObjectRecorder } from "./admin/object-records.ts";
import { OriginStates } from "./admin/origin-states.ts";
import { RequestMetrics } from "./admin/request-metrics.ts";
import { applyChange } from "./changes.ts";
import { type Encode, encodeInThreads } from "./coding/encode.ts";
import { EncodedForms } from "./coding/encoded-forms.ts";
import { EncodingJobs } from "./coding/encoding-jobs.ts";
import type { EdgeContext } from "./context.ts";
import { compressionFor, notEligible } from "./decide/encodable.ts";
import type { CacheProfile } from "./decide/storable.ts";
import { explainRequest } from "./explain.ts";
import { Fills } from "./fetch/collapse.ts";
import { announcedBytes } from "./fetch/fill-answer.ts";
import { OriginClient } from "./fetch/origin-client.ts";
import { OriginCertificates } from "./fetch/origin-tls.ts";
import { SlicedBodies } from "./fetch/sliced-bodies.ts";
import { buildSiteTable, hostName } from "./key/site.ts";
import { Lane } from "./lane/lane.ts";
import { RoundTripSender } from "./measure/round-trip-sender.ts";
import { listSockets } from "./measure/socket-list.ts";
import { cpuMicroseconds, ProcessMemory } from "./memory/process-memory.ts";
import { handleRequest } from "./pipeline.ts";
import { Protection } from "./protect/protection.ts";
import { Turns } from "./serve/turns.ts";
import { SitesInForce } from "./sites-in-force.ts";
import { type DiskOptions, openStorage, type Storage } from "./storage.ts";
import { Invalidations } from "./store/invalidations.ts";
import type { Store } from "./store/store.ts";
import type { SecuredConnection } from "./tls/entrance.ts";
import { type EdgeTlsOptions, TlsService } from "./tls/service.ts";
import { UpgradeProxy } from "./upgrade.ts";

export { DiskFolderError } from "./store/disk/disk-folder.ts";

/** How long the start waits for the state store before serving what the configuration says. */
const STATE_WAIT_MS = 2_000;

/** Sites with metrics of their own, where nothing else is said. */
const SITE_METRICS = 100;

/** How long a stop waits for the last lines of the access log to be written. */
const LOG_WAIT_MS = 2_000;

/** How an edge is set up. */
export interface EdgeOptions {
  readonly name: string;
  readonly pop: string;
  /** Sites are reached below it, and `<name>.edge.<cdn domain>` is this edge itself. */
  readonly cdnDomain?: string;
  readonly listen: SocketAddress;
  readonly admin: SocketAddress;
  /** How it serves over TLS; left out: it does not. */
  readonly tls?: EdgeTlsOptions;
  /** The budget for everything that is stored or arriving. */
  readonly memoryBytes: number;
  /** This edge is all that its process does: then `memoryBytes` is the budget of the process. */
  readonly ownsProcess?: boolean;
  /** Other edges run in this process: its processor time says nothing about this one's load. */
  readonly sharesProcess?: boolean;
  /** Left out: nothing outlives the process. */
  readonly disk?: DiskOptions;
  readonly capacityBitsPerSecond: number;
  /** True: round trips of clients are measured and told. Left out: they are not. */
  readonly measuresClients?: boolean;
  readonly profile: CacheProfile;
  /** In force until the state store says otherwise. */
  readonly sites: readonly Site[];
  /** Quick mode: the first site answers for every Host. */
  readonly anyHost: boolean;
  /** How long a site or host that is removed is served on; left out: not at all. */
  readonly keepRemovedMs?: number;
  readonly state?: StateStore;
  /** From where `PURGE` is accepted; left out: loopback. */
  readonly purgeFrom?: readonly IpPrefix[];
  /** File with the keys of signed URLs and cookies; left out: there are none. */
  readonly signingKeys?: string;
  /** Files of certificates to be shown to origins, by the names that sites call them by. */
  readonly originCertificates?: Readonly<Record<string, CertificateFiles>>;
  /** After how many milliseconds without a byte a connection is closed; left out: a minute. */
  readonly idleMs?: number;
  /** False: `node:http` reads all requests, as it does those that are not plain. For tests. */
  readonly fastLane?: boolean;
  readonly log: Logger;
  /** How many sites have metrics of their own; left out: 100. */
  readonly siteMetrics?: number;
  /** How requests are written down; left out: they are only counted. */
  readonly access?: AccessLogConfig;
  readonly clock?: Clock;
  /** How bodies are encoded; left out: in threads, by Node's own encoders. */
  readonly encode?: Encode;
}

/**
 * Starts one edge. Rejects with a ListenError when a port cannot be bound, with a DiskFolderError
 * when the folder of its disk cannot be used.
 */
export async function startEdge(options: EdgeOptions): Promise<RunningDaemon> {
  const edge = new Edge(options);
  try {
    await edge.start();
  } catch (error) {
    await edge.stop(0);
    throw error;
  }
  return edge;
}

/** The composition root of an edge: makes the parts, connects them, stops them in order. */
class Edge implements RunningDaemon {
  readonly name: string;
  addresses: Readonly<Record<string, SocketAddress>> = {};
  readonly #options: EdgeOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #metrics: Metrics;
  readonly #siteLabels: SiteLabels;
  readonly #context: EdgeContext;
  readonly #storage: Storage;
  readonly #memory: ProcessMemory | undefined;
  readonly #shown: OriginCertificates;
  readonly #origins: OriginClient;
  readonly #encodingJobs: EncodingJobs;
  readonly #sliced: SlicedBodies;
  readonly #listener: Listener;
  readonly #lane: Lane;
  readonly #doors: Doors;
  readonly #upgrades: UpgradeProxy;
  readonly #tls: TlsService | undefined;
  readonly #waiting = new WeakMap<Socket, () => boolean>();
  /** What was agreed on about connections that came over TLS. */
  readonly #secured = new WeakMap<Socket, SecuredConnection>();
  readonly #sites: SitesInForce;
  readonly #follower: Follower | undefined;
  readonly #heartbeats: HeartbeatSender | undefined;
  readonly #roundTrips: RoundTripSender | undefined;
  readonly #recorder: ObjectRecorder | undefined;
  #admin: AdminServer | undefined;
  #requestNumber = 0;
  #hasBeenCurrent = false;
  #state: "starting" | "serving" | "stopping" = "starting";
  #stopped: Promise<void> | undefined;

  constructor(options: EdgeOptions) {
    this.name = `edge ${options.name}`;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log.child({ edge: options.name });
    this.#metrics = new Metrics("edge", { edge: options.name, pop: options.pop });
    this.#storage = openStorage({
      memoryBytes: options.memoryBytes,
      disk: options.disk,
      identity: storedUnder(options),
      metrics: this.#metrics,
      clock: this.#clock,
      log: this.#log,
      onDropped: (object) => this.#recorder?.noteDropped(object),
    });
    this.#memory =
      options.ownsProcess === true
        ? new ProcessMemory(options.memoryBytes, this.#storage.memory, this.#clock)
        : undefined;
    this.#siteLabels = new SiteLabels(options.siteMetrics ?? SITE_METRICS);
    const origins = new OriginStates();
    origins.expose(this.#metrics, this.#siteLabels);
    const noteOrigin = origins.note.bind(origins);
    this.#shown = new OriginCertificates(options.originCertificates ?? {}, options.log);
    this.#origins = new OriginClient(this.#clock, noteOrigin, this.#shown);
    this.#encodingJobs = this.#makeEncodingJobs();
    this.#sliced = this.#makeSliced();
    this.#context = this.#makeContext();
    this.#upgrades = new UpgradeProxy(this.#context);
    this.#listener = this.#makeListener();
    this.#lane = this.#makeLane();
    this.#tls = this.#makeTls();
    this.#doors = this.#makeDoors();
    this.#sites = this.#makeSites();
    this.#follower = this.#makeFollower();
    this.#recorder = this.#makeRecorder();
    this.#heartbeats = this.#makeHeartbeats();
    this.#roundTrips = this.#makeRoundTrips();
    this.#exposeGauges();
  }

  async start(): Promise<void> {
    const { listen, admin, tls } = this.#options;
    this.#memory?.start(this.#log);
    this.#follower?.start();
    const isCurrent = await this.#follower?.ready(STATE_WAIT_MS);
    // Purges may have come while this edge was down: what it finds is confirmed before it is used.
    if (isCurrent === false && this.#storage.disk?.hasObjects) this.#store.purges.doubtAll();
    this.#admin = await startAdminServer(admin, {
      metrics: { expose: () => this.#expose() },
      readiness: () => this.#readiness(),
      routes: { "/explain": (query) => explainRequest(query, this.#context, this.#followed()) },
    });
    const http = await this.#doors.listen(listen);
    const https = tls === undefined ? undefined : await this.#doors.listenTls(tls.listen);
    this.#tls?.start();
    this.addresses = {
      http,
      ...(https === undefined ? {} : { https }),
      admin: this.#admin.address,
    };
    this.#state = "serving";
    this.#heartbeats?.start();
    this.#roundTrips?.start(http);
    this.#recorder?.start();
  }

  /** SIGHUP: somebody has moved the log away, or there are other keys or certificates. */
  async reload(): Promise<void> {
    this.#context.protection.readKeys();
    this.#shown.reload();
    this.#tls?.reload();
    await this.#context.access?.reopen();
  }

  stop(deadlineMs: number): Promise<void> {
    this.#stopped ??= this.#stop(deadlineMs);
    return this.#stopped;
  }

  async #stop(deadlineMs: number): Promise<void> {
    this.#state = "stopping";
    const closed = this.#doors.close(this.#clock);
    const cancel = this.#clock.after(deadlineMs, () => this.#cutOff());
    if (deadlineMs <= 0) this.#cutOff();
    await closed;
    cancel();
    this.#upgrades.closeAll();
    this.#context.fills.abortAll();
    this.#encodingJobs.stop();
    this.#sliced.abortAll();
    this.#origins.destroy();
    this.#tls?.stop();
    this.#heartbeats?.stop();
    this.#roundTrips?.stop();
    this.#recorder?.stop();
    this.#memory?.stop();
    await this.#follower?.stop();
    this.#sites.stop();
    await this.#admin?.close();
    await this.#storage.disk?.stop();
    await this.#context.access?.stop(LOG_WAIT_MS);
  }

  get #store(): Store {
    return this.#storage.store;
  }

  /** The time for finishing is over. */
  #cutOff(): void {
    this.#upgrades.closeAll();
    this.#listener.server.closeAllConnections();
    this.#lane.closeAll();
    this.#tls?.closeAll();
  }

  #makeContext(): EdgeContext {
    const { name, profile, sites, cdnDomain, anyHost, purgeFrom, tls } = this.#options;
    const own = cdnDomain === undefined ? [] : [hostName(`${name}.edge.${cdnDomain}`)];
    return {
      name,
      profile,
      clock: this.#clock,
      log: this.#log,
      store: this.#store,
      // What it remembers is not kept on disk: what is, counts as changed.
      invalidations: new Invalidations(
        undefined,
        this.#storage.disk?.hasObjects === true ? this.#clock.now() : undefined,
      ),
      origins: this.#origins,
      fills: this.#makeFills(),
      forms: new EncodedForms({
        store: this.#store,
        clock: this.#clock,
        jobs: this.#encodingJobs,
        saved: this.#metrics.counter("edge_encoded_saved_bytes_total"),
      }),
      sliced: this.#sliced,
      metrics: new RequestMetrics(this.#metrics, this.#siteLabels),
      access: this.#openAccessLog(),
      protection: this.#openProtection(),
      turns: new Turns(() => this.#clock.monotonic()),
      purgeFrom: purgeFrom ?? LOOPBACK_PREFIXES,
      ownHosts: new Set(own),
      tlsPort: tls?.port ?? tls?.listen.port ?? 443,
      sites: buildSiteTable(sites, { name, cdnDomain, anyHost }),
      challenges: new Map(),
      revalidateAll: () => this.#follower?.status() === "catching-up",
      notReady: () => this.#notServing(),
      nextRequestId: () => {
        this.#requestNumber += 1;
        return `${this.#run.slice(0, 8)}-${this.#requestNumber}`;
      },
      noteWaiting: (socket, isWaiting) => this.#waiting.set(socket, isWaiting),
    };
  }

  #openProtection(): Protection {
    const refused = this.#metrics.counter("edge_refused_total");
    return new Protection({
      keyFile: this.#options.signingKeys,
      log: this.#log,
      onRefused: (site, reason) => refused.add({ site: this.#siteLabels.of(site), reason }),
    });
  }

  #openAccessLog(): AccessLog | undefined {
    const { access, name: edge } = this.#options;
    if (access === undefined) return undefined;
    const sources = { edge, clock: this.#clock, log: this.#log, metrics: this.#metrics };
    return new AccessLog(access, sources);
  }

  /** Identity of this process: a new one means that the memory is empty. */
  readonly #run = randomUUID();

  #makeSliced(): SlicedBodies {
    const fills = this.#metrics.counter("edge_slice_fills_total");
    return new SlicedBodies(
      {
        store: this.#store,
        origins: this.#origins,
        log: this.#log,
        onRequestEnd: (site, result) => fills.add({ site: this.#siteLabels.of(site), result }),
      },
      this.#clock,
    );
  }

  #makeFills(): Fills {
    const fills = this.#metrics.counter("edge_fills_total");
    return new Fills({
      store: this.#store,
      origins: this.#origins,
      sliced: this.#sliced,
      needsWhole: (plan, response) =>
        notEligible(compressionFor(plan.site, plan.rule), {
          ...response,
          bodyBytes: announcedBytes(response),
        }) === undefined,
      clock: this.#clock,
      onFillEnd: (fill, result) => {
        fills.add({ site: this.#siteLabels.of(fill.plan.site.name), result });
      },
      onStored: (fill, response) => {
        const { key, url, site } = fill.plan;
        const bodyBytes = response.bodyBytes ?? 0;
        this.#recorder?.noteStored({ key, url, site: site.name, response, bodyBytes });
      },
    });
  }

  #makeEncodingJobs(): EncodingJobs {
    const jobs = this.#metrics.counter("edge_encode_jobs_total");
    const seconds = this.#metrics.histogram("edge_encode_seconds");
    return new EncodingJobs({
      store: this.#store,
      clock: this.#clock,
      log: this.#log,
      encode: this.#options.encode ?? encodeInThreads,
      onEnd: (coding, result, took) => {
        jobs.add({ coding, result });
        if (result !== "busy") seconds.observe({ coding }, took);
      },
    });
  }

  #makeListener(): Listener {
    const { idleMs } = this.#options;
    return createListener({
      ...(idleMs === undefined ? {} : { idleMs }),
      onRequest: (request, response) => this.#onRequest(request, response),
      onUpgrade: (request, socket, head) => {
        const secured = this.#secured.get(socket);
        this.#upgrades.pass(request, { socket, head, secured });
      },
      isWaiting: (socket) => this.#waiting.get(socket)?.() === true,
    });
  }

  #makeLane(): Lane {
    const { idleMs } = this.#options;
    return new Lane({
      edge: this.#context,
      ...(idleMs === undefined ? {} : { idleMs }),
      onRequest: (request, response) => this.#onRequest(request, response),
      isWaiting: (socket) => this.#waiting.get(socket)?.() === true,
      isStopping: () => this.#state === "stopping",
      handOver: (socket) => this.#listener.enter(socket),
    });
  }

  #makeTls(): TlsService | undefined {
    const { tls, idleMs } = this.#options;
    if (tls === undefined) return undefined;
    return new TlsService(tls, {
      clock: this.#clock,
      log: this.#log,
      metrics: this.#metrics,
      ...(idleMs === undefined ? {} : { idleMs }),
      enterHttp1: (secured) => {
        this.#secured.set(secured.socket, secured);
        this.#enter(secured.socket, secured);
      },
      onRequest: (...request) => this.#onRequest(...request),
      isWaiting: (socket) => this.#waiting.get(socket)?.() === true,
    });
  }

  #enter(socket: Socket, secured?: SecuredConnection): void {
    if (this.#options.fastLane === false) this.#listener.enter(socket);
    else this.#lane.enter(socket, secured);
  }

  #makeDoors(): Doors {
    const { server } = this.#listener;
    const lane = this.#lane;
    const tls = this.#tls;
    return new Doors({
      http: server,
      connectionsMax: CONNECTIONS_MAX,
      enter: (socket) => this.#enter(socket),
      ...(tls === undefined ? {} : { enterTls: tls.enter }),
      closeIdle() {
        server.closeIdleConnections();
        lane.closeIdle();
        tls?.closeIdle();
      },
    });
  }

  #onRequest(
    request: IncomingMessage,
    response: ServerResponse,
    secured = this.#secured.get(request.socket),
  ): void {
    // Nobody should reuse a connection that is about to be closed.
    if (this.#state === "stopping") response.shouldKeepAlive = false;
    handleRequest(request, response, this.#context, secured);
  }

  #makeSites(): SitesInForce {
    const { name, cdnDomain, anyHost, keepRemovedMs = 0 } = this.#options;
    return new SitesInForce(this.#context, { owner: { name, cdnDomain, anyHost }, keepRemovedMs });
  }

  #makeFollower(): Follower | undefined {
    const { state, name, sites } = this.#options;
    if (state === undefined) return undefined;
    const { disk } = this.#storage;
    return new Follower({
      store: state,
      node: edgeNode(name),
      initialSites: sites,
      log: this.#log,
      clock: this.#clock,
      onChange: (change, view) => {
        applyChange(change, view, this.#context, this.#sites);
        const { body } = change;
        if (body.kind === "certificate-put" || body.kind === "certificate-remove") {
          this.#tls?.setRecords(view.certificates.values());
        }
        // What rules its objects were stored under is not known any more: see `SitesInForce`.
        if (this.#isResuming() && body.kind === "site-put") {
          this.#store.purges.doubtSite(body.site.name);
        }
      },
      onSnapshot: (view, historyLost) => {
        this.#tls?.setRecords(view.certificates.values());
        this.#context.challenges = view.challenges;
        this.#sites.take(view.sites);
        if (!historyLost) return;
        this.#store.purges.doubtAll();
      },
      ...(disk?.position === undefined ? {} : { from: disk.position }),
      onPosition: (position) => disk?.reached(position),
      onStatus: (status) => {
        if (status === "current") this.#hasBeenCurrent = true;
      },
    });
  }

  /** The changes that came while this edge was down are being carried out. */
  #isResuming(): boolean {
    return this.#storage.disk?.hasObjects === true && !this.#hasBeenCurrent;
  }

  #makeRecorder(): ObjectRecorder | undefined {
    const { state, name } = this.#options;
    if (state === undefined) return undefined;
    const records = this.#metrics.counter("edge_object_records_total");
    return new ObjectRecorder(name, {
      store: state,
      clock: this.#clock,
      log: this.#log,
      count: (result, amount) => records.add({ result }, amount),
    });
  }

  #makeHeartbeats(): HeartbeatSender | undefined {
    const { state, name, pop } = this.#options;
    if (state === undefined) return undefined;
    const { metrics } = this.#context;
    return new HeartbeatSender(
      {
        edge: name,
        pop,
        run: this.#run,
        version: () => this.#followed().version,
        connections: () => this.#doors.open,
        bytes: () => metrics.bodyBytes,
        requests: () => metrics.requests,
        cpuMicroseconds: this.#options.sharesProcess === true ? undefined : cpuMicroseconds,
        usage: () => this.#store.usage(),
        recent: (ms) => metrics.recent.turn(ms),
        connectionsMax: CONNECTIONS_MAX,
        diskUsage: () => this.#storage.disk?.usage(),
      },
      { store: state, clock: this.#clock, log: this.#log },
    );
  }

  #makeRoundTrips(): RoundTripSender | undefined {
    const { state: store, name: edge, pop, measuresClients = false } = this.#options;
    if (store === undefined || !measuresClients) return undefined;
    const told = { edge, pop, store };
    return new RoundTripSender({ ...told, clock: this.#clock, log: this.#log, list: listSockets });
  }

  #exposeGauges(): void {
    const metrics = this.#metrics;
    const { capacityBitsPerSecond } = this.#options;
    metrics.gauge("edge_capacity_bytes_per_second").set({}, capacityBitsPerSecond / 8);
    metrics.onScrape("edge_resident_memory_bytes", () => [[{}, process.memoryUsage.rss()]]);
    metrics.onScrape("edge_fill_waiters", () => [[{}, this.#context.fills.counts().waiters]]);
    metrics.onScrape("edge_connections", () => [[{}, this.#doors.open]]);
    metrics.onScrape("state_up", () => [[{}, this.#options.state?.isUp() === false ? 0 : 1]]);
    metrics.onScrape("state_lag_versions", () => [[{}, this.#follower?.lag() ?? 0]]);
  }

  /** Sites that have become quiet make room for others first. */
  async #expose(): ReturnType<Metrics["expose"]> {
    for (const site of this.#siteLabels.review(this.#clock.monotonic())) {
      this.#context.metrics.forget(site);
      await this.#metrics.forgetSite(site);
    }
    return this.#metrics.expose();
  }

  #followed(): { readonly status: string; readonly version: number } {
    const version = this.#follower?.view().version ?? 0;
    return { status: this.#follower?.status() ?? "none", version };
  }

  /** Why no client should be sent here, as far as this edge itself knows. */
  #notServing(): string | undefined {
    if (this.#state !== "serving") return this.#state;
    const drained = this.#follower?.view().drained.has(this.#options.name) === true;
    return drained ? "draining" : undefined;
  }

  #readiness(): Readiness {
    const catchingUp = this.#follower?.status() === "catching-up" ? "catching up" : undefined;
    const reason = this.#notServing() ?? catchingUp;
    return reason === undefined ? { ready: true } : { ready: false, reason };
  }
}

/**
 * What stored responses depend on that no log tells of: another profile stores what this one must
 * not serve, and without a state store nothing says that a site is another one than before.
 */
function storedUnder({ profile, state, sites }: EdgeOptions): string {
  if (state !== undefined) return profile;
  return `${profile} ${createHash("sha256").update(JSON.stringify(sites)).digest("hex")}`;
}
