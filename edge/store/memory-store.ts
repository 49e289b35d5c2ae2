import type { EpochMs } from "../../common/clock.ts";
import { PurgeTable, type PurgeVerdict } from "../../state/purge.ts";
import type { Standing } from "../decide/standing.ts";
import type { StoredResponse } from "../decide/stored.ts";
import { tagsOf } from "../http/tags.ts";
import { Awake } from "./awake.ts";
import { packChunks } from "./chunks.ts";
import { objectCost } from "./cost.ts";
import { EvictionOrder } from "./eviction-order.ts";
import { type Pin, Pins } from "./pins.ts";
import type {
  CacheObject,
  EvictionListener,
  EvictionReason,
  NewObject,
  Store,
  StoredVariants,
  StoreUsage,
} from "./store.ts";
import {
  type KeptObject,
  KeyRecord,
  MemoryObject,
  type NewFacts,
  nextId,
} from "./stored-object.ts";

/** No object may take more than this share of the budget: the others would all have to leave. */
const OBJECT_SHARE_MAX = 1 / 4;

/** A trial of the eviction order may have one object for so many bytes: all take a 16th of it. */
const BYTES_PER_TRIAL_OBJECT = 16_384;

/** At most so many variants of one key; the oldest makes room. */
const VARIANTS_MAX = 64;

/** At most so much of the budget may be held by clients who read what the store has let go of. */
const PINNED_SHARE_MAX = 1 / 3;

/** What is asked for is kept ready to be served, see `Awake`, in this share of the budget. */
const AWAKE_SHARE_MAX = 1 / 16;

/** Whom a memory store tells, and what it shares with a slower tier. */
export interface MemoryStoreOptions {
  readonly onEviction?: EvictionListener;
  /** Told of each body whose readers are cut off. */
  readonly onCut?: () => void;
  /**
   * Told of objects that were found to have been used since they were last looked at, while room is
   * made. Must not call the store.
   */
  readonly onUsed?: (object: KeptObject) => void;
}

/** Keeps objects in this process's memory, bounded by bytes; evicts by S3-FIFO. */
export class MemoryStore implements Store {
  readonly purges = new PurgeTable();
  #bytesMax: number;
  /** What it could have become when it was first told; undefined while its budget is fixed. */
  #reachableFirst: number | undefined;
  /** 1 while memory is as plentiful as at first. */
  #plenty = 1;
  readonly #records = new Map<string, KeyRecord>();
  readonly #order: EvictionOrder<MemoryObject>;
  readonly #onEviction: EvictionListener;
  readonly #pins: Pins;
  readonly #awake: Awake;
  #reserved = 0;
  #besideBytes = 0;

  constructor(bytesMax: number, options: MemoryStoreOptions = {}) {
    const { onEviction = () => {}, onCut = () => {}, onUsed = () => {} } = options;
    this.#bytesMax = bytesMax;
    this.#order = new EvictionOrder<MemoryObject>(bytesMax, {
      onUsed,
      trialObjectsMax: Math.floor(bytesMax / BYTES_PER_TRIAL_OBJECT),
    });
    this.#onEviction = onEviction;
    this.#pins = new Pins(bytesMax * PINNED_SHARE_MAX, onCut);
    this.#awake = new Awake(bytesMax * AWAKE_SHARE_MAX);
  }

  /**
   * A quarter of what it may hold while memory is to be had. The scarcer that is, the smaller the
   * share: large bodies then pass by at their readers' pace, instead of being kept and then pinned
   * by those who read slowly.
   */
  get objectBytesMax(): number {
    return Math.floor(this.#bytesMax * OBJECT_SHARE_MAX * this.#plenty ** 2);
  }

  /**
   * Changes the budget. What no longer fits leaves at once. `reachableBytes` is what it could
   * become as things are; how plentiful memory is shows beside what it was the first time.
   */
  resize(bytesMax: number, reachableBytes = bytesMax): void {
    this.#reachableFirst ??= reachableBytes;
    this.#plenty = Math.min(1, reachableBytes / this.#reachableFirst);
    if (bytesMax === this.#bytesMax) return;
    this.#bytesMax = bytesMax;
    this.#order.resize(bytesMax);
    this.#pins.resize(bytesMax * PINNED_SHARE_MAX);
    this.#awake.resize(bytesMax * AWAKE_SHARE_MAX);
    this.#makeRoom();
  }

  lookup(key: string): StoredVariants | undefined {
    const record = this.#records.get(key);
    if (record === undefined) return undefined;
    if (record.judged !== record.purges.latest) this.#judge(record);
    record.wanted = true;
    return record.objects.length === 0 ? undefined : record;
  }

  /** Memory is the only tier here. */
  load(): undefined {
    return undefined;
  }

  peek(key: string): Promise<StoredVariants | undefined> {
    return Promise.resolve(this.lookup(key));
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

  put(candidate: NewObject): KeptObject | undefined {
    this.release(candidate.reservedBytes);
    const verdict = this.#verdict(candidate);
    if (verdict.kind === "purged") return undefined;
    const record = this.#recordFor(candidate.key, candidate.site);
    if (verdict.kind !== "current" && hasNewer(record, candidate)) return undefined;
    const chunks = packChunks(candidate.chunks, candidate.bodyBytes);
    const object = new MemoryObject({ ...candidate, chunks, id: nextId() }, record);
    this.#dropWhere(record, (other) => sameVariant(other, candidate.response), "replaced");
    if (object.bytes > this.objectBytesMax) return undefined;
    this.#enter(object, verdict);
    return object;
  }

  /**
   * Takes in an object that a slower tier has kept, as it was, unless the same variant is here or
   * purges since its generation forbid it. Says what has become of it.
   */
  restore(kept: KeptObject): "restored" | "known" | "purged" | "too-large" {
    const verdict = this.#verdict(kept);
    if (verdict.kind === "purged" || kept.generation > this.purges.generation) return "purged";
    const record = this.#recordFor(kept.key, kept.site);
    if (record.objects.some((other) => sameVariant(other, kept.response))) return "known";
    const chunks = packChunks(kept.chunks, kept.bodyBytes);
    const { id, key, site, url, response, bodyBytes, generation } = kept;
    const facts = { id, key, site, url, response, chunks, bodyBytes, generation };
    const object = new MemoryObject(facts, record);
    object.staleSince = kept.staleSince;
    if (object.bytes > this.objectBytesMax) return "too-large";
    this.#enter(object, standingOf(object, verdict));
    return "restored";
  }

  /** How purges have left an object of a slower tier; undefined if it is never served again. */
  standingFor(kept: KeptObject): Standing | undefined {
    const verdict = this.#verdict(kept);
    return verdict.kind === "purged" ? undefined : standingOf(kept, verdict);
  }

  /** Counts what a slower tier keeps in memory for itself, in place of what it said before. */
  countBeside(bytes: number): void {
    this.#besideBytes = bytes;
    this.#makeRoom();
  }

  update(
    object: CacheObject,
    response: StoredResponse,
    confirmed?: number,
  ): KeptObject | undefined {
    if (!(object instanceof MemoryObject)) return undefined;
    const { record } = object;
    const index = record.objects.indexOf(object);
    if (index < 0) return undefined;
    const { key, site, url, chunks, bodyBytes, response: before } = object;
    const id = object.identity;
    const generation = confirmed ?? object.generation;
    const facts = { id, key, site, url, chunks, bodyBytes, generation };
    // By the tags that it had: whoever purged cannot have known those that a 304 brings.
    const verdict = this.#verdict({ ...facts, response: before });
    if (verdict.kind === "purged") {
      this.#drop(object, "purged");
      return undefined;
    }
    const fresh = new MemoryObject({ ...facts, response }, record, object.hold);
    if (confirmed === undefined) fresh.staleSince = object.staleSince;
    record.become(
      record.objects.with(index, fresh),
      record.standings.with(index, standingOf(fresh, verdict)),
    );
    // Its new tags are asked about at the next lookup.
    record.judged = -1;
    this.#order.replace(object, fresh);
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

  softPurge(key: string, at: EpochMs): number {
    const record = this.lookup(key) as KeyRecord | undefined;
    if (record === undefined) return 0;
    for (const object of record.objects) object.staleSince ??= at;
    this.#judge(record);
    return record.objects.length;
  }

  usage(): StoreUsage {
    return {
      bytes: this.#used,
      bytesMax: this.#bytesMax,
      objects: this.#order.count,
    };
  }

  get #used(): number {
    return (
      this.#order.bytes + this.#awake.bytes + this.#reserved + this.#pins.bytes + this.#besideBytes
    );
  }

  #enter(object: MemoryObject, standing: Standing): void {
    const { record } = object;
    const [oldest] = record.objects;
    if (record.objects.length >= VARIANTS_MAX && oldest !== undefined) this.#drop(oldest, "space");
    record.become([...record.objects, object], [...record.standings, standing]);
    this.#records.set(object.key, record);
    this.#order.insert(object);
    this.#makeRoom();
  }

  #recordFor(key: string, site: string): KeyRecord {
    const existing = this.lookup(key) as KeyRecord | undefined;
    return existing ?? new KeyRecord(this.purges.site(site), this.#awake);
  }

  #verdict({
    site,
    generation,
    key,
    response,
  }: Pick<NewFacts, "site" | "generation" | "key" | "response">): PurgeVerdict {
    return this.purges.site(site).judge({ generation, key, tags: tagsOf(response.fields) });
  }

  /** Asks anew how purges have left each variant, and drops those that are not served again. */
  #judge(record: KeyRecord): void {
    record.judged = record.purges.latest;
    for (const object of record.objects) {
      const verdict = this.#verdict(object);
      if (verdict.kind === "purged") this.#drop(object, "purged");
      else record.judge(object, standingOf(object, verdict));
    }
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
      record.become(record.objects.toSpliced(index, 1), record.standings.toSpliced(index, 1));
    }
    if (record.objects.length === 0 && this.#records.get(object.key) === record) {
      this.#records.delete(object.key);
    }
    object.leaveStore(this.#pins);
    this.#onEviction(object, reason);
  }
}

/** How purges of its site and of its URL have left an object (P). */
function standingOf({ staleSince }: Pick<KeptObject, "staleSince">, verdict: Standing): Standing {
  if (staleSince === undefined || verdict.kind === "unsure") return verdict;
  const since = verdict.kind === "stale" ? Math.min(verdict.since, staleSince) : staleSince;
  return { kind: "stale", since };
}

/** True if the same variant is there from after a purge that the candidate is from before (P). */
function hasNewer(record: KeyRecord, { response, generation }: NewObject): boolean {
  return record.objects.some(
    (object) => object.generation > generation && sameVariant(object, response),
  );
}

function sameVariant(object: CacheObject, response: StoredResponse): boolean {
  const left = object.response.varyOn;
  const right = response.varyOn;
  return (
    left.length === right.length &&
    left.every(([name, value], i) => name === right[i]?.[0] && value === right[i]?.[1])
  );
}
