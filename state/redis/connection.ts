import { createClient, ErrorReply } from "redis";
import type { Clock } from "../../common/clock.ts";
import type { Logger } from "../../common/log.ts";
import type { Random } from "../../common/random.ts";
import { StateUnavailableError } from "../store.ts";
import { Breaker } from "./breaker.ts";

/**
 * How long one call may take. Nobody waits for it on a request's or a query's path, and an edge may
 * be 300 ms away from Redis; what is slower than this is as good as lost.
 */
export const COMMAND_DEADLINE_MS = 500;
/**
 * The same for what may be long: a snapshot, a page of changes. An idle TCP connection 300 ms away
 * moves 15 kB in its first round trip and doubles from there.
 */
export const BULK_DEADLINE_MS = 2_000;
/** Commands that may wait for their reply at once; more are refused. */
export const COMMANDS_WAITING_MAX = 1_000;
/** Pause before a reconnect: doubles from the first value to the second, with jitter, for ever. */
export const RECONNECT_MS = 50;
export const RECONNECT_MS_MAX = 500;
/** How long a connection may take to be made. */
export const CONNECT_TIMEOUT_MS = 2_000;
/** A ping keeps the connection busy this often, and tells when a stalled server is back. */
export const PING_EVERY_MS = 1_000;
/** A connection that was silent for this long is given up and made anew. More than one ping. */
export const SILENCE_MS_MAX = 3_000;

/** What a connection needs. */
export interface ConnectionOptions {
  readonly url: string;
  /** What the connection is for, as logs and `CLIENT LIST` show it: `commands`, `wakes`. */
  readonly purpose: string;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: Random;
  /** A connection has been made, for the first time or again. */
  onReady?(): void;
}

/**
 * One connection to Redis that is made again for ever. Calls never wait for it: they fail at once
 * while it is not there, and at their deadline when Redis does not answer.
 */
export class RedisConnection {
  readonly #options: ConnectionOptions;
  readonly #client: ReturnType<typeof makeClient>;
  readonly #breaker = new Breaker();
  /** The last call or handshake got a proper answer. */
  #working = false;
  #closed = false;
  /** What was logged last, so that an outage is one line and not one for each attempt. */
  #complaint: string | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#client = makeClient(options);
    this.#client.on("error", (error: unknown) => this.#lost(error));
    this.#client.on("ready", () => this.#ready());
    this.#client.on("ping-interval", () => {
      if (this.#breaker.isOpen()) this.#answered();
    });
    // Rejects only when closed while connecting; everything else is retried and told by "error".
    this.#client.connect().catch(() => {});
  }

  /** True while Redis answers. */
  isUp(): boolean {
    return this.#client.isReady && this.#working && !this.#breaker.isOpen();
  }

  /**
   * Sends one command and gives its reply, unchecked. Rejects with StateUnavailableError: at once
   * if there is no connection, at the latest after `deadlineMs`.
   */
  command(words: readonly string[], deadlineMs: number): Promise<unknown> {
    if (this.#closed) return Promise.reject(unavailable("the connection is closed"));
    if (!this.#client.isReady) return Promise.reject(unavailable("not connected"));
    if (this.#breaker.isOpen()) return Promise.reject(unavailable("does not answer"));
    return new Promise((resolve, reject) => {
      const cancel = this.#options.clock.after(deadlineMs, () => {
        this.#breaker.failed();
        const reason = `no answer within ${deadlineMs} ms`;
        this.#complain("redis-slow", reason);
        reject(unavailable(reason));
      });
      const answered = (reply: unknown): void => {
        cancel();
        this.#answered();
        resolve(reply);
      };
      const failed = (error: unknown): void => {
        cancel();
        if (error instanceof ErrorReply) this.#complain("redis-error-reply", error.message);
        reject(unavailable(describe(error), error));
      };
      this.#client.sendCommand([...words]).then(answered, failed);
    });
  }

  /** Calls `wake` for each message of a channel, also after a reconnect. */
  async subscribe(channel: string, wake: () => void): Promise<void> {
    if (!this.#client.isPubSubActive) await this.#client.subscribe(channel, wake);
  }

  /** Ends the connection and all attempts to make it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#client.isOpen) this.#client.destroy();
  }

  #ready(): void {
    this.#answered();
    this.#options.onReady?.();
  }

  #answered(): void {
    this.#breaker.answered();
    this.#working = true;
    if (this.#complaint === undefined) return;
    this.#complaint = undefined;
    const { log, purpose, url } = this.#options;
    log.info({ event: "redis-back", purpose, server: serverOf(url) });
  }

  #lost(error: unknown): void {
    if (!this.#closed) this.#complain("redis-lost", describe(error));
  }

  #complain(event: string, reason: string): void {
    this.#working = false;
    if (this.#complaint === reason) return;
    this.#complaint = reason;
    const { log, purpose, url } = this.#options;
    log.warn({ event, purpose, server: serverOf(url), reason });
  }
}

function makeClient({ url, purpose, random }: ConnectionOptions) {
  return createClient({
    url,
    name: `meridian-${purpose}`,
    disableOfflineQueue: true,
    commandsQueueMaxLength: COMMANDS_WAITING_MAX,
    pingInterval: PING_EVERY_MS,
    maintNotifications: "disabled",
    // The library's own deadline ends when a command is written; `command` has the real one.
    commandOptions: { timeout: COMMAND_DEADLINE_MS },
    socket: {
      connectTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: SILENCE_MS_MAX,
      reconnectStrategy: (retries) => reconnectDelayMs(retries, random),
    },
  });
}

/** The pause before a reconnect (P but for `random`): half of it fixed, half of it chance. */
export function reconnectDelayMs(retries: number, random: Random): number {
  const full = Math.min(RECONNECT_MS_MAX, RECONNECT_MS * 2 ** Math.min(retries, 10));
  return full / 2 + random.below(full / 2);
}

function unavailable(reason: string, cause?: unknown): StateUnavailableError {
  return new StateUnavailableError(`Redis: ${reason}`, cause === undefined ? {} : { cause });
}

function describe(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(describe).join(", ");
  return error instanceof Error ? error.message : String(error);
}

/** Host and port, without the password that a URL may carry. */
function serverOf(url: string): string {
  return URL.parse(url)?.host ?? "redis";
}
