import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { MonotonicMs } from "../../common/clock.ts";
import { CHECK_EVERY_MS, HEAD_MS_MAX, IDLE_MS_MAX, KEEP_ALIVE_MS } from "../accept/listener.ts";
import type { EdgeContext } from "../context.ts";
import type { SecuredConnection } from "../tls/entrance.ts";
import { findHit, type Hit } from "./find-hit.ts";
import { LaneConnection } from "./lane-connection.ts";
import type { RequestHead } from "./request-head.ts";
import { judgeSilence, type Patience } from "./silence.ts";

/** Node waits a second longer than it says, so that a request on its way is not lost. */
const KEEP_ALIVE_EXTRA_MS = 1_000;

/** Silence is looked for at least so many times within the time that is allowed. */
const CHECKS_PER_IDLE = 4;

/** What the lane needs from around it. */
export interface LaneOptions {
  readonly edge: EdgeContext;
  readonly idleMs?: number;
  /** Answers a request of which the lane has only read the head. */
  onRequest(request: IncomingMessage, response: ServerResponse): void;
  /** True while this connection waits for an origin, which has deadlines of its own. */
  isWaiting(socket: Socket): boolean;
  /** Nobody should reuse a connection: the edge is being stopped. */
  isStopping(): boolean;
  /** Takes over a connection whose next bytes are not for the lane. */
  handOver(socket: Socket): void;
}

/**
 * The fast lane: plain GET and HEAD requests over HTTP/1.1, without `node:http`'s parser. Hits are
 * answered at once, with one write for all that came together; other requests take the path of all
 * requests on the same connection. What is not plain is handed to `node:http` with its bytes, and
 * the connection stays there. Takes any duplex socket.
 */
export class Lane {
  readonly options: LaneOptions;
  readonly edge: EdgeContext;
  readonly idleMs: number;
  readonly #connections = new Set<LaneConnection>();
  readonly #patience: Patience;
  #isChecking = false;

  constructor(options: LaneOptions) {
    this.options = options;
    this.edge = options.edge;
    this.idleMs = options.idleMs ?? IDLE_MS_MAX;
    this.#patience = {
      headMs: HEAD_MS_MAX,
      idleMs: this.idleMs,
      keepAliveMs: KEEP_ALIVE_MS + KEEP_ALIVE_EXTRA_MS,
    };
  }

  now(): MonotonicMs {
    return this.edge.clock.monotonic();
  }

  /** Reads requests from a connection that has just been accepted, or secured. */
  enter(socket: Socket, secured?: SecuredConnection): void {
    this.#connections.add(new LaneConnection(socket, this, secured));
    if (!this.#isChecking) this.#checkLater();
  }

  /** The connection is over, or somebody else's. */
  leave(connection: LaneConnection): void {
    this.#connections.delete(connection);
  }

  /** The answer to a request, if it is a hit that the lane can give. */
  find(head: RequestHead, secured: SecuredConnection | undefined): Hit | undefined {
    if (this.options.isStopping()) return undefined;
    try {
      return findHit(head, this.edge, secured);
    } catch {
      // Our own mistake: the path of all requests meets it too, and says so.
      return undefined;
    }
  }

  /** Ends connections that wait between two requests. */
  closeIdle(): void {
    for (const connection of this.#connections) if (connection.isIdle) connection.close();
  }

  /** Ends all connections at once. */
  closeAll(): void {
    for (const connection of this.#connections) connection.close();
  }

  #checkLater(): void {
    this.#isChecking = this.#connections.size > 0;
    if (!this.#isChecking) return;
    const everyMs = Math.min(CHECK_EVERY_MS, this.idleMs / CHECKS_PER_IDLE);
    // As the deadlines of `node:http` do, these follow real time, and keep no process alive.
    setTimeout(() => {
      this.#check(this.now());
      this.#checkLater();
    }, everyMs).unref();
  }

  #check(now: number): void {
    for (const connection of this.#connections) {
      const silence = connection.silence;
      if (silence === undefined) continue;
      const verdict = judgeSilence(silence, now, this.#patience);
      if (verdict === "close") connection.close();
      if (verdict === "time-out") connection.timeOut();
    }
  }
}
