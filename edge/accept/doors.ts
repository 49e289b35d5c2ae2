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
  enter(socket: Socket): void;
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
    hall.http.on("connection", (socket: Socket) => this.#enter(socket));
  }

  /** Binds the address. Rejects with a ListenError when anybody else has it. */
  async listen(address: SocketAddress): Promise<SocketAddress> {
    // Sockets that may share an address would also share it with another process of the same kind,
    // so the first question is asked by one that may not.
    // (A port that the kernel chooses is never one that is shared.)
    if (address.port !== 0) {
      const probe = createServer();
      await listenTcp(probe, address, "http");
      await new Promise((resolve) => probe.close(resolve));
    }
    let bound = address;
    const count = HAS_DOORS ? DOORS : 1;
    for (let i = 0; i < count; i += 1) {
      const options = { noDelay: true, allowHalfOpen: true, highWaterMark: WRITE_AHEAD_BYTES };
      const enter = (socket: Socket) => this.#enter(socket);
      const door = i === 0 ? this.#hall.http : createServer(options, enter);
      this.#doors.push(door);
      bound = await listenTcp(door, bound, "http", { reusePort: HAS_DOORS });
    }
    return bound;
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

  #enter(socket: Socket): void {
    if (this.open >= this.#hall.connectionsMax) {
      socket.destroy();
      return;
    }
    this.open += 1;
    socket.once("close", () => {
      this.open -= 1;
    });
    this.#hall.enter(socket);
  }
}
