import { background } from "../../common/background.ts";
import type { Logger } from "../../common/log.ts";
import {
  type KnownVersion,
  type Slicing,
  sliceCount,
  sliceLength,
  slicingOf,
  versionOf,
} from "../decide/slicing.ts";
import type { StoredResponse } from "../decide/stored.ts";
import type { FieldLine } from "../http/fields.ts";
import { type CacheObject, partKey, type Store } from "../store/store.ts";
import type { ArrivingSlice } from "./arriving-slice.ts";
import type { OriginClient } from "./origin-client.ts";
import {
  type FetchOwner,
  type HeldSlice,
  SliceFetch,
  type SliceReader,
  type SliceSource,
} from "./slice-fetch.ts";
import { type SliceAsk, SliceRequest, type SliceRequestResult } from "./slice-request.ts";

/** A missing slice is not asked for while a fetch is under way that is so many slices before it. */
const REACH_SLICES_MAX = 2;

/** Missing slices that one request to the origin is for. */
const RUN_SLICES_MAX = 64;

/** What the slices of all objects share. */
export interface SlicesAround {
  readonly store: Store;
  readonly origins: OriginClient;
  readonly log: Logger;
  onRequestEnd(site: string, result: SliceRequestResult): void;
  onRangeIgnored(key: string): void;
}

/** No facts of its own: nobody decides about a slice, only about the object that it is of. */
const SLICE_FACTS: Omit<StoredResponse, "times" | "bodyBytes"> = {
  status: 200,
  fields: [],
  method: "GET",
  varyOn: [],
  ruleTtlSeconds: undefined,
};

/**
 * One version of a body that is kept in slices, while somebody reads or fetches it. It finds slices
 * in the store, in what a slower tier holds, and in fetches, and starts these.
 */
export class SlicedBody implements FetchOwner, Slicing {
  readonly object: CacheObject;
  readonly store: Store;
  readonly sliceBytes: number;
  readonly bodyBytes: number;
  readonly #version: KnownVersion | undefined;
  readonly #around: SlicesAround;
  readonly #onIdle: () => void;
  readonly #fetches = new Set<SliceFetch>();
  #readers = 0;
  /** The origin has another version: nothing more is asked for. */
  changed = false;
  /** The origin sends everything whatever range it is asked for. */
  rangesIgnored = false;

  constructor(object: CacheObject, around: SlicesAround, onIdle: () => void) {
    const slicing = slicingOf(object.response) ?? { sliceBytes: 1, bodyBytes: object.bodyBytes };
    const { fields, times } = object.response;
    this.object = object;
    this.store = around.store;
    this.sliceBytes = slicing.sliceBytes;
    this.bodyBytes = slicing.bodyBytes;
    this.#version = versionOf(fields, slicing.bodyBytes, times.responseTime);
    this.#around = around;
    this.#onIdle = onIdle;
  }

  /** A reader begins; `leave` when it ends. */
  enter(): void {
    this.#readers += 1;
  }

  leave(): void {
    this.#readers -= 1;
    this.#endIfIdle();
  }

  /** Slices from `first` on come from an exchange that is under way already. */
  adopt(source: SliceSource, span: { readonly first: number; readonly end: number }): SliceFetch {
    const fetch = new SliceFetch(this, source, span);
    this.#fetches.add(fetch);
    fetch.begin(span.first, span.end);
    return fetch;
  }

  /** A complete slice that is in memory, held until it is released. */
  hold(index: number, cut: () => void): HeldSlice | undefined {
    for (const fetch of this.#fetches) {
      const held = fetch.heldSlice(index);
      if (held !== undefined) return this.#held(index, held.object, cut);
    }
    const object = this.#stored(index);
    if (object === undefined) return undefined;
    this.store.touch(object);
    return this.#held(index, object, cut);
  }

  /**
   * Asks a slower tier for a slice. False when there is none or it has not got it; else `onLoaded`
   * is told later. It may be given nothing after all.
   */
  load(index: number, onLoaded: (object: CacheObject | undefined) => void): boolean {
    const loading = this.store.load(this.#key(index));
    if (loading === undefined) return false;
    const told = loading.then((found) => onLoaded(this.#checked(index, found?.objects[0])));
    background(this.#around.log, "slice-load", told);
    return true;
  }

  /** Holds a slice that `load` has given. */
  holdLoaded(index: number, object: CacheObject, cut: () => void): HeldSlice {
    return this.#held(index, object, cut);
  }

  /** The fetch that brings a slice soon enough, if there is one. */
  fetchFor(index: number): SliceFetch | undefined {
    for (const fetch of this.#fetches) {
      if (!fetch.willBring(index)) continue;
      if (this.rangesIgnored || index - fetch.arrivingIndex <= REACH_SLICES_MAX) return fetch;
    }
    return undefined;
  }

  /**
   * Asks the origin for the missing slices from `index` on, as far as `lastIndex`, on behalf of a
   * reader, which may be told of a failure before this returns. Undefined when asking is in vain:
   * the version is gone, or the request would lead back here.
   */
  fetch(
    reader: SliceReader,
    { index, lastIndex }: { readonly index: number; readonly lastIndex: number },
    ask: SliceAsk,
  ): SliceFetch | undefined {
    if (this.#version === undefined) this.markChanged();
    if (this.changed || this.#version === undefined) return undefined;
    const first = this.rangesIgnored ? 0 : index * this.sliceBytes;
    const end = this.rangesIgnored ? this.bodyBytes : this.#runEnd(index, lastIndex);
    const conditions: FieldLine[] = this.rangesIgnored
      ? []
      : [
          ["range", `bytes=${first}-${end - 1}`],
          ["if-range", this.#version.validator],
        ];
    const asked = ask(conditions);
    if (asked === undefined) return undefined;
    const request = new SliceRequest(this.#version, this.#around.origins, {
      onWhole: () => {
        this.rangesIgnored = true;
        this.#around.onRangeIgnored(this.object.key);
      },
      onChanged: () => this.markChanged(),
      onEnd: (result) => this.#around.onRequestEnd(this.object.site, result),
    });
    const fetch = new SliceFetch(this, request, { first, end });
    this.#fetches.add(fetch);
    fetch.attach(reader);
    request.start(asked, fetch);
    return fetch;
  }

  /** The origin has another version: what is stored of this one must not be served any more. */
  markChanged(): void {
    if (this.changed) return;
    this.changed = true;
    if (this.#current() !== undefined) this.store.remove(this.object.key, "invalidated");
  }

  /** Ends all fetches. */
  abort(): void {
    for (const fetch of this.#fetches) {
      fetch.fail({ kind: "aborted", detail: "the edge stops" });
      fetch.stop();
    }
  }

  keep(arrived: ArrivingSlice, cut: () => void): HeldSlice {
    const { index, chunks, bytes } = arrived;
    const reservedBytes = arrived.handOver();
    const { site, url, response } = this.object;
    const times = response.times;
    const facts = { ...SLICE_FACTS, times, bodyBytes: bytes };
    const slice = { key: this.#key(index), site, url, response: facts, chunks, bodyBytes: bytes };
    let object = this.#stored(index);
    const head = this.#current();
    // Without its head a slice is of no use: that must not leave because of what arrives for it.
    if (head !== undefined) this.store.touch(head);
    if (object !== undefined || head === undefined) {
      this.store.release(reservedBytes);
    } else {
      const { generation } = this.store.purges;
      object = this.store.put({ ...slice, generation, reservedBytes });
    }
    return this.#held(index, object ?? { ...slice, id: "" }, cut);
  }

  isStored(index: number): boolean {
    return !this.rangesIgnored && this.#stored(index) !== undefined;
  }

  onDone(fetch: SliceFetch): void {
    this.#fetches.delete(fetch);
    this.#endIfIdle();
  }

  #endIfIdle(): void {
    if (this.#readers === 0 && this.#fetches.size === 0) this.#onIdle();
  }

  /** The head, while new requests are answered with this version. */
  #current(): CacheObject | undefined {
    const { key, id } = this.object;
    return this.store.lookup(key)?.objects.find((object) => object.id === id);
  }

  #stored(index: number): CacheObject | undefined {
    return this.#checked(index, this.store.lookup(this.#key(index))?.objects[0]);
  }

  /** A slice of another length than it must have is as good as none. */
  #checked(index: number, object: CacheObject | undefined): CacheObject | undefined {
    return object?.bodyBytes === sliceLength(this, index) ? object : undefined;
  }

  #held(index: number, object: CacheObject, cut: () => void): HeldSlice {
    return { index, object, release: this.store.read(object, cut) };
  }

  #key(index: number): string {
    return partKey(this.object.id, String(index));
  }

  /** Offset behind the last of the slices from `index` on that are all missing. */
  #runEnd(index: number, lastIndex: number): number {
    const limit = Math.min(lastIndex + 1, sliceCount(this), index + RUN_SLICES_MAX);
    let end = index + 1;
    while (end < limit && !this.#isOnItsWay(end)) end += 1;
    return Math.min(end * this.sliceBytes, this.bodyBytes);
  }

  #isOnItsWay(index: number): boolean {
    if (this.#stored(index) !== undefined) return true;
    if (this.fetchFor(index) !== undefined) return true;
    // The tier that has it begins to read it: it is needed soon.
    return this.load(index, () => {});
  }
}
