import type { Clock } from "../../common/clock.ts";
import type { Site } from "../../common/config/site.ts";
import { type ExchangeListener, OriginExchange, type OriginRequest } from "./exchange.ts";
import { OriginHealth, type OriginUpListener } from "./origin-health.ts";
import { OriginPool } from "./pool.ts";

/** Sends requests to the origins of sites: connections, deadlines, failover, one retry. */
export class OriginClient {
  readonly #clock: Clock;
  readonly #health: OriginHealth;
  readonly #pools = new Map<string, OriginPool>();

  constructor(clock: Clock, onOutcome: OriginUpListener) {
    this.#clock = clock;
    this.#health = new OriginHealth(clock, onOutcome);
  }

  /** Starts one exchange with the origin of a site. */
  send(
    site: Site,
    request: Pick<OriginRequest, "method" | "target" | "fields" | "body">,
    listener: ExchangeListener,
  ): OriginExchange {
    const { urls, connectTimeout, firstByteTimeout, idleTimeout } = site.origin;
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
        pools: this.#health.order(urls).map((url) => this.#pool(url, connectTimeout)),
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

  #pool(url: string, connectTimeoutMs: number): OriginPool {
    const key = `${url} ${connectTimeoutMs}`;
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      pool = new OriginPool(url, connectTimeoutMs, this.#clock);
      this.#pools.set(key, pool);
    }
    return pool;
  }
}
