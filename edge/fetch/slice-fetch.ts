import type { CacheObject, Store } from "../store/store.ts";
import { ArrivingSlice } from "./arriving-slice.ts";
import type { OriginFailure } from "./failure.ts";

/** A fetch that is so many slices ahead of its fastest reader waits for it. */
export const AHEAD_SLICES_MAX = 2;

/** Complete slices that a fetch holds on to for readers close behind, stored or not. */
const HELD_SLICES_MAX = AHEAD_SLICES_MAX + 2;

/** A fetch that nobody reads any more goes on if no more than so many slices are left of it. */
const ALONE_SLICES_MAX = 2;

/** A fetch stops where the next so many slices are stored already. */
const STORED_AHEAD_SLICES = 4;

/** A complete slice that somebody reads, so that its bytes stay, evicted or not. */
export interface HeldSlice {
  readonly index: number;
  readonly object: CacheObject;
  release(): void;
}

/** Somebody who reads slices from a fetch. */
export interface SliceReader {
  /** Offset of the next byte it needs. */
  readonly position: number;
  /** The slice that it has a complete one of, if it has one. */
  readonly holds: number | undefined;
  /** There are more bytes, or the fetch is over. */
  wake(): void;
  fail(failure: OriginFailure): void;
}

/** Where the bytes come from. */
export interface SliceSource {
  pause(): void;
  resume(): void;
  abort(): void;
}

/** What a fetch needs from the body that it is for. */
export interface FetchOwner {
  readonly store: Store;
  readonly sliceBytes: number;
  readonly bodyBytes: number;
  /** Stores a complete slice if it still may be, and holds it. `cut` is told to let go of it. */
  keep(arrived: ArrivingSlice, cut: () => void): HeldSlice;
  /** True if a slice need not be fetched. */
  isStored(index: number): boolean;
  /** Nothing of the fetch is of use to anybody any more. */
  onDone(fetch: SliceFetch): void;
}

/** How far a fetch has come. */
export type SliceFetchState =
  /** The answer to its request is not there: it may be about another version. */
  | "asked"
  | "arriving"
  /** Over, as far as it went. */
  | "over";

/**
 * Consecutive slices on their way from the origin. The one that is arriving can be read while it
 * comes; each that is complete is stored at once. Origin and readers do not wait for one another
 * within a slice: at its end the fetch sees whether to go on, to wait for its fastest reader, or
 * that nobody needs what comes next.
 */
export class SliceFetch {
  readonly #owner: FetchOwner;
  readonly #source: SliceSource;
  readonly #readers = new Set<SliceReader>();
  readonly #held: HeldSlice[] = [];
  #arriving: ArrivingSlice | undefined;
  /** Bytes before this offset belong to a slice whose beginning is not fetched. */
  #useFrom = 0;
  #paused = false;
  state: SliceFetchState = "asked";
  /** Offset of the next byte that arrives. */
  position: number;
  /** Offset behind the last byte that is asked for. */
  end: number;

  constructor(
    owner: FetchOwner,
    source: SliceSource,
    span: { readonly first: number; readonly end: number },
  ) {
    this.#owner = owner;
    this.#source = source;
    this.position = span.first;
    this.end = span.end;
  }

  /** The answer is there: it has the bytes from `first` to before `end`. */
  begin(first: number, end: number): void {
    const { sliceBytes } = this.#owner;
    this.state = "arriving";
    this.position = first;
    this.end = end;
    this.#useFrom = Math.ceil(first / sliceBytes) * sliceBytes;
    this.#wakeAll();
  }

  /** The slice whose bytes arrive next. */
  get arrivingIndex(): number {
    return Math.floor(Math.max(this.position, this.#useFrom) / this.#owner.sliceBytes);
  }

  /** True if the whole of a slice is still to come, or has begun to. */
  willBring(index: number): boolean {
    const { sliceBytes, bodyBytes } = this.#owner;
    const sliceEnd = Math.min((index + 1) * sliceBytes, bodyBytes);
    return this.state !== "over" && index >= this.arrivingIndex && sliceEnd <= this.end;
  }

  /** The chunks of the slice that is arriving, if it is this one. */
  arrivingChunks(index: number): readonly Buffer[] | undefined {
    return this.#arriving?.index === index ? this.#arriving.chunks : undefined;
  }

  /** A complete slice that is held for readers close behind. */
  heldSlice(index: number): HeldSlice | undefined {
    return this.#held.find((slice) => slice.index === index);
  }

  attach(reader: SliceReader): void {
    this.#readers.add(reader);
    this.onRead(reader);
  }

  /** A reader needs nothing from here any more. */
  detach(reader: SliceReader): void {
    if (!this.#readers.delete(reader) || this.#readers.size > 0) return;
    if (this.state === "over") this.#letGoOfAll();
    else if (this.#paused && this.#isNearEnd()) this.#resume();
    else if (this.#paused) this.stop();
  }

  /** False when a reader that needs this slice and those behind it can get none of them here. */
  isOfUse(index: number): boolean {
    return this.state !== "over" || this.#held.some((slice) => slice.index >= index);
  }

  /** A reader has come further: the origin may go on. */
  onRead(reader: SliceReader): void {
    if (this.#paused && this.#leadOver(reader) < AHEAD_SLICES_MAX) this.#resume();
  }

  /** More bytes are there. */
  append(chunk: Buffer): void {
    const { sliceBytes, bodyBytes } = this.#owner;
    let rest = chunk;
    let atBorder = false;
    while (rest.length > 0 && this.state === "arriving") {
      // An origin that announced no length can send more than it was asked for.
      if (this.position >= this.end) return this.stop();
      const index = Math.floor(this.position / sliceBytes);
      const room = Math.min((index + 1) * sliceBytes, bodyBytes) - this.position;
      const piece = rest.length <= room ? rest : rest.subarray(0, room);
      rest = rest.subarray(piece.length);
      if (this.position >= this.#useFrom) this.#take(index, piece);
      this.position += piece.length;
      if (piece.length === room && this.state === "arriving") {
        this.#completeSlice();
        atBorder = true;
      }
    }
    this.#wakeAll();
    if (atBorder && this.state === "arriving") this.#decideAtBorder();
  }

  /** The origin has sent everything, or says so. */
  complete(): void {
    if (this.position >= this.end) this.#finish();
    else this.fail({ kind: "truncated", detail: `${this.end - this.position} bytes are missing` });
  }

  /** Nobody needs the rest. */
  stop(): void {
    if (this.state === "over") return;
    this.#finish();
    this.#source.abort();
  }

  /** The bytes do not come. Readers that wait for them are told; others go on with what is here. */
  fail(failure: OriginFailure): void {
    if (this.state === "over") return;
    const index = this.arrivingIndex;
    const { sliceBytes } = this.#owner;
    const waiting = [...this.#readers].filter(
      ({ position, holds }) => holds === undefined && Math.floor(position / sliceBytes) >= index,
    );
    for (const reader of waiting) reader.fail(failure);
    this.#finish();
  }

  #take(index: number, piece: Buffer): void {
    this.#arriving ??= new ArrivingSlice(index, this.#owner.store, () => {
      this.fail({ kind: "aborted", detail: "its memory was needed for something else" });
      this.#source.abort();
    });
    this.#arriving.append(piece);
  }

  #completeSlice(): void {
    const arrived = this.#arriving;
    this.#arriving = undefined;
    if (arrived === undefined) return;
    const slice = this.#owner.keep(arrived, () => this.#letGo(arrived.index));
    this.#held.push(slice);
    if (this.#held.length > HELD_SLICES_MAX) this.#held.shift()?.release();
  }

  #letGo(index: number): void {
    const place = this.#held.findIndex((slice) => slice.index === index);
    if (place >= 0) this.#held.splice(place, 1)[0]?.release();
  }

  /** At the end of a slice: go on, wait, or stop? */
  #decideAtBorder(): void {
    if (this.position >= this.end) return;
    const nobody = this.#readers.size === 0;
    if ((nobody && !this.#isNearEnd()) || this.#isStoredAhead()) {
      this.stop();
      return;
    }
    let lead = nobody ? 0 : Number.POSITIVE_INFINITY;
    for (const reader of this.#readers) lead = Math.min(lead, this.#leadOver(reader));
    if (lead < AHEAD_SLICES_MAX) return;
    this.#paused = true;
    this.#source.pause();
  }

  /** How many slices it is ahead of a reader. */
  #leadOver({ position }: SliceReader): number {
    return (this.position - position) / this.#owner.sliceBytes;
  }

  #isNearEnd(): boolean {
    return this.end - this.position <= ALONE_SLICES_MAX * this.#owner.sliceBytes;
  }

  #isStoredAhead(): boolean {
    const { sliceBytes } = this.#owner;
    const next = this.arrivingIndex;
    const last = Math.ceil(this.end / sliceBytes);
    if (next + STORED_AHEAD_SLICES > last) return false;
    for (let index = next; index < next + STORED_AHEAD_SLICES; index += 1) {
      if (!this.#owner.isStored(index)) return false;
    }
    return true;
  }

  /** Not at once: the client library must not read one answer in the midst of another one. */
  #resume(): void {
    this.#paused = false;
    queueMicrotask(() => {
      if (!this.#paused && this.state === "arriving") this.#source.resume();
    });
  }

  #finish(): void {
    if (this.state === "over") return;
    this.state = "over";
    this.#arriving?.discard();
    this.#arriving = undefined;
    // What is held stays for as long as those who read it.
    if (this.#readers.size === 0) this.#letGoOfAll();
    else this.#wakeAll();
  }

  #letGoOfAll(): void {
    for (const slice of this.#held.splice(0)) slice.release();
    this.#owner.onDone(this);
  }

  #wakeAll(): void {
    for (const reader of this.#readers) reader.wake();
  }
}
