/**
 * Cuts a stream into DNS messages (P): each has its length in two octets before it (RFC 1035
 * section 4.2.2). Holds at most one message, in a buffer of exactly its length.
 */
export class MessageSplitter {
  readonly #onMessage: (message: Uint8Array) => boolean;
  #lengthByte: number | undefined;
  #message: Uint8Array | undefined;
  #filled = 0;
  #delivered = 0;
  #ended = false;

  /** `onMessage` gives false to end the stream. It must not keep the message. */
  constructor(onMessage: (message: Uint8Array) => boolean) {
    this.#onMessage = onMessage;
  }

  /** True if `onMessage` has ended the stream: nothing more is taken. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Takes the next piece of the stream from `start` on, and stops behind `messagesMax` messages.
   * Gives the offset of what it has not taken; the end of the piece if it has taken everything.
   */
  push(chunk: Uint8Array, start = 0, messagesMax = Number.POSITIVE_INFINITY): number {
    const enough = this.#delivered + messagesMax;
    let at = start;
    while (at < chunk.length && !this.#ended && this.#delivered < enough) {
      at = this.#message === undefined ? this.#readLength(chunk, at) : this.#fill(chunk, at);
    }
    return this.#ended ? chunk.length : at;
  }

  #readLength(chunk: Uint8Array, at: number): number {
    const byte = chunk[at] ?? 0;
    if (this.#lengthByte === undefined) {
      this.#lengthByte = byte;
      return at + 1;
    }
    const length = this.#lengthByte * 256 + byte;
    this.#lengthByte = undefined;
    const start = at + 1;
    if (start + length <= chunk.length) {
      this.#deliver(chunk.subarray(start, start + length));
      return start + length;
    }
    this.#message = new Uint8Array(length);
    this.#filled = 0;
    return start;
  }

  #fill(chunk: Uint8Array, at: number): number {
    const message = this.#message ?? new Uint8Array(0);
    const taken = chunk.subarray(at, at + message.length - this.#filled);
    message.set(taken, this.#filled);
    this.#filled += taken.length;
    if (this.#filled === message.length) {
      this.#message = undefined;
      this.#deliver(message);
    }
    return at + taken.length;
  }

  #deliver(message: Uint8Array): void {
    this.#delivered += 1;
    this.#ended = !this.#onMessage(message);
  }
}

/** A message with its length before it, in memory of its own (P). */
export function framed(message: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(message.length + 2);
  bytes.writeUInt16BE(message.length);
  bytes.set(message, 2);
  return bytes;
}
