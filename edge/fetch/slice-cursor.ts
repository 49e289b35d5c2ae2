import type { CacheObject } from "../store/store.ts";
import type { OriginFailure } from "./failure.ts";
import type { HeldSlice, SliceFetch, SliceReader } from "./slice-fetch.ts";
import type { SliceAsk } from "./slice-request.ts";
import type { SlicedBody } from "./sliced-body.ts";

/** One reader asks the origin so many times for one slice; it is cut off if that is not enough. */
const TRIES_MAX = 4;

/** Why a reader gets no more bytes. */
export type SliceFailure =
  /** The origin has another version by now. */
  { readonly kind: "changed" } | { readonly kind: "origin"; readonly failure: OriginFailure };

/** Bytes of one slice that stay where they are, stored or not, until they are released. */
export interface HeldBytes {
  readonly pieces: readonly Buffer[];
  readonly bytes: number;
  readonly release: () => void;
}

/** How it stands with the next byte. */
export type CursorState = "ready" | "waiting" | "failed";

/**
 * Where one reader is in a body that is kept in slices. `next` gives the bytes that are at hand, in
 * order, and otherwise sees to it that they come; then `onMore` is called. A reader that stops
 * reading holds on to one slice at most, and lets go of that when its memory is needed.
 */
export class SliceCursor implements SliceReader {
  readonly #body: SlicedBody;
  readonly #ask: SliceAsk;
  readonly #onMore: () => void;
  readonly #fetches = new Set<SliceFetch>();
  #last = -1;
  #index = -1;
  #held: HeldSlice | undefined;
  /** What of a list of chunks has been passed: how many, and their bytes. */
  #chunks: readonly Buffer[] | undefined;
  #chunkIndex = 0;
  #chunkStart = 0;
  #tries = 0;
  /** What a slower tier has been asked for, and whether it has answered. */
  #loadIndex = -1;
  #loading = false;
  #loaded: CacheObject | undefined;
  #aheadIndex = -1;
  #closed = false;
  position = 0;
  failure: SliceFailure | undefined;
  /** It had to wait for the origin. */
  asked = false;

  constructor(body: SlicedBody, ask: SliceAsk, onMore: () => void) {
    this.#body = body;
    this.#ask = ask;
    this.#onMore = onMore;
    body.enter();
  }

  /** Goes to a range: bytes `first` to `last`, both included. */
  seek(first: number, last: number): void {
    this.position = first;
    this.#last = last;
    this.#letGo();
    this.#index = -1;
    const index = Math.floor(first / this.#body.sliceBytes);
    for (const fetch of this.#fetches) if (!fetch.willBring(index)) this.#detach(fetch);
  }

  /** True when all of the range has been given. */
  get isDone(): boolean {
    return this.position > this.#last;
  }

  get holds(): number | undefined {
    return this.#held?.index;
  }

  /**
   * Sees to it that the next byte comes. `ready` as soon as it is sure that it is of this version:
   * the byte is there, or on its way from an origin that has said so.
   */
  prepare(): CursorState {
    if (this.failure !== undefined) return "failed";
    if (this.isDone || this.#chunksAtHand() !== undefined) return "ready";
    if (this.failure !== undefined) return "failed";
    const confirmed = [...this.#fetches].some(({ state }) => state === "arriving");
    return confirmed ? "ready" : "waiting";
  }

  /** The next bytes, or undefined when they are not there: see `failure`, else they will come. */
  next(): Buffer | undefined {
    if (this.#closed || this.failure !== undefined || this.isDone) return undefined;
    const chunks = this.#chunksAtHand();
    if (chunks === undefined) return undefined;
    const { sliceBytes } = this.#body;
    const piece = this.#pieceOf(chunks, this.#index * sliceBytes);
    if (piece === undefined) return undefined;
    this.position += piece.length;
    if (this.isDone || this.position >= (this.#index + 1) * sliceBytes) this.#letGo();
    return piece;
  }

  /**
   * The next bytes of a complete slice that is in memory, in pieces of about `bytesMax` together.
   * They are counted as read until they are released; `cut` says that their memory is needed.
   * Undefined when there are none: `next` says how it stands.
   */
  nextTogether(bytesMax: number, cut: () => void): HeldBytes | undefined {
    if (this.#closed || this.failure !== undefined || this.isDone) return undefined;
    if (this.#chunksAtHand() === undefined || this.#held === undefined) return undefined;
    const release = this.#body.store.read(this.#held.object, cut);
    const pieces: Buffer[] = [];
    let bytes = 0;
    // The hold ends with the slice.
    while (this.#held !== undefined && bytes < bytesMax) {
      const piece = this.next();
      if (piece === undefined) break;
      pieces.push(piece);
      bytes += piece.length;
    }
    return { pieces, bytes, release };
  }

  /** Says, after some calls of `next`, that an origin may go on. */
  noteRead(): void {
    for (const fetch of this.#fetches) fetch.onRead(this);
  }

  wake(): void {
    if (!this.#closed) this.#onMore();
  }

  fail(failure: OriginFailure): void {
    this.failure ??= { kind: "origin", failure };
    this.wake();
  }

  /** Reads no more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#letGo();
    for (const fetch of this.#fetches) fetch.detach(this);
    this.#fetches.clear();
    this.#body.leave();
  }

  /** The chunks of the slice that the next byte is in; otherwise sees to it that they come. */
  #chunksAtHand(): readonly Buffer[] | undefined {
    const index = Math.floor(this.position / this.#body.sliceBytes);
    if (index !== this.#index) this.#enter(index);
    if (this.#held !== undefined) return this.#held.object.chunks;
    for (const fetch of this.#fetches) {
      const arriving = fetch.arrivingChunks(index);
      if (arriving === undefined) continue;
      this.#readAhead(index + 1);
      return arriving;
    }
    this.#held = this.#body.hold(index, () => this.#cut());
    if (this.#held === undefined) this.#fetchOrLoad(index);
    else this.#readAhead(index + 1);
    return this.#held?.object.chunks;
  }

  #enter(index: number): void {
    this.#letGo();
    this.#index = index;
    this.#tries = 0;
    this.#loadIndex = -1;
    this.#loaded = undefined;
    this.#leaveUseless(index);
  }

  #fetchOrLoad(index: number): void {
    this.#leaveUseless(index);
    const fetch = this.#body.fetchFor(index);
    if (fetch !== undefined) {
      this.#attach(fetch);
      return;
    }
    if (this.#loadIndex === index && this.#takeLoaded(index)) return;
    this.#tries += 1;
    if (this.#tries > TRIES_MAX) {
      const detail = `${TRIES_MAX} attempts did not bring slice ${index}`;
      this.failure = { kind: "origin", failure: { kind: "truncated", detail } };
    } else if (!this.#load(index) && !this.#fetch(index) && this.failure === undefined) {
      this.failure = this.#body.changed
        ? { kind: "changed" }
        : { kind: "origin", failure: { kind: "protocol", detail: "the origin leads back here" } };
    }
  }

  /** True while a slower tier is asked, or when it has given what was asked for. */
  #takeLoaded(index: number): boolean {
    const loaded = this.#loaded;
    this.#loaded = undefined;
    if (loaded !== undefined) this.#held = this.#body.holdLoaded(index, loaded, () => this.#cut());
    return this.#loading || loaded !== undefined;
  }

  /** Asks a slower tier, each time that a slice is needed once. */
  #load(index: number): boolean {
    if (this.#loadIndex === index) return false;
    this.#loadIndex = index;
    this.#loading = this.#body.load(index, (object) => {
      if (this.#loadIndex !== index) return;
      this.#loading = false;
      this.#loaded = object;
      this.wake();
    });
    return this.#loading;
  }

  /** Asks for what comes next while there is still something to read. */
  #readAhead(index: number): void {
    const { sliceBytes, rangesIgnored } = this.#body;
    const wanted = index * sliceBytes <= this.#last;
    if (!wanted || rangesIgnored || this.#aheadIndex === index) return;
    this.#aheadIndex = index;
    const coming = this.#body.isStored(index) || this.#body.fetchFor(index) !== undefined;
    if (!coming && !this.#body.load(index, () => {})) this.#fetch(index);
  }

  /** False when there is nothing to ask the origin for. */
  #fetch(index: number): boolean {
    const lastIndex = Math.floor(this.#last / this.#body.sliceBytes);
    const fetch = this.#body.fetch(this, { index, lastIndex }, this.#ask);
    if (fetch !== undefined) this.#attach(fetch);
    return fetch !== undefined;
  }

  #attach(fetch: SliceFetch): void {
    this.asked = true;
    if (this.#fetches.has(fetch)) return;
    this.#fetches.add(fetch);
    fetch.attach(this);
  }

  #detach(fetch: SliceFetch): void {
    this.#fetches.delete(fetch);
    fetch.detach(this);
  }

  #pieceOf(chunks: readonly Buffer[], sliceStart: number): Buffer | undefined {
    const offset = this.position - sliceStart;
    // The next range may begin before where the last one ended, in the list that still grows.
    if (this.#chunks !== chunks || offset < this.#chunkStart) {
      this.#chunks = chunks;
      this.#chunkIndex = 0;
      this.#chunkStart = 0;
    }
    let chunk = chunks[this.#chunkIndex];
    while (chunk !== undefined && this.#chunkStart + chunk.length <= offset) {
      this.#chunkStart += chunk.length;
      this.#chunkIndex += 1;
      chunk = chunks[this.#chunkIndex];
    }
    if (chunk === undefined) return undefined;
    const from = offset - this.#chunkStart;
    const to = Math.min(chunk.length, this.#last + 1 - sliceStart - this.#chunkStart);
    return from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to);
  }

  #leaveUseless(index: number): void {
    for (const fetch of this.#fetches) if (!fetch.isOfUse(index)) this.#detach(fetch);
  }

  /** The memory of the slice is needed for something else: it has to be found again. */
  #cut(): void {
    this.#letGo();
    this.#loadIndex = -1;
  }

  #letGo(): void {
    const held = this.#held;
    this.#held = undefined;
    held?.release();
  }
}
