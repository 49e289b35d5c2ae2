import type { ServerResponse } from "node:http";
import type { CursorState, SliceCursor, SliceFailure } from "../fetch/slice-cursor.ts";
import { type BodyPiece, isLiteral } from "./multipart.ts";
import type { Deliverer, Turns } from "./turns.ts";
import { WritePace } from "./write-pace.ts";

/**
 * Sends a body that is kept in slices, or pieces of it in any order, no faster than the client
 * takes it. Nothing is sent before `start`: until then another version can take its place.
 */
export class SlicedReader implements Deliverer {
  readonly #response: ServerResponse;
  readonly #cursor: SliceCursor;
  readonly #pieces: readonly BodyPiece[];
  readonly #turns: Turns;
  readonly #pace: WritePace;
  /** Lets go of what has been written ahead of the client and is not counted otherwise. */
  #release: (() => void) | undefined;
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
    this.#pace = new WritePace(turns.now);
    const first = source.pieces.find((piece) => !isLiteral(piece));
    if (first !== undefined && !isLiteral(first)) this.#cursor.seek(first.first, first.last);
    response.on("drain", () => {
      this.#blocked = false;
      this.#pace.taken();
      this.#letGo();
      this.wake();
    });
    response.once("close", () => this.#letGo());
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
      if (this.#writeTogether()) continue;
      const bytes = this.#next();
      if (bytes === undefined) return;
      this.sentBytes += bytes.length;
      this.#write([bytes]);
    }
  }

  /** Writes several pieces of a slice at once, to a client that is quick to take them. */
  #writeTogether(): boolean {
    const piece = this.#pieces[this.#piece];
    if (this.#pace.bytesMax === 0 || piece === undefined || isLiteral(piece)) return false;
    const held = this.#cursor.nextTogether(this.#pace.bytesMax, () => this.#response.destroy());
    if (held === undefined) return false;
    this.#endOfRange();
    this.sentBytes += held.bytes;
    this.#release = held.release;
    this.#write(held.pieces);
    if (!this.#blocked) this.#letGo();
    return true;
  }

  #write(pieces: readonly Buffer[]): void {
    for (const bytes of pieces) {
      if (!this.#response.write(bytes)) this.#blocked = true;
    }
    if (this.#blocked) this.#pace.written();
  }

  #letGo(): void {
    const release = this.#release;
    this.#release = undefined;
    release?.();
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
      const isDone = this.#endOfRange();
      if (bytes !== undefined || !isDone) return bytes;
    }
  }

  /** Goes on to the piece behind a range that has been given as a whole. */
  #endOfRange(): boolean {
    const { isDone } = this.#cursor;
    if (isDone) {
      this.#piece += 1;
      this.#seekNext();
    }
    return isDone;
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
