import type { Clock } from "../../common/clock.ts";
import type { CacheObject } from "../store/store.ts";
import { KeyMemory } from "./key-memory.ts";
import { SliceCursor } from "./slice-cursor.ts";
import type { SliceFetch, SliceSource } from "./slice-fetch.ts";
import type { SliceAsk } from "./slice-request.ts";
import { SlicedBody, type SlicesAround } from "./sliced-body.ts";

/** How long nobody asks an origin for ranges of a URL that it has ignored. */
const REMEMBER_MS = 600_000;

/** A slice must leave room for its overhead in the largest object that a store takes. */
const OVERHEAD_SHARE = 1.05;

/** All bodies kept in slices that somebody reads or fetches: one for each version. */
export class SlicedBodies {
  readonly #around: SlicesAround;
  readonly #bodies = new Map<string, SlicedBody>();
  readonly #unranged: KeyMemory;

  constructor(around: Omit<SlicesAround, "onRangeIgnored">, clock: Clock) {
    this.#around = { ...around, onRangeIgnored: (key) => this.noteUnranged(key) };
    this.#unranged = new KeyMemory(clock, REMEMBER_MS);
  }

  /** The slice size to use for a key: undefined when it is not worth asking for ranges. */
  sliceBytes(key: string, slices: { enabled: boolean; size: number }): number | undefined {
    const fits = slices.size * OVERHEAD_SHARE <= this.#around.store.objectBytesMax;
    return slices.enabled && fits && !this.#unranged.has(key) ? slices.size : undefined;
  }

  /** Notes that parts of what has this key cannot be had, or cannot be kept. */
  noteUnranged(key: string): void {
    this.#unranged.note(key);
  }

  /** Bytes of an object come from an exchange that is under way. */
  adopt(
    object: CacheObject,
    source: SliceSource,
    span: { readonly first: number; readonly end: number },
  ): SliceFetch {
    return this.#body(object).adopt(source, span);
  }

  /** A reader of an object. `ask` makes its requests to the origin, if there have to be any. */
  open(object: CacheObject, ask: SliceAsk, onMore: () => void): SliceCursor {
    return new SliceCursor(this.#body(object), ask, onMore);
  }

  /** Closes all connections to origins. */
  abortAll(): void {
    for (const body of this.#bodies.values()) body.abort();
  }

  #body(object: CacheObject): SlicedBody {
    const { id } = object;
    let body = this.#bodies.get(id);
    if (body === undefined) {
      body = new SlicedBody(object, this.#around, () => this.#bodies.delete(id));
      this.#bodies.set(id, body);
    }
    return body;
  }
}
