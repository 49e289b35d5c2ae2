import { Agent, request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { SocketAddress } from "../../common/address.ts";

/** What a load asks for, and how hard. */
export interface LoadOptions {
  /** Asked in turn by every client; `url` gives Host and path, `at` where the connection goes. */
  readonly asks: readonly { readonly url: string; readonly at: SocketAddress }[];
  /** Clients, each with one request at a time. */
  readonly clients: number;
  /** The pause of a client between two requests, which bounds the load. */
  readonly pauseMs: number;
}

/** How a load went. */
export interface LoadReport {
  readonly requests: number;
  /** Requests without a whole answer of status 200, in words; empty is what a test wants. */
  readonly failures: readonly string[];
  readonly slowestMs: number;
}

const REQUEST_DEADLINE_MS = 10_000;

/** Clients that keep asking until they are told to stop. */
export class Load {
  readonly #options: LoadOptions;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #clients: Promise<void>[];
  readonly #failures: string[] = [];
  #requests = 0;
  #slowestMs = 0;
  #stopped = false;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#clients = Array.from({ length: options.clients }, (_, i) => this.#client(i));
  }

  /** Requests that have been answered or have failed. */
  get requests(): number {
    return this.#requests;
  }

  /** Resolves when `count` more requests have ended. */
  async more(count: number): Promise<void> {
    const target = this.#requests + count;
    while (this.#requests < target && !this.#stopped) await delay(this.#options.pauseMs);
  }

  /** Lets every client finish its request. May be called twice. */
  async stop(): Promise<LoadReport> {
    this.#stopped = true;
    await Promise.all(this.#clients);
    this.#agent.destroy();
    return { requests: this.#requests, failures: this.#failures, slowestMs: this.#slowestMs };
  }

  async #client(offset: number): Promise<void> {
    const { asks, pauseMs } = this.#options;
    for (let turn = offset; !this.#stopped; turn += 1) {
      const ask = asks[turn % asks.length];
      if (ask === undefined) return;
      const started = performance.now();
      const failure = await this.#ask(ask.url, ask.at);
      this.#requests += 1;
      this.#slowestMs = Math.max(this.#slowestMs, performance.now() - started);
      if (failure !== undefined) this.#failures.push(`${ask.url} at ${ask.at.host}: ${failure}`);
      await delay(pauseMs);
    }
  }

  #ask(url: string, at: SocketAddress): Promise<string | undefined> {
    const { host, pathname, search } = new URL(url);
    return new Promise((resolve) => {
      const sent = request({
        host: at.host,
        port: at.port,
        path: `${pathname}${search}`,
        headers: { host },
        agent: this.#agent,
        signal: AbortSignal.timeout(REQUEST_DEADLINE_MS),
      });
      sent.once("error", (error) => resolve(error.message));
      sent.once("response", (response) => {
        response.resume();
        response.once("error", (error) => resolve(`broke off: ${error.message}`));
        response.once("end", () => {
          resolve(response.statusCode === 200 ? undefined : `status ${response.statusCode}`);
        });
      });
      sent.end();
    });
  }
}
