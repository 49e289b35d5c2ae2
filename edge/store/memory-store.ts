import type { StoredResponse } from "../decide/stored.ts";
import { packChunks } from "./chunks.ts";
import { objectCost } from "./cost.ts";
import { BodyHold, type Pin, Pins } from "./pins.ts";
import { type QueueNode, S3Fifo } from "./s3-fifo.ts";
import type {
  CacheObject,
  EvictionListener,
  EvictionReason,
  NewObject,
  Store,
  StoredVariants,
  StoreUsage,
} from "./store.ts";

/** No object may take more than this share of the budget: the others would all have to leave. */
const OBJECT_SHARE_MAX = 1 / 4;

/** At most so many variants of one key; the oldest makes room. */
const VARIANTS_MAX = 64;

/** At most so much of the budget may be held by clients who read what the store has let go of. */
const PINNED_SHARE_MAX = 1 / 3;

interface SiteState {
  generation: number;
}

/** All variants of one key. The two lists are parallel, and so is `nodes`. */
interface KeyRecord extends StoredVariants {
  readonly site: SiteState;
  readonly generation: number;
  objects: MemoryObject[];
  responses: StoredResponse[];
  mustRevalidate: boolean;
  softGeneration: number;
}

class MemoryObject implements CacheObject, QueueNode {
  readonly key: string;
  readonly site: string;
  readonly url: string;
  readonly response: StoredResponse;
  readonly chunks: readonly Buffer[];
  readonly bodyBytes: number;
  readonly record: KeyRecord;
  readonly hold: BodyHold;
  bytes: number;
  uses = 0;
  queue: QueueNode["queue"] = "none";
  newer: QueueNode | undefined = undefined;
  older: QueueNode | undefined = undefined;

  constructor(facts: CacheObject, record: KeyRecord, hold = new BodyHold()) {
    this.key = facts.key;
    this.site = facts.site;
    this.url = facts.url;
    this.response = facts.response;
    this.chunks = facts.chunks;
    this.bodyBytes = facts.bodyBytes;
    this.record = record;
    this.hold = hold;
    this.bytes = objectCost(this);
  }
}

/** Keeps objects in this process's memory, bounded by bytes; evicts by S3-FIFO. */
export class MemoryStore implements Store {
  readonly objectBytesMax: number;
  readonly #bytesMax: number;
  readonly #records = new Map<string, KeyRecord>();
  readonly #sites = new Map<string, SiteState>();
  readonly #order: S3Fifo<MemoryObject>;
  readonly #onEviction: EvictionListener;
  readonly #pins: Pins;
  #reserved = 0;
  #softGeneration = 0;

  /** `onCut` is told of each body whose readers are cut off. */
  constructor(
    bytesMax: number,
    onEviction: EvictionListener = () => {},
    onCut: () => void = () => {},
  ) {
    this.#bytesMax = bytesMax;
    this.objectBytesMax = Math.floor(bytesMax * OBJECT_SHARE_MAX);
    this.#order = new S3Fifo(bytesMax);
    this.#onEviction = onEviction;
    this.#pins = new Pins(bytesMax * PINNED_SHARE_MAX, onCut);
  }

  lookup(key: string): StoredVariants | undefined {
    const record = this.#records.get(key);
    if (record === undefined) return undefined;
    if (record.generation !== record.site.generation) {
      this.remove(key, "purged");
      return undefined;
    }
    if (record.softGeneration !== this.#softGeneration) record.mustRevalidate = true;
    return record;
  }

  touch(object: CacheObject): void {
    if (object instanceof MemoryObject) this.#order.touch(object);
  }

  reserve(bytes: number): boolean {
    if (this.#reserved + bytes > this.#bytesMax / 2) return false;
    this.#reserved += bytes;
    this.#makeRoom();
    return true;
  }

  release(bytes: number): void {
    this.#reserved -= bytes;
  }

  read(object: CacheObject, cut: () => void): () => void {
    if (!(object instanceof MemoryObject)) {
      const pin = this.pin(objectCost(object), cut);
      return () => pin.release();
    }
    return object.hold.read(cut, object.bytes, this.#pins);
  }

  pin(bytes: number, cut: () => void): Pin {
    const pin = this.#pins.add(bytes, cut);
    this.#makeRoom();
    return pin;
  }

  generation(site: string): number {
    return this.#siteState(site).generation;
  }

  put(candidate: NewObject): boolean {
    this.release(candidate.reservedBytes);
    const site = this.#siteState(candidate.site);
    if (candidate.generation !== site.generation) return false;
    const chunks = packChunks(candidate.chunks, candidate.bodyBytes);
    const record = this.#recordFor(candidate.key, site);
    const object = new MemoryObject({ ...candidate, chunks }, record);
    const fits = object.bytes <= this.objectBytesMax;
    this.#dropWhere(record, (other) => sameVariant(other, candidate.response), "replaced");
    if (fits) {
      const oldest = record.objects[0];
      if (record.objects.length >= VARIANTS_MAX && oldest !== undefined) {
        this.#drop(oldest, "space");
      }
      object.hold.enterStore();
      record.objects.push(object);
      record.responses.push(object.response);
      this.#records.set(candidate.key, record);
      this.#order.insert(object);
      this.#makeRoom();
    }
    return fits;
  }

  update(object: CacheObject, response: StoredResponse): CacheObject | undefined {
    if (!(object instanceof MemoryObject)) return undefined;
    const { record } = object;
    const index = record.objects.indexOf(object);
    if (index < 0 || record.generation !== record.site.generation) return undefined;
    const { key, site, url, chunks, bodyBytes } = object;
    const fresh = new MemoryObject(
      { key, site, url, chunks, bodyBytes, response },
      record,
      object.hold,
    );
    fresh.uses = object.uses;
    this.#order.remove(object);
    record.objects[index] = fresh;
    record.responses[index] = response;
    // The other variants of a softly purged key have not been validated by this answer.
    if (record.mustRevalidate && record.objects.length > 1) {
      for (const other of record.objects.filter((each) => each !== fresh)) {
        this.#drop(other, "purged");
      }
    }
    record.mustRevalidate = false;
    record.softGeneration = this.#softGeneration;
    this.#order.insert(fresh);
    this.#makeRoom();
    return fresh;
  }

  remove(key: string, reason: "invalidated" | "purged"): number {
    const record = this.#records.get(key);
    if (record === undefined) return 0;
    const count = record.objects.length;
    this.#dropWhere(record, () => true, reason);
    return count;
  }

  purgeSite(site: string): void {
    this.#siteState(site).generation += 1;
  }

  softPurgeAll(): void {
    this.#softGeneration += 1;
  }

  usage(): StoreUsage {
    return {
      bytes: this.#used,
      bytesMax: this.#bytesMax,
      objects: this.#order.count,
    };
  }

  get #used(): number {
    return this.#order.bytes + this.#reserved + this.#pins.bytes;
  }

  #siteState(site: string): SiteState {
    let state = this.#sites.get(site);
    if (state === undefined) {
      state = { generation: 0 };
      this.#sites.set(site, state);
    }
    return state;
  }

  #recordFor(key: string, site: SiteState): KeyRecord {
    const existing = this.lookup(key) as KeyRecord | undefined;
    if (existing !== undefined && !existing.mustRevalidate) return existing;
    // What a soft purge touched must not become usable because a new variant arrived beside it.
    if (existing !== undefined) this.remove(key, "purged");
    return {
      site,
      generation: site.generation,
      objects: [],
      responses: [],
      mustRevalidate: false,
      softGeneration: this.#softGeneration,
    };
  }

  #makeRoom(): void {
    while (this.#used > this.#bytesMax) {
      const victim = this.#order.evict();
      if (victim === undefined) return;
      this.#forget(victim, "space");
    }
  }

  #dropWhere(
    record: KeyRecord,
    matches: (object: MemoryObject) => boolean,
    reason: EvictionReason,
  ): void {
    for (const object of record.objects.filter(matches)) this.#drop(object, reason);
  }

  #drop(object: MemoryObject, reason: EvictionReason): void {
    this.#order.remove(object);
    this.#forget(object, reason);
  }

  /** Takes an object that the queues have let go of out of the index. */
  #forget(object: MemoryObject, reason: EvictionReason): void {
    const { record } = object;
    const index = record.objects.indexOf(object);
    if (index >= 0) {
      record.objects.splice(index, 1);
      record.responses.splice(index, 1);
    }
    if (record.objects.length === 0 && this.#records.get(object.key) === record) {
      this.#records.delete(object.key);
    }
    object.hold.leaveStore(object.bytes, this.#pins);
    this.#onEviction(object, reason);
  }
}

function sameVariant(object: CacheObject, response: StoredResponse): boolean {
  const left = object.response.varyOn;
  const right = response.varyOn;
  return (
    left.length === right.length &&
    left.every(([name, value], i) => name === right[i]?.[0] && value === right[i]?.[1])
  );
}
