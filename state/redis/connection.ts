import { createClient, ErrorReply } from "redis";
import type { Clock } from "../../common/clock.ts";
import type { Logger } from "../../common/log.ts";
import type { Random } from "../../common/random.ts";
import type { RedisTarget } from "../../common/redis-url.ts";
import { StateUnavailableError } from "../store.ts";
import { Breaker } from "./breaker.ts";
import { type Connectable, clientOptions, locate } from "./locate.ts";
import { isElsewhere } from "./target.ts";

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
  readonly target: RedisTarget;
  /** Any key of ours: where it is, all are. */
  readonly key: string;
  /** What the connection is for, as logs and `CLIENT LIST` show it: `commands`, `wakes`. */
  readonly purpose: string;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: Random;
  /** A connection has been made, for the first time or again. */
  onReady?(): void;
}

type Client = ReturnType<typeof makeClient>;

/**
 * One connection to Redis that is made again for ever. Calls never wait for it: they fail at once
 * while it is not there, and at their deadline when Redis does not answer.
 *
 * Where sentinels or a cluster say which server it is, they are asked before each attempt, and the
 * connection is given up when the server says that it is not the one any more.
 */
export class RedisConnection {
  readonly #options: ConnectionOptions;
  readonly #breaker = new Breaker();
  #client: Client | undefined;
  /** Attempts in a row that came to nothing. */
  #failures = 0;
  #cancelRetry: () => void = () => {};
  /** The last call or handshake got a proper answer. */
  #working = false;
  #closed = false;
  /** What was logged last, so that an outage is one line and not one for each attempt. */
  #complaint: string | undefined;
  /** The server that it is connected to, or was. */
  #server: string;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    const { target } = options;
    this.#server = target.kind === "server" ? serverOf(target.url) : target.kind;
    if (target.kind === "server") this.#use(makeClient(options, { url: target.url }));
    else this.#locate(target);
  }

  /** True while Redis answers. */
  isUp(): boolean {
    return this.#client?.isReady === true && this.#working && !this.#breaker.isOpen();
  }

  /**
   * Sends one command and gives its reply, unchecked. Rejects with StateUnavailableError: at once
   * if there is no connection, at the latest after `deadlineMs`.
   */
  command(words: readonly string[], deadlineMs: number): Promise<unknown> {
    const client = this.#client;
    if (this.#closed) return Promise.reject(unavailable("the connection is closed"));
    if (client?.isReady !== true) return Promise.reject(unavailable("not connected"));
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
        if (error instanceof ErrorReply) this.#refused(error, client);
        reject(unavailable(describe(error), error));
      };
      client.sendCommand([...words]).then(answered, failed);
    });
  }

  /** Calls `wake` for each message of a channel, also after a reconnect. */
  async subscribe(channel: string, wake: () => void): Promise<void> {
    const client = this.#client;
    if (client !== undefined && !client.isPubSubActive) await client.subscribe(channel, wake);
  }

  /** Ends the connection and all attempts to make it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelRetry();
    if (this.#client?.isOpen === true) this.#client.destroy();
  }

  /** Asks for the way and goes there; what comes to nothing is tried again, for ever. */
  #locate(target: Exclude<RedisTarget, { kind: "server" }>): void {
    const { key, clock, random } = this.#options;
    const again = (): void => {
      if (this.#closed) return;
      const pause = reconnectDelayMs(this.#failures, random);
      this.#failures += 1;
      this.#cancelRetry = clock.after(pause, () => this.#locate(target));
    };
    const found = (server: Connectable): void => {
      if (this.#closed) return;
      this.#server = `${server.host}:${server.port}`;
      const client = makeClient(this.#options, { server });
      // Once, whatever ends it: a lost socket, or that the server is not the one any more.
      let left = false;
      const leave = (): void => {
        if (left) return;
        left = true;
        this.#client = undefined;
        again();
        // The library refuses to end what it has ended itself a moment ago.
        if (client.isOpen) client.destroy();
      };
      this.#leave = leave;
      client.on("error", leave);
      this.#use(client, leave);
    };
    locate(target, key).then(found, (error: unknown) => {
      this.#lost(error);
      again();
    });
  }

  /** Gives a located connection up; does nothing where there is just one server. */
  #leave: () => void = () => {};

  #use(client: Client, onFailed: () => void = () => {}): void {
    this.#client = client;
    client.on("error", (error: unknown) => this.#lost(error));
    client.on("ready", () => this.#ready());
    client.on("ping-interval", () => {
      if (this.#breaker.isOpen()) this.#answered();
    });
    // Where there is just one server it rejects only when closed while connecting; everything else
    // is retried and told by "error".
    client.connect().catch(onFailed);
  }

  /** The server refused a command: the reason may be that it is not the one any more. */
  #refused(error: ErrorReply, client: Client): void {
    this.#complain("redis-error-reply", error.message);
    if (isElsewhere(error.message) && client === this.#client) this.#leave();
  }

  #ready(): void {
    this.#failures = 0;
    this.#answered();
    this.#options.onReady?.();
  }

  #answered(): void {
    this.#breaker.answered();
    this.#working = true;
    if (this.#complaint === undefined) return;
    this.#complaint = undefined;
    const { log, purpose } = this.#options;
    log.info({ event: "redis-back", purpose, server: this.#server });
  }

  #lost(error: unknown): void {
    if (!this.#closed) this.#complain("redis-lost", describe(error));
  }

  #complain(event: string, reason: string): void {
    this.#working = false;
    if (this.#complaint === reason) return;
    this.#complaint = reason;
    const { log, purpose } = this.#options;
    log.warn({ event, purpose, server: this.#server, reason });
  }
}

function makeClient(
  { purpose, random }: ConnectionOptions,
  where: { readonly url: string } | { readonly server: Connectable },
) {
  const located = "server" in where ? clientOptions(where.server) : undefined;
  return createClient({
    ...("url" in where ? { url: where.url } : located),
    name: `meridian-${purpose}`,
    disableOfflineQueue: true,
    commandsQueueMaxLength: COMMANDS_WAITING_MAX,
    pingInterval: PING_EVERY_MS,
    maintNotifications: "disabled",
    // The library's own deadline ends when a command is written; `command` has the real one.
    commandOptions: { timeout: COMMAND_DEADLINE_MS },
    socket: {
      ...located?.socket,
      connectTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: SILENCE_MS_MAX,
      // Another server may be the right one by then: that is found out anew.
      reconnectStrategy:
        located === undefined ? (retries) => reconnectDelayMs(retries, random) : false,
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
