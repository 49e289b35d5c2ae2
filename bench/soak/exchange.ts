import { connect, type Socket } from "node:net";
import type { SocketAddress } from "../../common/address.ts";
import { bytesOf, type Content, pathOf } from "./content.ts";

const HEAD_END = Buffer.from("\r\n\r\n");

/** Told how the answers on a connection come in. */
export interface AnswerListener {
  /** Some bytes of a body are there and right. */
  onBytes(count: number): void;
  /** The whole answer was there, and right. */
  onDone(): void;
  /** The connection has ended in the middle of an answer. */
  onCut(): void;
  /** Another status than 200, such as 504 of an origin that is slow because the machine is. */
  onRefused(): void;
  /** What came is not what the origin has: the worst that a cache can do. */
  onWrong(detail: string): void;
}

/** A client's connection: one request after the other, every byte of the answers compared. */
export class ClientConnection {
  readonly #socket: Socket;
  readonly #listener: AnswerListener;
  #content: Content | undefined;
  #head: Buffer | undefined;
  #received = 0;

  constructor(at: SocketAddress, listener: AnswerListener) {
    this.#listener = listener;
    this.#socket = connect({ host: at.host, port: at.port, noDelay: true });
    this.#socket.on("data", (chunk: Buffer) => this.#take(chunk));
    this.#socket.on("error", () => {});
    this.#socket.on("close", () => {
      if (this.#content !== undefined) listener.onCut();
    });
  }

  ask(content: Content): void {
    this.#content = content;
    this.#head = Buffer.alloc(0);
    this.#received = 0;
    this.#socket.write(`GET ${pathOf(content)} HTTP/1.1\r\nHost: soak.test\r\n\r\n`);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#content = undefined;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    const body = this.#head === undefined ? chunk : this.#takeHead(chunk);
    const content = this.#content;
    if (body === undefined || content === undefined) return;
    const left = content.bytes - this.#received;
    const expected = bytesOf(content, this.#received, Math.min(left, body.length));
    if (!expected.equals(body)) {
      this.#fail(`byte ${this.#received} and following`);
      return;
    }
    this.#received += body.length;
    this.#listener.onBytes(body.length);
    if (this.#received < content.bytes) return;
    this.#content = undefined;
    this.#listener.onDone();
  }

  /** Takes what belongs to the head, and gives what follows it. */
  #takeHead(chunk: Buffer): Buffer | undefined {
    const all = this.#head?.length === 0 ? chunk : Buffer.concat([this.#head ?? chunk, chunk]);
    const end = all.indexOf(HEAD_END);
    this.#head = end < 0 ? all : undefined;
    if (end < 0) return undefined;
    const head = all.toString("latin1", 0, end);
    if (/^HTTP\/1\.1 5\d\d /.test(head)) {
      this.close();
      this.#listener.onRefused();
      return undefined;
    }
    const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
    if (!head.startsWith("HTTP/1.1 200 ") || Number(length) !== this.#content?.bytes) {
      this.#fail(head.split("\r\n", 1)[0] ?? "no head");
      return undefined;
    }
    return all.subarray(end + HEAD_END.length);
  }

  #fail(what: string): void {
    const path = this.#content === undefined ? "" : pathOf(this.#content);
    this.close();
    this.#listener.onWrong(`${path}: ${what}`);
  }
}
