import type { SocketAddress } from "../common/address.ts";
import { type AdminServer, startAdminServer } from "../common/admin-server.ts";
import { background } from "../common/background.ts";
import { type Clock, monotonicOrigin, systemClock } from "../common/clock.ts";
import type { RunningDaemon } from "../common/daemon.ts";
import { Metrics } from "../common/metrics.ts";
import { relayedTotal } from "../common/metrics-relay.ts";
import { type Random, systemRandom } from "../common/random.ts";
import { ok, type Result } from "../common/result.ts";
import { SiteLabels } from "../common/site-labels.ts";
import type { RouterReport } from "../state/records.ts";
import type { StateStore } from "../state/store.ts";
import { QueryCounters } from "./admin/counters.ts";
import { explainQuery } from "./admin/explain.ts";
import { exposeMap } from "./admin/map-metrics.ts";
import { exposeRouter } from "./admin/router-metrics.ts";
import { exposeSigning, SigningCounters } from "./admin/signing-metrics.ts";
import { withTrust } from "./data/check-trust.ts";
import { Council } from "./data/council.ts";
import { loadFiles, type RouterFiles, reloadFiles } from "./data/files.ts";
import { type KeptState, StateKeeper } from "./data/kept-state.ts";
import { LiveSnapshot } from "./data/live.ts";
import type { LiveSigning } from "./data/live-signing.ts";
import { LoadKeeper } from "./data/load-keeper.ts";
import { Locator } from "./data/locator.ts";
import { MAP_PROBLEMS_TOLD_MAX, MapKeeper } from "./data/map-keeper.ts";
import { Reporter } from "./data/reporter.ts";
import { type RoundTripKeeper, startRoundTrips } from "./data/round-trip-keeper.ts";
import type { SignedCopies } from "./data/signed-copies.ts";
import { SiteFollower } from "./data/site-follower.ts";
import { toMapPop } from "./data/snapshot.ts";
import { dressZones, type StartedSigning, startSigning } from "./data/start-signing.ts";
import { ZoneFiles } from "./data/zone-files.ts";
import { type MaxTtls, refusalOf } from "./data/zones.ts";
import { visibleHealth } from "./health/board.ts";
import { HealthMonitor, type WatchedEdge } from "./health/monitor.ts";
import { detectionMs } from "./health/quorum.ts";
import { watchedEdges } from "./health/targets.ts";
import { type RedirectService, redirectService } from "./http/redirect-service.ts";
import { QueryLog } from "./log/query-log.ts";
import { hasWorkers, maxTtlsOf, type RouterOptions } from "./options.ts";
import { DnsService, type ServiceOptions } from "./service.ts";
import { CatalogProducer } from "./transfer/catalog-producer.ts";
import { isForTransfers } from "./transfer/service.ts";
import { fetchedNames } from "./transfer/settings.ts";
import { configuredAddresses, Transfers } from "./transfer/transfers.ts";
import type { AnswerPacket, SendMessages } from "./transport/answer.ts";
import type { NameKey } from "./wire/name.ts";
import { WorkerPool } from "./workers/pool.ts";
import type { Zone } from "./zone/zone.ts";

export { RouterFilesError } from "./data/files.ts";
export type { RouterOptions } from "./options.ts";

/** Sites with metrics of their own, where nothing else is said. */
const SITE_METRICS = 100;

/** How long a stop waits for the last lines of the query log to be written. */
const LOG_WAIT_MS = 2_000;

/**
 * Starts a router: reads its files, probes each edge once, binds its ports. Rejects with a
 * RouterFilesError or a ListenError, and then nothing of it is left running.
 */
export async function startRouter(options: RouterOptions): Promise<RunningDaemon> {
  const clock = options.clock ?? systemClock;
  const { log } = options;
  const watched = watchedEdges(
    options.pops,
    withTrust(options.probe, { clock, log }),
    options.anyName ? undefined : options.domain,
  );
  const maxTtls = maxTtlsOf(options);
  const files = routerFiles(options, new ZoneFiles(options.zoneFiles, maxTtls, clock));
  const { fileZones, built } = await loadFiles(files, log);
  const { keepFile, state } = options;
  // Without a store there is nothing newer than the configuration.
  const isKept = keepFile !== undefined && state !== undefined;
  const keeper = isKept ? new StateKeeper(keepFile, clock, log) : undefined;
  const kept = keeper?.read();
  const sites = kept?.sites ?? options.sites;
  const live = new LiveSnapshot(
    {
      ...options,
      ...catalogsOf(options, clock),
      answersMax: options.answers,
      fetched: fetchedNames(options.transfers?.zones ?? []),
      hasNamesBelowEdges: options.service.http !== undefined,
      maxTtls,
      isShared: hasWorkers(options),
    },
    {
      fileZones,
      built,
      sites: new Map(sites.map((site) => [site.name, site])),
      version: kept?.version ?? 0,
      health: new Map(),
    },
  );
  const { dnssec, transfers, domain, random = systemRandom } = options;
  const started =
    dnssec &&
    (await startSigning({ dnssec, transfers, domain, live, fileZones, clock, random, log }));
  const router = new Router(options, live, clock, {
    watched,
    maxTtls,
    keeper,
    kept,
    ...started,
  });
  try {
    return await router.start(files);
  } catch (error) {
    await router.stop(0);
    throw error;
  }
}

/** Answers of several messages need a connection; over UDP there is none. */
function sendOf(way: Parameters<AnswerPacket>[4]): SendMessages | undefined {
  return typeof way === "function" ? way : undefined;
}

function catalogsOf(
  { transfers, domain }: RouterOptions,
  clock: Clock,
): { readonly catalogs?: (fileZones: readonly Zone[]) => readonly Zone[] } {
  if (transfers === undefined) return {};
  const producer = new CatalogProducer(transfers, domain, clock);
  return { catalogs: (fileZones) => producer.zonesFor(fileZones) };
}

function sharedCookies(
  store: StateStore | undefined,
  keeper: StateKeeper | undefined,
  kept: KeptState | undefined,
): Pick<ServiceOptions, "sharedCookies"> {
  if (store === undefined) return {};
  const share = (proposed: string) => store.sharedSecret("dns-cookies", proposed);
  const onMaster = (cookieMaster: string) => keeper?.keep({ cookieMaster });
  const before = kept?.cookieMaster === undefined ? {} : { kept: kept.cookieMaster };
  return { sharedCookies: { share, onMaster, ...before } };
}

function routerFiles(options: RouterOptions, zones: ZoneFiles): RouterFiles {
  return {
    zones,
    map: {
      pops: options.pops.map(toMapPop),
      city: options.geo.city,
      asn: options.geo.asn,
      coverageFile: options.coverageFile,
      latency: options.latency,
    },
  };
}

/** What a router has from its start on. */
interface RouterParts extends Partial<StartedSigning> {
  readonly watched: readonly WatchedEdge[];
  readonly maxTtls: MaxTtls;
  readonly keeper: StateKeeper | undefined;
  readonly kept: KeptState | undefined;
}

/** The parts of a running router, and how they start and stop together. */
class Router {
  readonly #options: RouterOptions;
  readonly #live: LiveSnapshot;
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  readonly #siteLabels: SiteLabels;
  readonly #counters: QueryCounters;
  readonly #queries: QueryLog | undefined;
  readonly #service: DnsService;
  readonly #redirects: RedirectService | undefined;
  readonly #pool: WorkerPool;
  readonly #monitor: HealthMonitor;
  readonly #council: Council;
  readonly #follower: SiteFollower | undefined;
  readonly #transfers: Transfers | undefined;
  readonly #signing: LiveSigning | undefined;
  readonly #copies: SignedCopies | undefined;
  readonly #maxTtls: MaxTtls;
  readonly #keeper: StateKeeper | undefined;
  readonly #signingCounters: SigningCounters | undefined;
  readonly #newestFetched = new Map<NameKey, Zone | undefined>();
  #map: MapKeeper | undefined;
  #roundTrips: RoundTripKeeper | undefined;
  readonly #load: LoadKeeper | undefined;
  readonly #locator = new Locator();
  #reporter: Reporter | undefined;
  #admin: AdminServer | undefined;
  #reloading: Promise<void> = Promise.resolve();
  #nextReload: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #cancelSecond: () => void = () => undefined;
  #queriesBefore = 0;
  #queriesPerSecond = 0;
  #workerQueries = 0;

  constructor(
    options: RouterOptions,
    live: LiveSnapshot,
    clock: Clock,
    { watched, signing, copies, maxTtls, keeper, kept }: RouterParts,
  ) {
    this.#options = options;
    this.#live = live;
    this.#clock = clock;
    this.#metrics = new Metrics("dns");
    this.#siteLabels = new SiteLabels(options.siteMetrics ?? SITE_METRICS);
    this.#counters = new QueryCounters(this.#metrics, this.#siteLabels);
    this.#signing = signing;
    this.#copies = copies;
    this.#maxTtls = maxTtls;
    this.#keeper = keeper;
    this.#signingCounters = signing && new SigningCounters(this.#metrics, signing);
    if (signing !== undefined) exposeSigning(this.#metrics, signing);
    const { health, log, queries, name: router, random = systemRandom } = options;
    const metrics = this.#metrics;
    this.#queries = queries && new QueryLog(queries, { router, clock, random, log, metrics });
    this.#service = new DnsService({
      config: options.service,
      listen: options.listen,
      ...sharedCookies(options.state, keeper, kept),
      snapshot: () => live.snapshot(),
      first: (packet, peer, transport, out, way) =>
        this.#transfers !== undefined && isForTransfers(packet)
          ? this.#transfers.answerPacket(packet, { peer, transport }, out, sendOf(way))
          : undefined,
      isShared: hasWorkers(options),
      counters: this.#counters,
      queries: this.#queries?.lines,
      metrics,
      clock,
      random,
      log,
    });
    this.#redirects = redirectService(options, live, this.#metrics);
    this.#pool = this.#makePool();
    this.#monitor = this.#makeMonitor(watched, random);
    this.#council = new Council({
      router: options.name,
      store: options.state,
      clock,
      log,
      togetherMs: detectionMs(health),
      probed: () => this.#monitor.health(),
      onChange: () => this.#takeHealth(),
    });
    this.#monitor.setDrained(new Set(kept?.drained));
    this.#follower = this.#makeFollower(options.state);
    this.#load = this.#makeLoadKeeper(options.state);
    this.#transfers = this.#makeTransfers(random);
    exposeRouter(this.#metrics, {
      council: this.#council,
      load: () => this.#load?.state(),
      state: options.state,
      lag: () => this.#follower?.lag() ?? 0,
      waiting: () => this.#follower?.waiting ?? 0,
    });
  }

  async start(files: RouterFiles): Promise<RunningDaemon> {
    const options = this.#options;
    const { log } = options;
    this.#follower?.start();
    await this.#monitor.firstRound();
    await this.#council.start();
    this.#council.decide();
    this.#takeHealth();
    await this.#service.start();
    await this.#startWorkers();
    await this.#redirects?.start();
    this.#startTransfers();
    this.#admin = await this.#startAdmin();
    this.#everySecond();
    this.#signing?.start();
    this.#copies?.start();
    const builds = this.#metrics.counter("dns_map_builds_total");
    const map = new MapKeeper({
      order: files.map,
      live: this.#live,
      clock: this.#clock,
      log,
      roundTrips: () => this.#roundTrips?.now ?? {},
      onBuild: (result) => builds.add({ result }),
    });
    exposeMap(this.#metrics, this.#live, map);
    map.start();
    this.#map = map;
    this.#load?.start();
    if (options.state !== undefined) {
      this.#roundTrips = startRoundTrips(options.state, options, this.#clock, map);
      const report = () => this.#report();
      this.#reporter = new Reporter({ store: options.state, clock: this.#clock, log, report });
    }
    return {
      name: options.name,
      addresses: this.#addresses(),
      notes: { udp: this.#service.udpLayer, workers: String(options.workers ?? 1) },
      stop: (deadlineMs) => this.stop(deadlineMs),
      reload: () => {
        this.#service.reload();
        background(log, "query log", this.#queries?.reopen() ?? Promise.resolve());
        return this.#reload(async () => {
          await this.#signing?.look();
          await reloadFiles(files, this.#live, log, (zones) => this.#dress(zones), map);
          this.#signing?.signAhead();
        });
      },
    };
  }

  /**
   * One at a time: an older build must not replace a newer one. And one waiting at most: it will
   * read what everybody wants read who asks until then.
   */
  #reload(work: () => Promise<void>): Promise<void> {
    this.#nextReload ??= this.#reloading
      .catch(() => undefined)
      .then(() => {
        this.#reloading = this.#nextReload ?? Promise.resolve();
        this.#nextReload = undefined;
        return work();
      });
    return this.#nextReload;
  }

  stop(deadlineMs: number): Promise<void> {
    this.#stopping ??= this.#stopInOrder(deadlineMs);
    return this.#stopping;
  }

  async #stopInOrder(deadlineMs: number): Promise<void> {
    this.#cancelSecond();
    this.#signing?.stop();
    this.#copies?.stop();
    this.#map?.stop();
    this.#roundTrips?.stop();
    this.#reporter?.stop();
    this.#load?.stop();
    this.#monitor.stop();
    this.#council.stop();
    this.#transfers?.stop();
    await Promise.all([
      this.#service.stop(deadlineMs),
      this.#pool.stop(deadlineMs),
      this.#redirects?.stop(deadlineMs),
    ]);
    await this.#queries?.stop(LOG_WAIT_MS);
    await this.#follower?.stop();
    await this.#keeper?.stop();
    await this.#admin?.close();
  }

  #makeMonitor(edges: readonly WatchedEdge[], random: Random): HealthMonitor {
    const { health, log } = this.#options;
    const clock = this.#clock;
    const onChange = (): void => {
      this.#council.decide();
      this.#reporter?.sendNow();
    };
    return new HealthMonitor({ edges, health, log, clock, random, onChange });
  }

  #makePool(): WorkerPool {
    const { workers = 1, log } = this.#options;
    return new WorkerPool({
      size: workers - 1,
      live: this.#live,
      secrets: () => this.#service.secrets(),
      answer: (packet, peer, out) => this.#service.answerFor(packet, peer, out),
      metrics: this.#metrics,
      labels: this.#siteLabels,
      onCounts: (counts) => {
        this.#workerQueries += relayedTotal(counts, "dns_queries_total");
      },
      onLines: (text, count) => this.#queries?.add(text, count),
      clock: this.#clock,
      log,
    });
  }

  async #startWorkers(): Promise<void> {
    const { service, pops, ttlSeconds, answers: answersMax, dnssec, transfers } = this.#options;
    const { name: router, queries } = this.#options;
    const { defence, udpLayer: layer } = this.#service;
    if (defence === undefined) return;
    await this.#pool.start({
      ...defence,
      origin: monotonicOrigin(),
      service,
      addresses: this.#service.udpAddresses(),
      layer,
      pops,
      ttlSeconds,
      answersMax,
      dnssec,
      queries: queries && { router, config: queries },
      hasTransfers: transfers !== undefined,
    });
  }

  #makeTransfers(random: Random): Transfers | undefined {
    const { transfers: settings, domain, pops, ttlSeconds, log } = this.#options;
    if (settings === undefined) return undefined;
    return new Transfers({
      settings,
      cdnDomain: domain,
      fallback: configuredAddresses(pops),
      steeredTtlSeconds: ttlSeconds,
      clock: this.#clock,
      random,
      log,
      metrics: this.#metrics,
      answer: (packet, { peer, transport }, out) => {
        return this.#service.answer(packet, { peer, transport }, out);
      },
      mayAnswer: (peer, extraBytes) => this.#service.mayAnswer(peer, extraBytes),
      onAnswer: (transport, outcome) => this.#counters.count(transport, outcome),
      onMember: (zone, isMember) => {
        this.#newestFetched.delete(zone);
        this.#live.setExpected(zone, isMember);
      },
      refusal: (zone) => refusalOf(zone, this.#maxTtls.get(zone.key)),
      signedOf: (zone) => this.#copies?.octetsOf(zone),
      onFetched: (zone, version) => {
        background(log, "fetched zone", this.#takeFetched(zone, version));
      },
    });
  }

  async #dress(zones: readonly Zone[]): Promise<Result<readonly Zone[], string>> {
    return this.#copies === undefined ? ok(zones) : dressZones(this.#copies, zones);
  }

  async #takeFetched(key: NameKey, version: Zone | undefined): Promise<void> {
    const copies = this.#copies;
    this.#newestFetched.set(key, version);
    const dressed =
      version === undefined || copies === undefined ? ok(version) : await copies.take(version);
    // A newer one may have come while this one was signed.
    if (this.#newestFetched.get(key) !== version) return;
    if (dressed.ok) this.#live.setFetchedZone(key, dressed.value);
    else this.#options.log.error({ event: "zones-refused", reason: dressed.error });
    this.#signing?.signAhead();
  }

  #startTransfers(): void {
    const transfers = this.#transfers;
    if (transfers === undefined) return;
    this.#live.watchZones((table, fileZones) => transfers.take(table, fileZones));
    transfers.start();
  }

  #makeFollower(store: StateStore | undefined): SiteFollower | undefined {
    if (store === undefined) return undefined;
    const { name, sites, log } = this.#options;
    const { sites: known, challenges = new Map(), version } = this.#live.parts();
    const releases = this.#metrics.counter("dns_rollouts_total");
    return new SiteFollower({
      router: name,
      store,
      inForce: { sites: known, challenges, version },
      initialSites: sites,
      log,
      clock: this.#clock,
      isAnswered: (edge) => {
        const health = this.#council.health().get(edge);
        return health?.drained === false && health.probed !== "down";
      },
      onView: ({ drained }) => {
        this.#monitor.setDrained(drained);
        this.#keeper?.keep({ drained: [...drained] });
      },
      onSites: (inForce) => {
        const { sites, version } = inForce;
        this.#live.setSites(inForce);
        this.#signing?.signAhead();
        const kept = Math.max(version, this.#live.version());
        this.#keeper?.keep({ version: kept, sites: [...sites.values()] });
        // Whoever waits for a change waits for this.
        this.#reporter?.sendNow();
      },
      onRelease: (result, versions) => releases.add({ result }, versions),
    });
  }

  #makeLoadKeeper(store: StateStore | undefined): LoadKeeper | undefined {
    const { name, pops, load, ttlSeconds, log } = this.#options;
    if (store === undefined || load.mode === "off") return undefined;
    return new LoadKeeper({
      router: name,
      store,
      pops,
      settings: load,
      ttlMs: ttlSeconds * 1_000,
      clock: this.#clock,
      log,
      heartbeats: () => this.#council.heartbeats(),
      isUp: (edge) => {
        const health = this.#council.health().get(edge);
        return health?.drained === false && health.probed !== "down";
      },
      onChange: (plan) => this.#live.setPlan(plan),
    });
  }

  #takeHealth(): void {
    this.#live.setHealth(this.#council.health());
    this.#signing?.signAhead();
  }

  #everySecond(): void {
    this.#cancelSecond = this.#clock.after(1_000, () => {
      this.#service.flushQueries();
      this.#counters.nextSecond();
      const total = this.#counters.total + this.#workerQueries;
      this.#queriesPerSecond = total - this.#queriesBefore;
      this.#queriesBefore = total;
      this.#everySecond();
    });
  }

  #startAdmin(): Promise<AdminServer> {
    return startAdminServer(this.#options.admin, {
      metrics: {
        expose: async () => {
          await this.#pool.count();
          this.#service.flushQueries();
          this.#counters.flush();
          for (const site of this.#siteLabels.review(this.#clock.monotonic())) {
            this.#counters.forget(site);
            await this.#metrics.forgetSite(site);
          }
          this.#service.flush();
          this.#signingCounters?.flush();
          return this.#metrics.expose();
        },
      },
      readiness: () => {
        const reason = this.#stopping === undefined ? this.#pool.lack : "stopping";
        return reason === undefined ? { ready: true } : { ready: false, reason };
      },
      routes: {
        "/explain": (query) =>
          explainQuery(query, {
            snapshot: this.#live.snapshot(),
            view: this.#live.view(),
            places: this.#options.pops.map((pop) => toMapPop(pop).place),
            health: this.#council.health(),
            locate: (bytes) => this.#locator.locate(this.#live.parts().built.sources, bytes),
            load: this.#load?.state(),
            quorum: this.#council.state(),
            votes: (edge) => this.#council.votes(edge),
          }),
      },
    });
  }

  #report(): RouterReport {
    return {
      router: this.#options.name,
      at: this.#clock.now(),
      ...(this.#follower?.report() ?? { version: 0 }),
      queriesPerSecond: this.#queriesPerSecond,
      mapProblems: this.#map?.problems.slice(0, MAP_PROBLEMS_TOLD_MAX),
      roundTrips: this.#roundTrips?.inForce,
      edges: [...this.#council.health()].map(([edge, health]) => ({
        edge,
        health: visibleHealth(health),
        sees: this.#monitor.health().get(edge)?.probed ?? "unknown",
        since: health.since,
        detail: health.detail,
      })),
    };
  }

  #addresses(): Readonly<Record<string, SocketAddress>> {
    const admin = this.#admin === undefined ? {} : { admin: this.#admin.address };
    return { ...this.#service.addresses(), ...this.#redirects?.addresses(), ...admin };
  }
}
