import type { ServerResponse } from "node:http";
import type { CursorState, SliceCursor, SliceFailure } from "../fetch/slice-cursor.ts";
import { type BodyPiece, isLiteral } from "./multipart.ts";
import type { Deliverer, Turns } from "./turns.ts";

/**
 * Sends a body that is kept in slices, or pieces of it in any order, no faster than the client
 * takes it. Nothing is sent before `start`: until then another version can take its place.
 */
export class SlicedReader implements Deliverer {
  readonly #response: ServerResponse;
  readonly #cursor: SliceCursor;
  readonly #pieces: readonly BodyPiece[];
  readonly #turns: Turns;
  /** The piece that comes after the range that is being sent. */
  #piece = 0;
  #started = false;
  #blocked = false;
  #over = false;
  #delivering = false;
  #again = false;
  #onPrepared: (() => void) | undefined;
  /** Bytes handed to the socket. */
  sentBytes = 0;

  /** `open` makes the cursor, which calls what it is given whenever there is something new. */
  constructor(
    response: ServerResponse,
    source: {
      readonly open: (onMore: () => void) => SliceCursor;
      readonly pieces: readonly BodyPiece[];
    },
    turns: Turns,
  ) {
    this.#response = response;
    this.#cursor = source.open(() => this.wake());
    this.#pieces = source.pieces;
    this.#turns = turns;
    const first = source.pieces.find((piece) => !isLiteral(piece));
    if (first !== undefined && !isLiteral(first)) this.#cursor.seek(first.first, first.last);
    response.on("drain", () => {
      this.#blocked = false;
      this.wake();
    });
  }

  /** True while the next byte has to come from somewhere else. */
  get isWaiting(): boolean {
    return !this.#over && !this.#blocked;
  }

  /** It had to ask the origin. */
  get asked(): boolean {
    return this.#cursor.asked;
  }

  get failure(): SliceFailure | undefined {
    return this.#cursor.failure;
  }

  /** How it stands with the first byte. While `waiting`, `onPrepared` is told of a change. */
  prepare(onPrepared: () => void): CursorState {
    this.#onPrepared = undefined;
    const state = this.#cursor.prepare();
    if (state === "waiting") this.#onPrepared = onPrepared;
    return state;
  }

  /** The head has been written: the body may follow. */
  start(): void {
    this.#started = true;
    this.wake();
  }

  /** There is more, or the client can take more: delivers when it is this reader's turn. */
  wake(): void {
    if (this.#over || this.#blocked) return;
    if (this.#started) this.#turns.give(this);
    else this.#tellPrepared();
  }

  deliver(): void {
    this.#again = true;
    // What this asks for may be there before the asking returns: that must not overtake.
    if (this.#over || this.#delivering || !this.#started) return;
    this.#delivering = true;
    while (this.#again && !this.#response.destroyed) {
      this.#again = false;
      this.#writeWhatIsThere();
      this.#cursor.noteRead();
    }
    this.#delivering = false;
    this.#endIfOver();
  }

  #writeWhatIsThere(): void {
    while (!this.#blocked) {
      const bytes = this.#next();
      if (bytes === undefined) return;
      this.sentBytes += bytes.length;
      if (!this.#response.write(bytes)) this.#blocked = true;
    }
  }

  /** Takes no more. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#onPrepared = undefined;
    this.#cursor.close();
  }

  #tellPrepared(): void {
    const onPrepared = this.#onPrepared;
    if (onPrepared === undefined || this.#cursor.prepare() === "waiting") return;
    this.#onPrepared = undefined;
    onPrepared();
  }

  /** The next bytes: of a piece that is made here, or of the range that has been begun. */
  #next(): Buffer | undefined {
    for (;;) {
      const piece = this.#pieces[this.#piece];
      if (piece === undefined) return undefined;
      if (isLiteral(piece)) {
        this.#piece += 1;
        this.#seekNext();
        return piece.literal;
      }
      const bytes = this.#cursor.next();
      const isDone = this.#cursor.isDone;
      if (isDone) {
        this.#piece += 1;
        this.#seekNext();
      }
      if (bytes !== undefined || !isDone) return bytes;
    }
  }

  #seekNext(): void {
    const piece = this.#pieces[this.#piece];
    if (piece !== undefined && !isLiteral(piece)) this.#cursor.seek(piece.first, piece.last);
  }

  #endIfOver(): void {
    if (this.#over) return;
    if (this.#piece >= this.#pieces.length) {
      this.#response.end();
    } else if (this.#cursor.failure !== undefined) {
      // Never `end`: what was cut short must not look complete.
      this.#response.destroy();
    } else {
      return;
    }
    this.close();
  }
}
