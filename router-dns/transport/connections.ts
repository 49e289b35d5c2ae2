import type { Socket } from "node:net";
import type { IpBytes } from "../../common/ip.ts";

/** What one listener allows its connections. */
export interface ConnectionLimits {
  /**
   * Connections at one time. A further one takes the place of that whose last query is the longest
   * ago: who holds all of them and says nothing must not keep others out (RFC 7766 section 10).
   */
  readonly connectionsMax: number;
  /** The same for one client: an IPv4 address or an IPv6 /64. Further ones are closed at once. */
  readonly connectionsPerClientMax: number;
}

/** Who has connections open, that which has been silent for longest first. */
export class OpenConnections {
  readonly #limits: ConnectionLimits;
  readonly #clients = new Map<Socket, string>();
  readonly #counts = new Map<string, number>();

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#clients.size;
  }

  /** Notes a connection until it closes, unless its client has too many. */
  admit(socket: Socket, peer: IpBytes): "admitted" | "replaced-another" | "too-many" {
    const client = clientOf(peer);
    const own = this.#counts.get(client) ?? 0;
    if (own >= this.#limits.connectionsPerClientMax) return "too-many";
    const isFull = this.#clients.size >= this.#limits.connectionsMax;
    if (isFull) this.#dropFirst();
    this.#clients.set(socket, client);
    this.#counts.set(client, (this.#counts.get(client) ?? 0) + 1);
    socket.once("close", () => this.#forget(socket));
    return isFull ? "replaced-another" : "admitted";
  }

  /** A connection has said something. */
  touch(socket: Socket): void {
    const client = this.#clients.get(socket);
    if (client === undefined) return;
    this.#clients.delete(socket);
    this.#clients.set(socket, client);
  }

  #dropFirst(): void {
    const [socket] = this.#clients.keys();
    if (socket === undefined) return;
    this.#forget(socket);
    socket.destroy();
  }

  #forget(socket: Socket): void {
    const client = this.#clients.get(socket);
    if (client === undefined) return;
    this.#clients.delete(socket);
    const left = (this.#counts.get(client) ?? 0) - 1;
    if (left > 0) this.#counts.set(client, left);
    else this.#counts.delete(client);
  }
}

/**
 * Who a connection counts for (P): whoever has one IPv6 address has all 2^64 of its network
 * (RFC 6177 section 2).
 */
export function clientOf(peer: IpBytes): string {
  return peer.subarray(0, peer.length === 4 ? 4 : 8).join(".");
}
