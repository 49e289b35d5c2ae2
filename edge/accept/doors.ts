import type { Server as HttpServer } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import type { SocketAddress } from "../../common/address.ts";
import type { Clock } from "../../common/clock.ts";
import { listenTcp } from "../../common/listen.ts";
import { WRITE_AHEAD_BYTES } from "./listener.ts";

/**
 * Node takes one connection from each listening socket in a turn of the event loop. With this many
 * sockets on one address a crowd is let in that much faster while the edge is busy.
 */
const DOORS = 16;

/** While stopping, how often connections that have become idle are looked for. */
const IDLE_CHECK_MS = 50;

/** Only Linux spreads connections evenly over the sockets of one address. */
const HAS_DOORS = process.platform === "linux";

/** What is behind the doors. */
export interface Hall {
  /** Accepts connections too, so that it looks after the deadlines of those it is given. */
  readonly http: HttpServer;
  readonly connectionsMax: number;
  /** Takes in a connection. */
  readonly enter: (socket: Socket) => void;
  /** Takes in a connection that is going to be secured. */
  readonly enterTls?: (socket: Socket) => void;
  /** Ends connections that wait between two requests. */
  closeIdle(): void;
}

/** The listening sockets of one edge. */
export class Doors {
  readonly #hall: Hall;
  readonly #doors: Server[] = [];
  /** Open connections over all doors. */
  open = 0;

  constructor(hall: Hall) {
    this.#hall = hall;
    hall.http.on("connection", (socket: Socket) => this.#enter(socket, hall.enter));
  }

  /** Binds the address. Rejects with a ListenError when anybody else has it. */
  async listen(address: SocketAddress): Promise<SocketAddress> {
    return this.#open(address, "http", (options, isFirst) =>
      isFirst
        ? this.#hall.http
        : createServer(options, (socket) => this.#enter(socket, this.#hall.enter)),
    );
  }

  /** Binds the address for connections that are going to be secured. */
  async listenTls(address: SocketAddress): Promise<SocketAddress> {
    const { enterTls } = this.#hall;
    if (enterTls === undefined) throw new Error("nobody is behind the doors for TLS");
    return this.#open(address, "https", (options) =>
      createServer(options, (socket) => this.#enter(socket, enterTls)),
    );
  }

  /** Takes no more connections; resolves when the last one has ended. */
  async close(clock: Clock): Promise<void> {
    const closed = this.#doors.map((door) => new Promise((resolve) => door.close(resolve)));
    let isClosed = false;
    const closeIdle = (): void => {
      // An answer that was under way leaves its connection open for the client's next request.
      this.#hall.closeIdle();
      if (!isClosed) clock.after(IDLE_CHECK_MS, closeIdle);
    };
    closeIdle();
    await Promise.all(closed);
    isClosed = true;
  }

  async #open(
    address: SocketAddress,
    purpose: string,
    makeDoor: (options: typeof DOOR_OPTIONS, isFirst: boolean) => Server,
  ): Promise<SocketAddress> {
    // Sockets that may share an address would also share it with another process of the same kind,
    // so the first question is asked by one that may not.
    // (A port that the kernel chooses is never one that is shared.)
    if (address.port !== 0) {
      const probe = createServer();
      await listenTcp(probe, address, purpose);
      await new Promise((resolve) => probe.close(resolve));
    }
    let bound = address;
    const count = HAS_DOORS ? DOORS : 1;
    for (let i = 0; i < count; i += 1) {
      const door = makeDoor(DOOR_OPTIONS, i === 0);
      this.#doors.push(door);
      bound = await listenTcp(door, bound, purpose, { reusePort: HAS_DOORS });
    }
    return bound;
  }

  #enter(socket: Socket, enter: (socket: Socket) => void): void {
    if (this.open >= this.#hall.connectionsMax) {
      socket.destroy();
      return;
    }
    this.open += 1;
    socket.once("close", () => {
      this.open -= 1;
    });
    enter(socket);
  }
}

const DOOR_OPTIONS = { noDelay: true, allowHalfOpen: true, highWaterMark: WRITE_AHEAD_BYTES };
