import type { SocketAddress } from "../common/address.ts";
import { type AdminServer, startAdminServer } from "../common/admin-server.ts";
import { background } from "../common/background.ts";
import { type Clock, systemClock } from "../common/clock.ts";
import type { QueryLogConfig } from "../common/config/access-log.ts";
import type { HttpsConfig } from "../common/config/https.ts";
import type { HealthConfig, LoadConfig, PopConfig } from "../common/config/schema.ts";
import type { Site } from "../common/config/site.ts";
import type { RunningDaemon } from "../common/daemon.ts";
import type { IpPrefix } from "../common/ip.ts";
import type { Logger } from "../common/log.ts";
import { Metrics } from "../common/metrics.ts";
import { type Random, systemRandom } from "../common/random.ts";
import { ok, type Result } from "../common/result.ts";
import { SiteLabels } from "../common/site-labels.ts";
import type { RouterReport } from "../state/records.ts";
import type { StateStore } from "../state/store.ts";
import { exposeLoad, exposeVotes } from "./admin/council-metrics.ts";
import { QueryCounters } from "./admin/counters.ts";
import { explainQuery } from "./admin/explain.ts";
import { exposeMap } from "./admin/map-metrics.ts";
import { SigningMetrics } from "./admin/signing-metrics.ts";
import { withTrust } from "./data/check-trust.ts";
import { Council } from "./data/council.ts";
import { loadFiles, type RouterFiles, reloadFiles } from "./data/files.ts";
import { type KeptState, StateKeeper } from "./data/kept-state.ts";
import { LiveSnapshot } from "./data/live.ts";
import type { DnssecOptions, LiveSigning } from "./data/live-signing.ts";
import { LoadKeeper } from "./data/load-keeper.ts";
import { Locator } from "./data/locator.ts";
import type { LatencyOrder } from "./data/map-build.ts";
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
import { type ProbeConfig, watchedEdges } from "./health/targets.ts";
import { type RedirectService, redirectService } from "./http/redirect-service.ts";
import { QueryLog } from "./log/query-log.ts";
import { DnsService, type ServiceConfig, type ServiceOptions } from "./service.ts";
import { zoneKeyOf } from "./sign/dnskey.ts";
import { CatalogProducer } from "./transfer/catalog-producer.ts";
import { isForTransfers } from "./transfer/service.ts";
import { fetchedNames, type TransferSettings } from "./transfer/settings.ts";
import { configuredAddresses, Transfers } from "./transfer/transfers.ts";
import type { NameKey } from "./wire/name.ts";
import type { HostAddress } from "./zone/cdn-zone.ts";
import type { Zone } from "./zone/zone.ts";

export { RouterFilesError } from "./data/files.ts";

/** Sites with metrics of their own, where nothing else is said. */
const SITE_METRICS = 100;

/** How long a stop waits for the last lines of the query log to be written. */
const LOG_WAIT_MS = 2_000;

/** Everything that a router is told at its start. */
export interface RouterOptions {
  /** What it is called in reports and acknowledgements. */
  readonly name: string;
  /** Where it answers, each over UDP and TCP. */
  readonly listen: readonly SocketAddress[];
  readonly admin: SocketAddress;
  /** How it answers and defends itself. */
  readonly service: ServiceConfig;
  /** The CDN domain, below which sites are steered. */
  readonly domain: string;
  readonly nameservers: readonly HostAddress[];
  readonly hostmaster?: string;
  /** HTTPS records of sites that do not say it themselves; left out: none. */
  readonly https?: HttpsConfig;
  /** Addresses whose names we have; left out: none. */
  readonly reverse?: readonly IpPrefix[];
  /** TTL of steered answers. */
  readonly ttlSeconds: number;
  /** The most addresses in one answer. */
  readonly answers: number;
  readonly pops: readonly PopConfig[];
  readonly health: HealthConfig;
  readonly load: LoadConfig;
  readonly probe: ProbeConfig;
  /** Databases; left out: the bundled one for places, and none for AS numbers. */
  readonly geo: { readonly city?: string; readonly asn?: string };
  readonly coverageFile?: string;
  readonly latency: LatencyOrder;
  /** True: what edges measure of their clients counts, too. Left out: it does not. */
  readonly latencyFromEdges?: boolean;
  readonly zoneFiles: readonly string[];
  /** What goes between this server and others; left out: nothing. */
  readonly transfers?: TransferSettings;
  /** Left out: nothing is signed. */
  readonly dnssec?: DnssecOptions;
  /** In force until the state store answers. */
  readonly sites: readonly Site[];
  /** Quick mode: every name below the domain is steered. */
  readonly anyName: boolean;
  /** Left out: the sites stay as they are, and nobody can drain. */
  readonly state?: StateStore;
  /** Where the last state of the store is kept for a start without it; left out: nowhere. */
  readonly keepFile?: string;
  /** How many sites have metrics of their own; left out: 100. */
  readonly siteMetrics?: number;
  /** How queries are written down; left out: they are only counted. */
  readonly queries?: QueryLogConfig;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
}

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

function maxTtlsOf({ dnssec }: RouterOptions): MaxTtls {
  const signed = dnssec?.zones ?? [];
  return new Map(signed.map(({ name, policy }) => [zoneKeyOf(name), policy.maxTtl]));
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
  readonly #monitor: HealthMonitor;
  readonly #council: Council;
  readonly #follower: SiteFollower | undefined;
  readonly #transfers: Transfers | undefined;
  readonly #signing: LiveSigning | undefined;
  readonly #copies: SignedCopies | undefined;
  readonly #maxTtls: MaxTtls;
  readonly #keeper: StateKeeper | undefined;
  readonly #signingMetrics: SigningMetrics | undefined;
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
    this.#signingMetrics = signing && new SigningMetrics(this.#metrics, signing);
    const { health, log, queries, name: router, random = systemRandom } = options;
    const metrics = this.#metrics;
    this.#queries = queries && new QueryLog(queries, { router, clock, random, log, metrics });
    this.#service = new DnsService({
      config: options.service,
      listen: options.listen,
      ...sharedCookies(options.state, keeper, kept),
      snapshot: () => live.snapshot(),
      first: (packet, peer, transport, out, send) =>
        this.#transfers !== undefined && isForTransfers(packet)
          ? this.#transfers.answerPacket(packet, { peer, transport }, out, send)
          : undefined,
      counters: this.#counters,
      queries: this.#queries,
      metrics,
      clock,
      random,
      log,
    });
    this.#redirects = redirectService(options, live, this.#metrics);
    this.#monitor = new HealthMonitor({
      edges: watched,
      health,
      log,
      clock,
      random,
      onChange: () => {
        this.#council.decide();
        this.#reporter?.sendNow();
      },
    });
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
    this.#exposeMetrics();
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
      notes: { udp: this.#service.udpLayer },
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
    await Promise.all([this.#service.stop(deadlineMs), this.#redirects?.stop(deadlineMs)]);
    await this.#queries?.stop(LOG_WAIT_MS);
    await this.#follower?.stop();
    await this.#keeper?.stop();
    await this.#admin?.close();
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
      this.#queriesPerSecond = this.#counters.total - this.#queriesBefore;
      this.#queriesBefore = this.#counters.total;
      this.#everySecond();
    });
  }

  #startAdmin(): Promise<AdminServer> {
    return startAdminServer(this.#options.admin, {
      metrics: {
        expose: async () => {
          this.#service.flushQueries();
          this.#counters.flush();
          for (const site of this.#siteLabels.review(this.#clock.monotonic())) {
            this.#counters.forget(site);
            await this.#metrics.forgetSite(site);
          }
          this.#service.flush();
          this.#signingMetrics?.flush();
          return this.#metrics.expose();
        },
      },
      readiness: () =>
        this.#stopping === undefined ? { ready: true } : { ready: false, reason: "stopping" },
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

  #exposeMetrics(): void {
    const { state } = this.#options;
    this.#metrics.onScrape("dns_edge_health", () =>
      [...this.#council.health()].map(([edge, health]) => {
        const isUp = !health.drained && health.probed !== "down";
        return [{ edge }, isUp ? 1 : 0] as const;
      }),
    );
    exposeVotes(this.#metrics, this.#council);
    exposeLoad(this.#metrics, () => this.#load?.state());
    if (state === undefined) return;
    this.#metrics.onScrape("state_up", () => [[{}, state.isUp() ? 1 : 0]]);
    this.#metrics.onScrape("state_lag_versions", () => [[{}, this.#follower?.lag() ?? 0]]);
    this.#metrics.onScrape("dns_rollouts_waiting", () => [[{}, this.#follower?.waiting ?? 0]]);
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
