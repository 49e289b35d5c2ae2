import type { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import type { Clock, EpochMs } from "../../common/clock.ts";
import { type FieldLine, type FieldLines, fieldLinesFromRaw } from "../http/fields.ts";
import { classifyFailure, type OriginFailure } from "./failure.ts";
import type { ConnectionWish, OriginConnection, OriginPool } from "./pool.ts";
import { type AttemptVerdict, isIdempotent, judgeRetry, mayFailOver } from "./retry.ts";

/** What an origin is asked. */
export interface OriginRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** All fields to send, `host` included; none of them hop-by-hop. */
  readonly fields: readonly FieldLine[];
  readonly body: Readable | undefined;
  readonly firstByteTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** For the whole exchange, over all attempts; undefined for no limit. */
  readonly totalTimeoutMs: number | undefined;
  /** Statuses on which the next address is asked: see `mayFailOver`. */
  readonly failoverOn: readonly number[];
}

/** The head of a final response. */
export interface OriginHead {
  readonly status: number;
  readonly fields: readonly FieldLine[];
  /** When the request that it answers was sent, and when it arrived: RFC 9111 section 4.2.3. */
  readonly requestTime: EpochMs;
  readonly responseTime: EpochMs;
}

/**
 * Told how an exchange goes: any number of `onInterim`, then one `onHead`, any number of `onData`,
 * one `onEnd`; or `onFailure` at any point, after which nothing follows.
 */
export interface ExchangeListener {
  /** A 1xx other than 100 and 101. */
  onInterim(status: number, fields: readonly FieldLine[]): void;
  onHead(head: OriginHead): void;
  onData(chunk: Buffer): void;
  /** The body is complete; what came behind it, in chunks, is in `trailers`. */
  onEnd(trailers: FieldLines): void;
  onFailure(failure: OriginFailure): void;
}

/** Interim responses to one request (RFC 9110 section 15.2). With more, an origin is broken. */
const INTERIM_MAX = 32;

/** Told of the outcome of each address that was tried. */
export type OutcomeListener = (url: string, outcome: { up: boolean; reachable: boolean }) => void;

/** What an exchange runs on. */
export interface ExchangeOptions {
  /** The addresses of the origin in the order to try. */
  readonly pools: readonly OriginPool[];
  readonly clock: Clock;
  readonly onOutcome: OutcomeListener;
}

/** A request that nobody wants any more. */
class AbortedError extends Error {
  readonly code = "UND_ERR_ABORTED";
}

/** An origin that sends one interim response after the other. */
class EndlessInterimError extends Error {
  readonly code = "UND_ERR_NOT_SUPPORTED";
  constructor() {
    super(`more than ${INTERIM_MAX} interim responses`);
  }
}

/**
 * One request to an origin, over as many attempts as `judgeRetry` allows. The listener sees one
 * exchange, whatever happened underneath.
 */
export class OriginExchange implements ConnectionWish {
  readonly #request: OriginRequest;
  readonly #listener: ExchangeListener;
  readonly #options: ExchangeOptions;
  #poolIndex = 0;
  #connection: OriginConnection | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #stopWaiting: (() => void) | undefined;
  #stopTotal: (() => void) | undefined;
  #retried = false;
  #over = false;
  #paused = false;
  fresh = false;

  constructor(request: OriginRequest, listener: ExchangeListener, options: ExchangeOptions) {
    this.#request = request;
    this.#listener = listener;
    this.#options = options;
  }

  get repeatable(): boolean {
    return this.#request.body === undefined && isIdempotent(this.#request.method);
  }

  /** Begins. The listener may be called before this returns. */
  start(): void {
    const { totalTimeoutMs } = this.#request;
    if (totalTimeoutMs !== undefined) {
      this.#stopTotal = this.#options.clock.after(totalTimeoutMs, () => this.#runOutOfTime());
    }
    this.#tryAddress();
  }

  #runOutOfTime(): void {
    if (this.#over) return;
    this.abort();
    const detail = `not complete after ${this.#request.totalTimeoutMs} ms`;
    this.#note({ up: false, reachable: true });
    this.#listener.onFailure({ kind: "total-timeout", detail });
  }

  #tryAddress(): void {
    const pool = this.#pool();
    if (pool === undefined) {
      this.#fail({
        kind: "connect",
        detail: "the site has no origin that this edge can show itself to",
      });
    } else if (!pool.request(this)) {
      this.#fail({ kind: "busy", detail: `too many requests wait for ${pool.url}` });
    } else if (this.#connection === undefined && !this.#over) {
      this.#waitFor(pool);
    }
  }

  /** A queue moves at the pace of the origin: nobody stands in it for longer than for an answer. */
  #waitFor(pool: OriginPool): void {
    this.#stopWaiting = this.#options.clock.after(this.#request.firstByteTimeoutMs, () => {
      pool.cancel(this);
      this.#fail({ kind: "busy", detail: `no connection to ${pool.url} became free in time` });
    });
  }

  /** Stops at once: closes the connection, unless the response is complete already. */
  abort(): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopTotal?.();
    this.#stopWaiting?.();
    this.#pool()?.cancel(this);
    this.#controller?.abort(new AbortedError("nobody needs the answer"));
    this.#dropConnection();
  }

  /** Asks the origin to wait: no more data until `resume`. */
  pause(): void {
    this.#paused = true;
    this.#controller?.pause();
  }

  /** Goes on after `pause`. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#controller?.resume();
  }

  /** A connection is there: sends the request on it. Called by the pool. */
  take(connection: OriginConnection): void {
    this.#stopWaiting?.();
    if (this.#over) {
      this.#pool()?.discard(connection);
      return;
    }
    this.#connection = connection;
    const { method, target, fields, body } = this.#request;
    const options: Dispatcher.DispatchOptions & { readonly servername: string | undefined } = {
      servername: this.#pool()?.serverName,
      path: target,
      method,
      headers: fields.flat(),
      body: body ?? null,
      headersTimeout: this.#request.firstByteTimeoutMs,
      bodyTimeout: this.#request.idleTimeoutMs,
      idempotent: true,
    };
    try {
      connection.client.dispatch(options, this.#attempt(connection));
    } catch (error) {
      // The client library refuses a request that it cannot write, such as one with a bad target.
      this.#dropConnection();
      this.#fail({ kind: "protocol", detail: String(error) });
    }
  }

  #attempt(connection: OriginConnection): Dispatcher.DispatchHandler {
    const { clock } = this.#options;
    const progress = { sent: false, headSeen: false, answered: false, reused: false };
    let requestTime = clock.now();
    let interims = 0;
    // Another address has been asked instead: whatever still comes on this one is nobody's.
    let abandoned = false;
    return {
      onRequestStart: (controller) => {
        this.#controller = controller;
        requestTime = clock.now();
        connection.uses += 1;
        progress.sent = true;
        progress.reused = connection.uses > 1;
        if (this.#over) controller.abort(new AbortedError("nobody needs the answer"));
      },
      onResponseStart: (controller, status) => {
        const fields = fieldLinesFromRaw((controller.rawHeaders ?? []) as Buffer[]);
        progress.answered = true;
        if (this.#over) return;
        if (status < 200) {
          interims += 1;
          if (interims > INTERIM_MAX) {
            controller.abort(new EndlessInterimError());
            return;
          }
          this.#listener.onInterim(status, fields);
          return;
        }
        if (this.#failsOver(status)) {
          abandoned = true;
          this.#askNext();
          return;
        }
        progress.headSeen = true;
        this.#note({ up: true, reachable: true });
        const responseTime = clock.now();
        this.#listener.onHead({ status, fields, requestTime, responseTime });
        if (this.#paused) controller.pause();
      },
      onResponseData: (controller, chunk) => {
        if (this.#over || abandoned) return;
        this.#listener.onData(chunk);
        if (this.#paused) controller.pause();
      },
      onResponseEnd: (controller) => {
        if (abandoned) return;
        this.#end(connection, fieldLinesFromRaw((controller.rawTrailers ?? []) as Buffer[]));
      },
      onResponseError: (_controller, error) => {
        if (this.#over || abandoned) return;
        this.#dropConnection();
        this.#afterFailure(classifyFailure(error, progress), progress);
      },
    };
  }

  #end(connection: OriginConnection, trailers: FieldLines): void {
    if (this.#over) return;
    if (connection.socket !== undefined && connection.socket.errored !== null) {
      // A body that ends with the connection is taken for complete by the client library even when
      // the connection was reset: it is not.
      this.#dropConnection();
      this.#fail({ kind: "truncated", detail: String(connection.socket.errored) });
      return;
    }
    this.#over = true;
    this.#stopTotal?.();
    this.#connection = undefined;
    this.#pool()?.release(connection);
    this.#listener.onEnd(trailers);
  }

  #afterFailure(
    failure: OriginFailure,
    progress: { sent: boolean; answered: boolean; reused: boolean },
  ): void {
    const verdict: AttemptVerdict = judgeRetry({
      failure,
      reused: progress.reused,
      sent: progress.sent,
      answered: progress.answered,
      idempotent: isIdempotent(this.#request.method),
      streamsBody: this.#request.body !== undefined,
      retried: this.#retried,
      originsLeft: this.#originsLeft,
    });
    if (verdict !== "retry-fresh") this.#note({ up: false, reachable: progress.sent });
    this.#controller = undefined;
    switch (verdict) {
      case "retry-fresh":
        this.#retried = true;
        this.fresh = true;
        this.#tryAddress();
        return;
      case "next-origin":
        this.#poolIndex += 1;
        this.#tryAddress();
        return;
      case "give-up":
        this.#fail(failure);
    }
  }

  get #originsLeft(): number {
    return this.#options.pools.length - this.#poolIndex - 1;
  }

  #failsOver(status: number): boolean {
    const { method, body, failoverOn } = this.#request;
    const streamsBody = body !== undefined;
    return mayFailOver({
      method,
      status,
      streamsBody,
      originsLeft: this.#originsLeft,
      failoverOn,
    });
  }

  /** Lets go of an address that has answered, and asks the next one. */
  #askNext(): void {
    this.#note({ up: false, reachable: true });
    this.#controller = undefined;
    this.#dropConnection();
    this.#poolIndex += 1;
    this.#tryAddress();
  }

  #fail(failure: OriginFailure): void {
    this.#over = true;
    this.#stopTotal?.();
    this.#listener.onFailure(failure);
  }

  #note(outcome: { up: boolean; reachable: boolean }): void {
    const pool = this.#pool();
    if (pool !== undefined) this.#options.onOutcome(pool.url, outcome);
  }

  #dropConnection(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection !== undefined) this.#pool()?.discard(connection);
  }

  #pool(): OriginPool | undefined {
    return this.#options.pools[this.#poolIndex];
  }
}
