import type { FieldLines } from "../http/fields.ts";
import { ownCopy, pinsTooMuch } from "../store/chunks.ts";
import { chunkCost, heldCost } from "../store/cost.ts";
import type { Pin } from "../store/pins.ts";
import type { Store } from "../store/store.ts";

/**
 * Bytes of a body that is not kept which may wait for its readers. More than one read of a socket
 * would only fill memory, not the line.
 */
const WINDOW_BYTES = 16_384;

/** How far a body has come. */
export type BodyState = "arriving" | "complete" | "failed";

/** Where one reader is. It reads chunks by number and says how far it has come. */
export interface BodyCursor {
  /** The number of the next chunk it needs. */
  next: number;
  /** Ends this reader: its bytes are needed for something else. */
  readonly cut: () => void;
}

/**
 * A body that grows while others read it. As long as it is *kept*, every chunk stays for readers
 * who come later, within bytes reserved from the store. Otherwise a chunk goes when the slowest
 * reader has passed it, and the origin waits when too much is held.
 */
export class FillBody {
  readonly #store: Store;
  readonly #chunks: Buffer[] = [];
  readonly #cursors = new Set<BodyCursor>();
  /** Chunks before this number have been dropped. */
  #dropped = 0;
  #heldBytes = 0;
  #reservedBytes = 0;
  #kept = false;
  #pin: Pin | undefined;
  state: BodyState = "arriving";
  /** Bytes that have arrived. */
  bytes = 0;
  /** What came behind the last byte. It is for those who read along, and not stored. */
  trailers: FieldLines = [];

  constructor(store: Store) {
    this.#store = store;
  }

  /** True while every chunk from the first on is there. */
  get kept(): boolean {
    return this.#kept;
  }

  /** Starts to keep all chunks. Only before the first one. */
  keep(): void {
    this.#kept = true;
  }

  /** Adds a chunk. False when the origin should wait: see `mayGoOn`. */
  append(chunk: Buffer): boolean {
    this.bytes += chunk.length;
    const kept = this.#kept && pinsTooMuch(chunk) ? ownCopy(chunk) : chunk;
    if (this.#kept) this.#reserve(kept);
    this.#chunks.push(kept);
    this.#heldBytes += heldCost(kept);
    return this.#kept || this.mayGoOn();
  }

  /** The chunk with this number: undefined when it has not arrived yet or was dropped. */
  chunkAt(index: number): Buffer | undefined {
    return this.#chunks[index - this.#dropped];
  }

  /** True if a reader that needs the body from its start can still have it. */
  get hasStart(): boolean {
    return this.#dropped === 0;
  }

  /** Registers a reader at the first chunk. */
  open(cut: () => void): BodyCursor {
    const cursor = { next: 0, cut };
    this.#cursors.add(cursor);
    return cursor;
  }

  /** Forgets a reader. */
  close(cursor: BodyCursor): void {
    this.#cursors.delete(cursor);
    this.trim();
  }

  /** Drops what every reader has passed, unless the body is kept. */
  trim(): void {
    if (this.#kept) return;
    let slowest = this.#dropped + this.#chunks.length;
    for (const { next } of this.#cursors) slowest = Math.min(slowest, next);
    const passed = this.#chunks.splice(0, slowest - this.#dropped);
    for (const chunk of passed) this.#heldBytes -= heldCost(chunk);
    this.#dropped = slowest;
    if (this.#cursors.size === 0) this.#pin?.release();
    else this.#pin?.resize(this.#heldBytes);
  }

  /**
   * True while more bytes may be held. After a body has outgrown the store in mid-flight, what was
   * reserved for it stays its window, so that a slow reader holds up the others late, if at all.
   */
  mayGoOn(): boolean {
    return this.#kept || this.#heldBytes <= Math.max(WINDOW_BYTES, this.#reservedBytes);
  }

  /** Stops keeping: late readers cannot join any more. */
  letGo(): void {
    this.#kept = false;
    this.trim();
  }

  /** All chunks and the reservation, which becomes the caller's to give back. */
  takeForStore(): { readonly chunks: readonly Buffer[]; readonly reservedBytes: number } {
    const reservedBytes = this.#reservedBytes;
    this.#reservedBytes = 0;
    return { chunks: this.#chunks, reservedBytes };
  }

  /**
   * Ends the body and gives back what is still reserved. What is read from now on is counted as
   * pinned: a store that took the body may have packed it anew, or drop it at any time.
   */
  finish(state: "complete" | "failed"): void {
    this.state = state;
    this.#kept = false;
    this.#store.release(this.#reservedBytes);
    this.#reservedBytes = 0;
    this.trim();
    if (this.#cursors.size === 0) return;
    this.#pin = this.#store.pin(this.#heldBytes, () => {
      for (const cursor of this.#cursors) cursor.cut();
    });
  }

  #reserve(chunk: Buffer): void {
    const cost = chunkCost(chunk);
    const fits = this.bytes <= this.#store.objectBytesMax && this.#store.reserve(cost);
    if (fits) this.#reservedBytes += cost;
    else this.letGo();
  }
}
