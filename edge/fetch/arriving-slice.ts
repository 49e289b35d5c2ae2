import { ownCopy, pinsTooMuch } from "../store/chunks.ts";
import { chunkCost } from "../store/cost.ts";
import type { Pin } from "../store/pins.ts";
import type { Store } from "../store/store.ts";

/**
 * The slice that is arriving: its bytes so far, counted against the store's budget. As long as the
 * store can set bytes aside they are reserved, beyond that pinned, where the oldest are given up
 * when there are too many: then `cut` is called, perhaps before `append` returns.
 */
export class ArrivingSlice {
  readonly index: number;
  readonly chunks: Buffer[] = [];
  readonly #store: Store;
  readonly #cut: () => void;
  #reservedBytes = 0;
  #pinnedBytes = 0;
  #pin: Pin | undefined;
  bytes = 0;

  constructor(index: number, store: Store, cut: () => void) {
    this.index = index;
    this.#store = store;
    this.#cut = cut;
  }

  append(piece: Buffer): void {
    const kept = pinsTooMuch(piece) ? ownCopy(piece) : piece;
    this.chunks.push(kept);
    this.bytes += kept.length;
    const cost = chunkCost(kept);
    if (this.#pinnedBytes === 0 && this.#store.reserve(cost)) {
      this.#reservedBytes += cost;
      return;
    }
    this.#pin?.release();
    this.#pinnedBytes += cost;
    this.#pin = this.#store.pin(this.#pinnedBytes, this.#cut);
  }

  /** The reservation, which becomes the caller's to give back; pins are let go of. */
  handOver(): number {
    const reservedBytes = this.#reservedBytes;
    this.#reservedBytes = 0;
    this.discard();
    return reservedBytes;
  }

  /** Gives everything back. */
  discard(): void {
    this.#store.release(this.#reservedBytes);
    this.#reservedBytes = 0;
    this.#pin?.release();
    this.#pin = undefined;
  }
}
