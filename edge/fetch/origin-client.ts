import type { Clock } from "../../common/clock.ts";
import type { OriginTls, OriginTlsOptions } from "../../common/config/origin-tls.ts";
import type { Site } from "../../common/config/site.ts";
import { type ExchangeListener, OriginExchange, type OriginRequest } from "./exchange.ts";
import { OriginHealth, type OriginUpListener } from "./origin-health.ts";
import { type OriginCertificates, originTlsOptions } from "./origin-tls.ts";
import { OriginPool } from "./pool.ts";

/** Sends requests to the origins of sites: connections, deadlines, failover, one retry. */
export class OriginClient {
  readonly #clock: Clock;
  readonly #health: OriginHealth;
  readonly #pools = new Map<string, OriginPool>();
  /** Authorities are long: written down once for each version of a site, not for each request. */
  readonly #texts = new WeakMap<OriginTls, string>();
  readonly #certificates: OriginCertificates | undefined;

  constructor(clock: Clock, onOutcome: OriginUpListener, certificates?: OriginCertificates) {
    this.#clock = clock;
    this.#certificates = certificates;
    this.#health = new OriginHealth(clock, onOutcome);
  }

  /** Starts one exchange with the origin of a site. */
  send(
    site: Site,
    request: Pick<OriginRequest, "method" | "target" | "fields" | "body">,
    listener: ExchangeListener,
  ): OriginExchange {
    const { urls, firstByteTimeout, idleTimeout } = site.origin;
    const { totalTimeout, failoverOn = [] } = site.origin;
    const exchange = new OriginExchange(
      {
        ...request,
        firstByteTimeoutMs: firstByteTimeout,
        idleTimeoutMs: idleTimeout,
        totalTimeoutMs: totalTimeout,
        failoverOn,
      },
      listener,
      {
        pools: this.#health.order(urls).flatMap((url) => this.#pool(url, site.origin) ?? []),
        clock: this.#clock,
        onOutcome: (url, outcome) => this.#health.note(site.name, url, outcome),
      },
    );
    exchange.start();
    return exchange;
  }

  /** The address of a site's origin that would be tried first now. */
  firstUrl(site: Site): string | undefined {
    return this.#health.order(site.origin.urls)[0];
  }

  /** How TLS is spoken with the origins of a site; undefined: this edge lacks a certificate. */
  tlsOf(site: Site): OriginTlsOptions | undefined {
    return originTlsOptions(site.origin.tls, this.#certificates);
  }

  /** Lets go of connections to addresses that no site has any more. */
  keepOnly(sites: Iterable<Site>): void {
    const urls = new Set<string>();
    for (const site of sites) for (const url of site.origin.urls) urls.add(url);
    this.#health.keepOnly(urls);
    for (const [key, pool] of this.#pools) {
      if (urls.has(pool.url)) continue;
      pool.closeIdle();
      this.#pools.delete(key);
    }
  }

  /** Connections open or being opened, over all origins. */
  get connections(): number {
    let count = 0;
    for (const pool of this.#pools.values()) count += pool.size;
    return count;
  }

  /** Closes every connection. Exchanges under way fail. */
  destroy(): void {
    for (const pool of this.#pools.values()) pool.destroy();
    this.#pools.clear();
  }

  /** Undefined: the origin wants to see a certificate that this edge does not have. */
  #pool(url: string, { connectTimeout, tls }: Site["origin"]): OriginPool | undefined {
    const isTls = url.startsWith("https:");
    const known = isTls && tls !== undefined ? this.#keyOf(tls) : "";
    const key = `${url} ${connectTimeout} ${known}`;
    const pool = this.#pools.get(key);
    if (pool !== undefined) return pool;
    const options = originTlsOptions(isTls ? tls : undefined, this.#certificates);
    if (options === undefined) return undefined;
    const made = new OriginPool(url, { timeout: connectTimeout, ...options }, this.#clock);
    this.#pools.set(key, made);
    return made;
  }

  /** Connections are shared by those who speak TLS in the same way. */
  #keyOf(tls: OriginTls): string {
    const reading = tls.clientCertificate === undefined ? 0 : (this.#certificates?.reading ?? 0);
    let text = this.#texts.get(tls);
    if (text === undefined) {
      text = JSON.stringify(tls);
      this.#texts.set(tls, text);
    }
    return `${reading} ${text}`;
  }
}
