import type { ServerResponse } from "node:http";
import type { ByteRange } from "../decide/ranges.ts";
import type { BodyCursor, FillBody } from "../fetch/fill-body.ts";
import { passableTrailers } from "../http/trailers.ts";
import { bodyText } from "../store/body-text.ts";
import { type BodyPiece, isLiteral } from "./multipart.ts";
import type { Deliverer, Turns } from "./turns.ts";

/** All of a body, however long it becomes. */
const WHOLE: readonly BodyPiece[] = [{ first: 0, last: Number.POSITIVE_INFINITY }];

/** Sends a complete body, or pieces of it, no faster than the client takes it. */
export function sendStored(
  response: ServerResponse,
  turns: Turns,
  body: {
    readonly chunks: readonly Buffer[];
    /** Undefined for the whole. */
    readonly wanted: readonly BodyPiece[] | undefined;
    /** Says that the chunks are being read until the function that it gives is called. */
    readonly read: (cut: () => void) => () => void;
  },
): void {
  const { chunks, wanted } = body;
  const buffers =
    wanted?.flatMap((piece) => (isLiteral(piece) ? piece.literal : sliceChunks(chunks, piece))) ??
    chunks;
  if (buffers.length <= 1) {
    sendOnePiece(response, buffers[0], wanted === undefined);
    return;
  }
  response.once(
    "close",
    body.read(() => response.destroy()),
  );
  const sender = new StoredSender(response, buffers);
  response.on("drain", () => turns.give(sender));
  turns.give(sender);
}

/** Only a whole body is remembered as text: ranges of it are many, and each is its own Buffer. */
function sendOnePiece(response: ServerResponse, piece: Buffer | undefined, whole: boolean): void {
  const text = piece !== undefined && whole ? bodyText(piece) : undefined;
  if (text === undefined) response.end(piece);
  else response.end(text, "latin1");
}

/** Hands the chunks of a complete body to a socket, one after the other. */
class StoredSender implements Deliverer {
  readonly #response: ServerResponse;
  readonly #chunks: readonly Buffer[];
  #next = 0;

  constructor(response: ServerResponse, chunks: readonly Buffer[]) {
    this.#response = response;
    this.#chunks = chunks;
  }

  deliver(): void {
    while (this.#next < this.#chunks.length && !this.#response.destroyed) {
      const chunk = this.#chunks[this.#next];
      this.#next += 1;
      if (this.#next === this.#chunks.length) this.#response.end(chunk);
      else if (!this.#response.write(chunk)) return;
    }
  }
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

/**
 * Sends a body, or pieces of it, while it arrives, no faster than the client takes it. Ranges among
 * the pieces ascend and do not overlap.
 */
export class FillReader implements Deliverer {
  readonly #response: ServerResponse;
  readonly #body: FillBody;
  readonly #cursor: BodyCursor;
  readonly #pieces: readonly BodyPiece[];
  readonly #withTrailers: boolean;
  /** The piece that is being sent. */
  #piece = 0;
  readonly #turns: Turns;
  readonly #listener: FillReaderListener;
  /** Bytes of the body in front of the cursor. */
  #position = 0;
  #blocked = false;
  #over = false;
  /** Bytes handed to the socket. */
  sentBytes = 0;

  constructor(
    response: ServerResponse,
    source: {
      readonly body: FillBody;
      readonly wanted: readonly BodyPiece[] | undefined;
      /** The client takes what comes behind the body. */
      readonly withTrailers: boolean;
    },
    turns: Turns,
    listener: FillReaderListener,
  ) {
    this.#response = response;
    this.#body = source.body;
    this.#cursor = source.body.open(() => response.destroy());
    this.#pieces = source.wanted ?? WHOLE;
    this.#withTrailers = source.withTrailers && source.wanted === undefined;
    this.#turns = turns;
    this.#listener = listener;
    response.on("drain", () => {
      this.#blocked = false;
      this.wake();
    });
  }

  /** True while the next byte has to come from the origin. */
  get isWaiting(): boolean {
    return !this.#over && !this.#blocked;
  }

  /** The body has changed, or the client can take more: delivers when it is this reader's turn. */
  wake(): void {
    if (!this.#over && !this.#blocked) this.#turns.give(this);
  }

  /** Hands on what has arrived. */
  deliver(): void {
    if (this.#over) return;
    const from = this.#cursor.next;
    this.#sendLiterals();
    while (!this.#blocked && this.#piece < this.#pieces.length) {
      const chunk = this.#body.chunkAt(this.#cursor.next);
      if (chunk === undefined) break;
      this.#cursor.next += 1;
      this.#sendWantedOf(chunk);
    }
    if (this.#cursor.next > from) this.#listener.onRead();
    this.#endIfOver();
  }

  /** Takes no more. */
  close(): void {
    this.#over = true;
    this.#body.close(this.#cursor);
  }

  /** Sends what the pieces want of a chunk, which begins at the present position. */
  #sendWantedOf(chunk: Buffer): void {
    const start = this.#position;
    this.#position += chunk.length;
    for (;;) {
      const piece = this.#pieces[this.#piece];
      if (piece === undefined || isLiteral(piece) || piece.first >= this.#position) return;
      const from = Math.max(0, piece.first - start);
      const to = Math.min(chunk.length, piece.last + 1 - start);
      this.#write(from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to));
      if (piece.last >= this.#position) return;
      this.#piece += 1;
      this.#sendLiterals();
    }
  }

  #sendLiterals(): void {
    for (;;) {
      const piece = this.#pieces[this.#piece];
      if (piece === undefined || !isLiteral(piece)) return;
      this.#piece += 1;
      this.#write(piece.literal);
    }
  }

  #write(bytes: Buffer): void {
    this.sentBytes += bytes.length;
    if (!this.#response.write(bytes)) this.#blocked = true;
  }

  #endIfOver(): void {
    if (this.#over) return;
    const hasAll = this.#piece >= this.#pieces.length;
    const nothingLeft = this.#body.chunkAt(this.#cursor.next) === undefined;
    if (hasAll || (this.#body.state === "complete" && nothingLeft)) {
      const trailers = this.#withTrailers ? passableTrailers(this.#body.trailers) : [];
      // Node sends them if the body goes out in chunks, and leaves them out if it does not.
      if (trailers.length > 0) this.#response.addTrailers(trailers.map(([...line]) => line));
      this.#response.end();
    } else if (this.#body.state === "failed" && nothingLeft) {
      // Never `end`: a body that was cut short must not look complete to the client.
      this.#response.destroy();
    } else {
      return;
    }
    this.close();
    this.#listener.onOver();
  }
}
