import type { Socket } from "node:net";
import { framed } from "./tcp-framing.ts";

/** Messages that are made in one turn of the event loop: meanwhile all others wait. */
const MESSAGES_PER_TURN = 4;

/**
 * Sends answers of many messages on one connection, one answer after the other, no faster than the
 * client takes them. Other answers may come between two messages (RFC 5936 section 4.1).
 */
export class MessageStreams {
  readonly #socket: Socket;
  readonly #unsentBytesMax: number;
  readonly #onProgress: () => void;
  readonly #waiting: Iterator<Uint8Array>[] = [];
  #isScheduled = false;
  #endsWhenSent = false;

  constructor(socket: Socket, unsentBytesMax: number, onProgress: () => void) {
    this.#socket = socket;
    this.#unsentBytesMax = unsentBytesMax;
    this.#onProgress = onProgress;
    socket.on("drain", () => this.#schedule());
  }

  /** Puts an answer behind those that are being sent. */
  send(messages: Iterable<Uint8Array>): void {
    this.#waiting.push(messages[Symbol.iterator]());
    this.#schedule();
  }

  /** The client asks nothing more: ends the connection once it has what it asked for. */
  endWhenSent(): void {
    this.#endsWhenSent = true;
    if (this.#waiting.length === 0) this.#socket.end();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#sendSome();
    });
  }

  #sendSome(): void {
    for (let i = 0; i < MESSAGES_PER_TURN && this.#mayWrite(); i += 1) {
      const [first] = this.#waiting;
      if (first === undefined) break;
      const next = first.next();
      if (next.done === true) this.#waiting.shift();
      else this.#socket.write(framed(next.value));
      this.#onProgress();
    }
    if (this.#socket.destroyed) this.#waiting.length = 0;
    if (this.#waiting.length === 0 && this.#endsWhenSent) this.#socket.end();
    else if (this.#mayWrite()) this.#schedule();
  }

  #mayWrite(): boolean {
    return !this.#socket.destroyed && this.#socket.writableLength <= this.#unsentBytesMax;
  }
}
