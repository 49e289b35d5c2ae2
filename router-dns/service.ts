import type { SocketAddress } from "../common/address.ts";
import type { Clock } from "../common/clock.ts";
import type { RouterConfig } from "../common/config/router.ts";
import { type IpBytes, LOOPBACK_PREFIXES } from "../common/ip.ts";
import type { Logger } from "../common/log.ts";
import type { Metrics } from "../common/metrics.ts";
import type { Random } from "../common/random.ts";
import type { QueryCounters } from "./admin/counters.ts";
import { GuardCounters } from "./admin/guard-counters.ts";
import { UdpErrorCounters } from "./admin/udp-error-counters.ts";
import { CertificateKeeper } from "./data/certificate.ts";
import { CookieKeeper, type CookieKeeperOptions } from "./data/cookie-keeper.ts";
import { Guard, type GuardedContext, type GuardOptions } from "./guard.ts";
import type { QueryLog } from "./log/query-log.ts";
import type { Outcome, Snapshot } from "./pipeline.ts";
import { chaosRecords } from "./policy/chaos.ts";
import type { AnswerInPlace, AnswerPacket } from "./transport/answer.ts";
import { closeDns, type DnsListeners, listenDns, openConnections } from "./transport/listeners.ts";
import { TCP_LIMITS } from "./transport/tcp.ts";

/** What a configuration says about how questions are answered, whatever the answers are. */
export type ServiceConfig = Omit<RouterConfig, "listen" | "admin">;

/** What a service needs. */
export interface ServiceOptions {
  readonly config: ServiceConfig;
  /** How routers share what cookie secrets are made of; left out: each has its own. */
  readonly sharedCookies?: Pick<CookieKeeperOptions, "kept" | "share" | "onMaster">;
  /** Where it answers, each over UDP and TCP. */
  readonly listen: readonly SocketAddress[];
  /** What it answers from, at each moment. */
  readonly snapshot: () => Snapshot;
  /** Answers what is no plain question; undefined for what is. */
  readonly first: (...packet: Parameters<AnswerPacket>) => number | undefined;
  readonly counters: QueryCounters;
  /** Left out: queries are only counted. */
  readonly queries?: QueryLog | undefined;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

type Sender = Pick<GuardedContext, "peer" | "transport">;

/** The ports of a router, and what stands between them and its answers. */
export class DnsService {
  readonly #options: ServiceOptions;
  readonly #cookies: CookieKeeper;
  readonly #certificate: CertificateKeeper | undefined;
  readonly #guard: Guard;
  readonly #guardCounters: GuardCounters;
  readonly #udpErrors: UdpErrorCounters;
  #listeners: DnsListeners = { plain: [], dot: [], doh: [] };

  /** Throws a RouterFilesError if secrets or certificate cannot be used. */
  constructor(options: ServiceOptions) {
    this.#options = options;
    const { config, clock, random, log, metrics } = options;
    const { secretFile } = config.cookies;
    const shared = options.sharedCookies;
    this.#cookies = new CookieKeeper({ secretFile, ...shared, clock, random, log });
    this.#certificate = config.tls && new CertificateKeeper(config.tls, { clock, log });
    const seed = random.below(2 ** 32);
    const { secrets } = this.#cookies;
    this.#guard = new Guard(guardOptions(config), { clock, seed, secrets }, (outcome, count) =>
      options.counters.count("udp", outcome, count),
    );
    this.#guardCounters = new GuardCounters(metrics, this.#guard);
    this.#udpErrors = new UdpErrorCounters(metrics);
    this.#exposeMetrics();
  }

  /** Binds every port, or none of them: rejects with a ListenError. */
  async start(): Promise<void> {
    const { config, listen, log, metrics } = this.#options;
    const { tls, doh, proxy, udp } = config;
    const refusals = metrics.counter("dns_refusals_total");
    this.#cookies.start();
    this.#certificate?.start();
    this.#listeners = await listenDns(
      {
        plain: listen,
        dot: tls?.listen ?? [],
        doh: doh?.listen ?? [],
        dohPath: doh?.path ?? "",
        secureContext: this.#certificate?.context,
        proxyFrom: proxy?.from ?? [],
        udpLayer: udp,
      },
      {
        answer: this.#answerer(),
        answerInPlace: this.#inPlaceAnswerer(),
        log,
        onRefusal: (transport, reason) => refusals.add({ transport, reason }),
      },
    );
  }

  /** Reads secrets and certificate again. */
  reload(): void {
    this.#cookies.reload();
    this.#certificate?.reload();
  }

  /** Closes every port; connections have until the deadline. */
  async stop(deadlineMs: number): Promise<void> {
    this.#cookies.stop();
    this.#certificate?.stop();
    await closeDns(this.#listeners, deadlineMs);
  }

  /** Hands what has been counted of single queries to the counters. */
  flushQueries(): void {
    this.#guard.flush();
  }

  /** Hands what else has been counted to the metrics. */
  flush(): void {
    this.#guardCounters.flush();
    for (const { udp } of this.#listeners.plain) this.#udpErrors.flush(udp);
  }

  /** The ports by name: `dns`, `dot`, `doh`, and with a number where there are several. */
  addresses(): Readonly<Record<string, SocketAddress>> {
    const { plain, dot, doh } = this.#listeners;
    const named = (name: string, listeners: readonly { readonly address: SocketAddress }[]) =>
      listeners.map(({ address }, index) => [index === 0 ? name : `${name}${index + 1}`, address]);
    const all = [...named("dns", plain), ...named("dot", dot), ...named("doh", doh)];
    return Object.fromEntries(all) as Record<string, SocketAddress>;
  }

  /** What moves UDP packets. */
  get udpLayer(): string {
    return this.#listeners.plain[0]?.udp.layer ?? "none";
  }

  /** True if an answer over UDP that was made elsewhere may be sent. */
  mayAnswer(peer: IpBytes, extraBytes: number): boolean {
    return this.#guard.mayAnswer(peer, extraBytes);
  }

  /** Answers a plain question as if it had come in. */
  answer(packet: Uint8Array, from: Sender, out: Uint8Array): Outcome {
    return this.#guard.answer(packet, { ...from, snapshot: this.#options.snapshot() }, out);
  }

  /** The one function that all packets go through. */
  #answerer(): AnswerPacket {
    const { counters, queries, snapshot, first, clock, log } = this.#options;
    const guard = this.#guard;
    return (packet, peer, transport, out, send) => {
      const length = first(packet, peer, transport, out, send);
      if (length !== undefined) return length;
      const isTimed = counters.isTimed;
      const isLogged = queries?.takes() === true;
      const started = isTimed || isLogged ? clock.monotonic() : 0;
      const outcome = guard.answer(packet, { peer, transport, snapshot: snapshot() }, out);
      counters.count(transport, outcome);
      if (isTimed || isLogged) {
        const seconds = (clock.monotonic() - started) / 1000;
        if (isTimed) counters.time(transport, seconds);
        if (isLogged) queries.note({ packet, peer, transport, outcome, seconds });
      }
      if (outcome.failure !== undefined) log.error({ event: "query-failed", err: outcome.failure });
      return outcome.length;
    };
  }

  /** The same for what comes over UDP and is like what has been answered. */
  #inPlaceAnswerer(): AnswerInPlace {
    const { counters, queries, snapshot, clock } = this.#options;
    const guard = this.#guard;
    const from = { peer: new Uint8Array(4) as IpBytes, snapshot: snapshot() };
    return (bytes, start, end, peer, out) => {
      from.peer = peer;
      from.snapshot = snapshot();
      if (!counters.isTimed && queries === undefined) {
        return guard.answerInPlace(bytes, start, end, from, out);
      }
      const started = clock.monotonic();
      const length = guard.answerInPlace(bytes, start, end, from, out);
      if (length === undefined) return undefined;
      const seconds = (clock.monotonic() - started) / 1000;
      if (counters.isTimed) counters.time("udp", seconds);
      if (queries?.takes() === true) {
        const packet = bytes.subarray(start, end);
        const outcome = { ...guard.lastInPlace, length };
        queries.note({ packet, peer, transport: "udp", outcome, seconds });
      }
      return length;
    };
  }

  #exposeMetrics(): void {
    const { metrics } = this.#options;
    metrics.onScrape("dns_connections", () =>
      openConnections(this.#listeners).map(([transport, count]) => [{ transport }, count] as const),
    );
    const certificate = this.#certificate;
    metrics.onScrape("dns_certificate_expiry_timestamp_seconds", () =>
      certificate === undefined ? [] : [[{}, certificate.expiresAt / 1_000] as const],
    );
  }
}

function guardOptions(config: ServiceConfig): GuardOptions {
  const { rateLimit, cookies, maxUdpBytes, nsid, chaos } = config;
  const { answersPerSecond, extraBytesPerSecond, slip, leak, mode } = rateLimit;
  const { exempt = LOOPBACK_PREFIXES, burst: burstMs, buckets: entries } = rateLimit;
  const limits = { answersPerSecond, extraBytesPerSecond, slip, leak, burstMs, entries };
  return {
    rateLimit: { ...limits, mode, exempt },
    cookies: cookies.mode,
    maxUdpBytes,
    idleMs: TCP_LIMITS.idleMs,
    ...(nsid === undefined ? {} : { nsid: Buffer.from(nsid, "latin1") }),
    chaos: chaosRecords(chaos),
  };
}
