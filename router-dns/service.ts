import type { SocketAddress } from "../common/address.ts";
import type { Clock } from "../common/clock.ts";
import type { RouterConfig } from "../common/config/router.ts";
import type { IpBytes } from "../common/ip.ts";
import type { Logger } from "../common/log.ts";
import type { Metrics } from "../common/metrics.ts";
import type { Random } from "../common/random.ts";
import type { QueryCounters } from "./admin/counters.ts";
import { GuardCounters } from "./admin/guard-counters.ts";
import { UdpErrorCounters } from "./admin/udp-error-counters.ts";
import { type FirstAnswerer, guardOptions, inPlaceAnswerer, packetAnswerer } from "./answerer.ts";
import { CertificateKeeper } from "./data/certificate.ts";
import { CookieKeeper, type CookieKeeperOptions } from "./data/cookie-keeper.ts";
import { Guard, type GuardedContext } from "./guard.ts";
import type { QueryLines } from "./log/query-log.ts";
import type { Outcome, Snapshot } from "./pipeline.ts";
import type { CookieSecrets } from "./policy/cookie.ts";
import { RateLimiter } from "./policy/rate-limit.ts";
import type { AnswerPacket } from "./transport/answer.ts";
import { closeDns, type DnsListeners, listenDns, openConnections } from "./transport/listeners.ts";

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
  readonly first: FirstAnswerer;
  /** True: other threads answer on the same UDP ports. */
  readonly isShared: boolean;
  readonly counters: QueryCounters;
  /** Left out: queries are only counted. */
  readonly queries?: QueryLines | undefined;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** What threads that answer as this one does need of it. */
export interface SharedDefence {
  readonly seed: number;
  readonly buckets: SharedArrayBuffer;
}

type Sender = Pick<GuardedContext, "peer" | "transport">;

/** The ports of a router, and what stands between them and its answers. */
export class DnsService {
  readonly #options: ServiceOptions;
  readonly #cookies: CookieKeeper;
  readonly #certificate: CertificateKeeper | undefined;
  readonly #guard: Guard;
  readonly #answer: AnswerPacket;
  readonly #guardCounters: GuardCounters;
  readonly #udpErrors: UdpErrorCounters;
  /** Set if other threads answer too. */
  readonly defence: SharedDefence | undefined;
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
    const defended = guardOptions(config);
    const buckets = options.isShared ? RateLimiter.sharedMemory(defended.rateLimit) : undefined;
    this.defence = buckets && { seed, buckets };
    const sources = { clock, seed, secrets, ...(buckets && { buckets }) };
    this.#guard = new Guard(defended, sources, (outcome, count) =>
      options.counters.count("udp", outcome, count),
    );
    this.#answer = packetAnswerer({ ...options, guard: this.#guard });
    this.#guardCounters = new GuardCounters(metrics, this.#guard);
    this.#udpErrors = new UdpErrorCounters(metrics);
    this.#exposeMetrics();
  }

  /** Binds every port, or none of them: rejects with a ListenError. */
  async start(): Promise<void> {
    const { config, listen, log, metrics, isShared } = this.#options;
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
        reusePort: isShared,
      },
      {
        answer: this.#answer,
        answerInPlace: inPlaceAnswerer({ ...this.#options, guard: this.#guard }),
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
  get udpLayer(): "native" | "dgram" {
    return this.#listeners.plain[0]?.udp.layer ?? "dgram";
  }

  /** Where it answers over UDP. */
  udpAddresses(): readonly SocketAddress[] {
    return this.#listeners.plain.map(({ address }) => address);
  }

  /** The cookie secrets of the moment. */
  secrets(): CookieSecrets {
    return this.#cookies.secrets();
  }

  /** Answers whatever came over UDP to another thread; gives the octets in `out`, 0 for none. */
  answerFor(packet: Uint8Array, peer: IpBytes, out: Uint8Array): number {
    return this.#answer(packet, peer, "udp", out);
  }

  /** True if an answer over UDP that was made elsewhere may be sent. */
  mayAnswer(peer: IpBytes, extraBytes: number): boolean {
    return this.#guard.mayAnswer(peer, extraBytes);
  }

  /** Answers a plain question as if it had come in. */
  answer(packet: Uint8Array, from: Sender, out: Uint8Array): Outcome {
    return this.#guard.answer(packet, { ...from, snapshot: this.#options.snapshot() }, out);
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
