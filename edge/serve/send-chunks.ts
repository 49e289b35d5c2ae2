import type { ServerResponse } from "node:http";
import type { BodyCursor, FillBody } from "../fetch/fill-body.ts";

/** The bytes of a body that are wanted: `first` to `last`, both included. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** Sends a complete body, or a range of it, no faster than the client takes it. */
export function sendStored(
  response: ServerResponse,
  chunks: readonly Buffer[],
  range: ByteRange | undefined,
): void {
  const wanted = range === undefined ? chunks : sliceChunks(chunks, range);
  if (wanted.length <= 1) {
    response.end(wanted[0]);
    return;
  }
  let next = 0;
  const pump = (): void => {
    while (next < wanted.length) {
      const chunk = wanted[next];
      next += 1;
      if (next === wanted.length) response.end(chunk);
      else if (!response.write(chunk)) return;
    }
  };
  response.on("drain", pump);
  pump();
}

/** The part of a list of chunks that a range covers, without copying (P). */
export function sliceChunks(chunks: readonly Buffer[], { first, last }: ByteRange): Buffer[] {
  const slices: Buffer[] = [];
  let start = 0;
  for (const chunk of chunks) {
    const end = start + chunk.length;
    if (end > first && start <= last) {
      slices.push(
        chunk.subarray(Math.max(0, first - start), Math.min(chunk.length, last + 1 - start)),
      );
    }
    start = end;
  }
  return slices;
}

/** What a reader of a growing body tells. */
export interface FillReaderListener {
  /** Chunks have been taken. */
  onRead(): void;
  /** All that was wanted has been handed to the socket, or the body broke off. */
  onOver(): void;
}

/** Sends a body, or a range of it, while it arrives, no faster than the client takes it. */
export class FillReader {
  readonly #response: ServerResponse;
  readonly #body: FillBody;
  readonly #cursor: BodyCursor;
  readonly #range: ByteRange;
  readonly #listener: FillReaderListener;
  /** Bytes of the body in front of the cursor. */
  #position = 0;
  #blocked = false;
  #over = false;
  /** Bytes handed to the socket. */
  sentBytes = 0;

  constructor(
    response: ServerResponse,
    body: FillBody,
    range: ByteRange | undefined,
    listener: FillReaderListener,
  ) {
    this.#response = response;
    this.#body = body;
    this.#cursor = body.open();
    this.#range = range ?? { first: 0, last: Number.POSITIVE_INFINITY };
    this.#listener = listener;
    response.on("drain", () => {
      this.#blocked = false;
      this.pump();
    });
  }

  /** True while the next byte has to come from the origin. */
  get isWaiting(): boolean {
    return !this.#over && !this.#blocked;
  }

  /** Hands on what has arrived. Called whenever the body has changed. */
  pump(): void {
    if (this.#over || this.#blocked) return;
    const from = this.#cursor.next;
    while (!this.#blocked && this.#position <= this.#range.last) {
      const chunk = this.#body.chunkAt(this.#cursor.next);
      if (chunk === undefined) break;
      this.#cursor.next += 1;
      this.#write(chunk);
    }
    if (this.#cursor.next > from) this.#listener.onRead();
    this.#endIfOver();
  }

  /** Takes no more. */
  close(): void {
    this.#over = true;
    this.#body.close(this.#cursor);
  }

  #write(chunk: Buffer): void {
    const start = this.#position;
    this.#position += chunk.length;
    const { first, last } = this.#range;
    if (this.#position <= first) return;
    const whole = start >= first && this.#position - 1 <= last;
    const piece = whole
      ? chunk
      : chunk.subarray(Math.max(0, first - start), Math.min(chunk.length, last + 1 - start));
    this.sentBytes += piece.length;
    this.#blocked = !this.#response.write(piece);
  }

  #endIfOver(): void {
    if (this.#over) return;
    const hasAll = this.#position > this.#range.last;
    const nothingLeft = this.#body.chunkAt(this.#cursor.next) === undefined;
    if (hasAll || (this.#body.state === "complete" && nothingLeft)) {
      this.#over = true;
      this.#response.end();
      this.#body.close(this.#cursor);
      this.#listener.onOver();
    } else if (this.#body.state === "failed" && nothingLeft) {
      // Never `end`: a body that was cut short must not look complete to the client.
      this.#over = true;
      this.#response.destroy();
      this.#body.close(this.#cursor);
      this.#listener.onOver();
    }
  }
}
