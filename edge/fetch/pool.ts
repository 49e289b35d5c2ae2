import type { Socket } from "node:net";
import { buildConnector, Client } from "undici";
import type { Clock, MonotonicMs } from "../../common/clock.ts";
import type { OriginTlsOptions } from "../../common/config/origin-tls.ts";

/** Open connections to one origin address at the same time. */
const CONNECTIONS_MAX = 1_024;

/** Exchanges that may wait for a connection; the next one is refused. */
const WAITING_MAX = 10_000;

/** A connection that is paused may read so much ahead, and then finish the read it is in. */
const READ_AHEAD_BYTES = 16_384;

/** A response head larger than this is an error of the origin. */
const RESPONSE_HEAD_BYTES_MAX = 65_536;

/**
 * Below the 5 s after which many origins close an idle connection, so that we are the one who
 * closes. An origin's own `Keep-Alive: timeout=` is respected by the client.
 */
const IDLE_MS = 4_000;

/**
 * A request that may not be sent twice does not take a connection that has been idle for longer:
 * the origin may be closing it at this moment.
 */
const IDLE_UNREPEATABLE_MS = 500;

/** One connection to an origin. At most one exchange uses it at a time. */
export interface OriginConnection {
  readonly client: Client;
  /** Exchanges that began on the present socket; above 1 the socket is a reused one. */
  uses: number;
  /** The present socket, once there is one. */
  socket: Socket | undefined;
  idleSince: MonotonicMs;
  busy: boolean;
}

/** What somebody needs a connection for. */
export interface ConnectionWish {
  /** Open a new one, whatever is idle. */
  readonly fresh: boolean;
  /** The request may be sent again if the connection turns out dead. */
  readonly repeatable: boolean;
  /** Called at once or when it is this wish's turn. */
  take(connection: OriginConnection): void;
}

/** How connections are opened; `timeout` is in milliseconds, until one stands. */
export interface OriginConnecting extends OriginTlsOptions {
  readonly timeout: number;
}

/** The connections to one origin address. Idle ones are used last in, first out. */
export class OriginPool {
  readonly url: string;
  /** What the client library must take all requests to be for: it looks at Host otherwise. */
  readonly serverName: string;
  /** One for all connections: it keeps their TLS sessions. */
  readonly #connect: ReturnType<typeof buildConnector>;
  readonly #clock: Clock;
  readonly #idle: OriginConnection[] = [];
  readonly #all = new Set<OriginConnection>();
  readonly #waiting = new Set<ConnectionWish>();

  constructor(url: string, connecting: OriginConnecting, clock: Clock) {
    this.url = url;
    this.serverName = connecting.servername ?? new URL(url).hostname;
    const reading = { highWaterMark: READ_AHEAD_BYTES };
    this.#connect = buildConnector({ ...connecting, allowH2: false, ...reading });
    this.#clock = clock;
  }

  /** Gives `wish` a connection now or later; false when too many are waiting already. */
  request(wish: ConnectionWish): boolean {
    const reusable = wish.fresh ? undefined : this.#takeIdle(wish.repeatable);
    const connection = reusable ?? (this.#all.size < CONNECTIONS_MAX ? this.#open() : undefined);
    if (connection !== undefined) {
      connection.busy = true;
      wish.take(connection);
      return true;
    }
    if (this.#waiting.size >= WAITING_MAX) return false;
    this.#waiting.add(wish);
    return true;
  }

  /** Forgets a wish that has not been granted yet. */
  cancel(wish: ConnectionWish): void {
    this.#waiting.delete(wish);
  }

  /** Gives a connection back after a complete response. */
  release(connection: OriginConnection): void {
    connection.busy = false;
    connection.idleSince = this.#clock.monotonic();
    if (connection.socket === undefined || connection.socket.destroyed) this.discard(connection);
    else if (!this.#grantWaiting(connection)) this.#idle.push(connection);
  }

  /** Closes a connection whatever its state. */
  discard(connection: OriginConnection): void {
    if (!this.#all.delete(connection)) return;
    const index = this.#idle.indexOf(connection);
    if (index >= 0) this.#idle.splice(index, 1);
    connection.client.destroy().catch(() => {});
    const next = this.#waiting.values().next().value;
    if (next !== undefined) {
      this.#waiting.delete(next);
      this.request(next);
    }
  }

  /** Connections open or being opened. */
  get size(): number {
    return this.#all.size;
  }

  /** Closes what is idle. What is busy closes when it is given back or discarded. */
  closeIdle(): void {
    for (const connection of Array.from(this.#idle)) this.discard(connection);
  }

  /** Closes everything, also what is in use. */
  destroy(): void {
    this.#waiting.clear();
    for (const connection of Array.from(this.#all)) this.discard(connection);
  }

  #takeIdle(repeatable: boolean): OriginConnection | undefined {
    const connection = this.#idle.at(-1);
    if (connection === undefined) return undefined;
    const idleMs = this.#clock.monotonic() - connection.idleSince;
    if (!repeatable && idleMs > IDLE_UNREPEATABLE_MS) return undefined;
    return this.#idle.pop();
  }

  #grantWaiting(connection: OriginConnection): boolean {
    for (const wish of this.#waiting) {
      if (wish.fresh) continue;
      this.#waiting.delete(wish);
      connection.busy = true;
      wish.take(connection);
      return true;
    }
    return false;
  }

  #open(): OriginConnection {
    const client = new Client(this.url, {
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: IDLE_MS,
      maxHeaderSize: RESPONSE_HEAD_BYTES_MAX,
      connect: (options, callback) => {
        // Without a name the connector takes that of the URL, and none for an address.
        const { servername: _, ...place } = options;
        this.#connect(place, (...result) => {
          const [error, socket] = result;
          if (error === null) {
            connection.socket = socket;
            connection.uses = 0;
          }
          callback(...result);
        });
      },
    });
    const connection: OriginConnection = {
      client,
      uses: 0,
      socket: undefined,
      idleSince: 0,
      busy: true,
    };
    this.#all.add(connection);
    client.on("disconnect", () => {
      if (!connection.busy) this.discard(connection);
    });
    return connection;
  }
}
