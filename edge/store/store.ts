import type { EpochMs } from "../../common/clock.ts";
import type { PurgeTable } from "../../state/purge.ts";
import type { Standing } from "../decide/standing.ts";
import type { StoredResponse } from "../decide/stored.ts";
import type { Pin } from "./pins.ts";

/** Why an object left the store: also the label values of `edge_evictions_total{reason}`. */
export type EvictionReason = "space" | "replaced" | "invalidated" | "purged";

/** A complete response in the store. Whoever holds it can read it on, evicted or not. */
export interface CacheObject {
  /**
   * Names this stored body in this store and in what outlives it: given by `put`, kept when a 304
   * brings new facts, never given twice. What is made of the body, or holds a piece of it, is
   * stored under keys that `partKey` makes of it.
   */
  readonly id: string;
  /** Primary key: see `requestKey`. */
  readonly key: string;
  readonly site: string;
  /** Absolute URL that it was fetched for, for people and for object records. */
  readonly url: string;
  /** Facts for deciders; a 304 replaces them as a whole. */
  readonly response: StoredResponse;
  /** The body in order; empty if it is kept in slices. Nobody may write into these bytes. */
  readonly chunks: readonly Buffer[];
  /** The complete length of the body, wherever its bytes are. */
  readonly bodyBytes: number;
}

/**
 * The object with other facts, in no store (P). Never by `...object`: what a store gives keeps its
 * properties where a spread does not see them.
 */
export function withResponse(object: CacheObject, response: StoredResponse): CacheObject {
  const { id, key, site, url, chunks, bodyBytes } = object;
  return { id, key, site, url, response, chunks, bodyBytes };
}

/** Everything stored under one primary key: parallel lists, one entry per variant. */
export interface StoredVariants {
  readonly objects: readonly CacheObject[];
  readonly responses: readonly StoredResponse[];
  /** How purges have left each of them; those that must never be served are not here. */
  readonly standings: readonly Standing[];
}

/** What is handed to the store when a fill is complete. */
export interface NewObject extends Omit<CacheObject, "id"> {
  /** `PurgeTable.generation` when the fill began: purges since then concern the object. */
  readonly generation: number;
  /** Bytes that were reserved for it while it arrived; they are given back in the same step. */
  readonly reservedBytes: number;
}

/** The key of something that belongs to a stored body (P). No request's key looks like it. */
export function partKey(id: string, part: string): string {
  return `${id}/${part}`;
}

/** True for a key that `partKey` has made (P). A request's key begins with a site and a space. */
export function isPartKey(key: string): boolean {
  const slash = key.indexOf("/");
  const space = key.indexOf(" ");
  return slash >= 0 && (space < 0 || slash < space);
}

/** How full a store is. */
export interface StoreUsage {
  /**
   * Bodies, fields, keys, overhead, bodies that arrive or are read, and the store's own tables.
   */
  readonly bytes: number;
  readonly bytesMax: number;
  readonly objects: number;
}

/** Told of every object that leaves. Must not throw and must not call the store. */
export type EvictionListener = (object: CacheObject, reason: EvictionReason) => void;

/**
 * Where complete responses are kept, within one budget of bytes for everything. All calls are
 * synchronous and never throw for lack of room: they make room, or refuse.
 */
export interface Store {
  /** The largest body that is worth a place: a share of the budget. */
  readonly objectBytesMax: number;
  /** The purges that lookups ask about. */
  readonly purges: PurgeTable;
  /**
   * What is stored under a key, or undefined. Drops what has been purged. Does not count as a use.
   */
  lookup(key: string): StoredVariants | undefined;
  /**
   * Brings what a slower tier holds under a key within reach of `lookup`. Undefined, at once, when
   * there is no such tier or it has nothing more; the promise never rejects.
   */
  load(key: string): Promise<StoredVariants | undefined> | undefined;
  /** What `lookup` would find after `load`; changes nothing, and never rejects. */
  peek(key: string): Promise<StoredVariants | undefined>;
  /** Counts one use of an object, for the choice of what to evict. */
  touch(object: CacheObject): void;
  /** Sets bytes aside for a body that is arriving, evicting others; false when it cannot. */
  reserve(bytes: number): boolean;
  /** Gives reserved bytes back. */
  release(bytes: number): void;
  /**
   * Says that somebody reads the body of an object, until the function that is returned is called.
   * A body that leaves the store meanwhile is pinned, see `pin`.
   */
  read(object: CacheObject, cut: () => void): () => void;
  /**
   * Counts bytes that clients read outside the store, evicting others. When there are too many of
   * them, `cut` has to end those who read.
   */
  pin(bytes: number, cut: () => void): Pin;
  /**
   * Stores an object in place of the same variant and gives what now stands for it; undefined when
   * it was purged meanwhile or is too large.
   */
  put(object: NewObject): CacheObject | undefined;
  /**
   * Replaces the facts of an object; undefined if it has left the store or was purged meanwhile.
   * `confirmed` is the `PurgeTable.generation` at which the exchange began that confirmed it: then
   * older soft purges are dealt with. Left out: they stay.
   */
  update(
    object: CacheObject,
    response: StoredResponse,
    confirmed?: number,
  ): CacheObject | undefined;
  /** Removes all variants of a key. Returns how many there were. */
  remove(key: string, reason: "invalidated" | "purged"): number;
  /** Makes all variants of a key stale as of `at`. Returns how many there are. */
  softPurge(key: string, at: EpochMs): number;
  usage(): StoreUsage;
}
