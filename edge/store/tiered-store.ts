import { background } from "../../common/background.ts";
import type { Clock, EpochMs } from "../../common/clock.ts";
import type { Logger } from "../../common/log.ts";
import type { PurgeTable } from "../../state/purge.ts";
import type { StoredResponse } from "../decide/stored.ts";
import type { DiskTier } from "./disk/disk-tier.ts";
import type { Entry } from "./disk/entry-table.ts";
import { hashOfVariant } from "./disk/key-hash.ts";
import type { MemoryStore } from "./memory-store.ts";
import type { Pin } from "./pins.ts";
import type { CacheObject, NewObject, Store, StoredVariants, StoreUsage } from "./store.ts";
import type { KeptObject } from "./stored-object.ts";

/** Keys that are read from disk at the same time, and those that wait for their turn. */
const LOADS_AT_ONCE = 32;
const LOADS_MAX = 1_024;

/** A request waits so long for the disk, then goes on as if it had nothing. */
const LOAD_MS_MAX = 1_000;

/** Objects noted as used that have not been told to the disk yet. */
const USED_MAX = 1_024;

/** What a load came to: label values of `edge_disk_loads_total{result}`. */
export type LoadResult = "loaded" | "nothing" | "late" | "busy";

/** What a tiered store is made of. */
export interface TieredStoreOptions {
  readonly memory: MemoryStore;
  readonly disk: DiskTier;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onLoad: (result: LoadResult) => void;
}

/**
 * Memory before disk. What is stored is written through; what is asked for and is only on disk
 * comes into memory, where every answer is served from. Nothing that `lookup` and `touch` do knows
 * of the disk.
 */
export class TieredStore implements Store {
  readonly purges: PurgeTable;
  readonly #options: TieredStoreOptions;
  readonly #memory: MemoryStore;
  readonly #disk: DiskTier;
  readonly #loads = new Map<string, Promise<StoredVariants | undefined>>();
  readonly #waiting: (() => void)[] = [];
  #loading = 0;
  #used: KeptObject[] = [];

  constructor(options: TieredStoreOptions) {
    const { memory, disk } = options;
    this.#options = options;
    this.#memory = memory;
    this.#disk = disk;
    this.purges = memory.purges;
  }

  get objectBytesMax(): number {
    return this.#memory.objectBytesMax;
  }

  lookup(key: string): StoredVariants | undefined {
    return this.#memory.lookup(key);
  }

  load(key: string): Promise<StoredVariants | undefined> | undefined {
    const underWay = this.#loads.get(key);
    if (underWay !== undefined) return underWay;
    if (this.#missing(key).length === 0) return undefined;
    if (this.#loads.size >= LOADS_MAX) {
      this.#options.onLoad("busy");
      return undefined;
    }
    const loading = this.#loadWithin(key);
    this.#loads.set(key, loading);
    return loading;
  }

  async peek(key: string): Promise<StoredVariants | undefined> {
    const inMemory = this.#memory.lookup(key);
    const objects = [...(inMemory?.objects ?? [])];
    const standings = [...(inMemory?.standings ?? [])];
    for (const entry of this.#missing(key)) {
      const object = await this.#disk.read(entry, key);
      const standing = object === undefined ? undefined : this.#memory.standingFor(object);
      if (object === undefined || standing === undefined) continue;
      objects.push(object);
      standings.push(standing);
    }
    const responses = objects.map(({ response }) => response);
    return objects.length === 0 ? undefined : { objects, responses, standings };
  }

  touch(object: CacheObject): void {
    this.#memory.touch(object);
  }

  reserve(bytes: number): boolean {
    return this.#memory.reserve(bytes);
  }

  release(bytes: number): void {
    this.#memory.release(bytes);
  }

  read(object: CacheObject, cut: () => void): () => void {
    return this.#memory.read(object, cut);
  }

  pin(bytes: number, cut: () => void): Pin {
    return this.#memory.pin(bytes, cut);
  }

  put(candidate: NewObject): CacheObject | undefined {
    const stored = this.#memory.put(candidate);
    if (stored !== undefined) this.#disk.write(stored);
    else this.#disk.forget(candidate.key, candidate.response.varyOn);
    return stored;
  }

  update(
    object: CacheObject,
    response: StoredResponse,
    confirmed?: number,
  ): CacheObject | undefined {
    const updated = this.#memory.update(object, response, confirmed);
    if (updated !== undefined && !this.#disk.refresh(updated)) this.#disk.write(updated);
    return updated;
  }

  remove(key: string, reason: "invalidated" | "purged"): number {
    return Math.max(this.#memory.remove(key, reason), this.#disk.remove(key, reason));
  }

  softPurge(key: string, at: EpochMs): number {
    return Math.max(this.#memory.softPurge(key, at), this.#disk.softPurge(key, at));
  }

  usage(): StoreUsage {
    return this.#memory.usage();
  }

  /**
   * Takes note that memory has found an object to have been used. Told to the disk a little later:
   * memory is making room just now.
   */
  noteUsed(object: KeptObject): void {
    if (this.#used.length >= USED_MAX) return;
    this.#used.push(object);
    if (this.#used.length === 1) queueMicrotask(() => this.#tellUsed());
  }

  #tellUsed(): void {
    const used = this.#used;
    this.#used = [];
    for (const object of used) {
      const still = this.#memory.lookup(object.key)?.objects.includes(object) === true;
      if (still) this.#disk.writeUsed(object);
    }
  }

  /** The variants on disk that are not in memory, and would fit into it. */
  #missing(key: string): readonly Entry[] {
    const entries = this.#disk.entries(key);
    if (entries.length === 0) return entries;
    const responses = this.#memory.lookup(key)?.responses ?? [];
    const here = new Set(responses.map(({ varyOn }) => hashOfVariant(varyOn)));
    return entries.filter(
      ({ variant, bytes }) => !here.has(variant) && bytes <= this.objectBytesMax,
    );
  }

  /** A disk that hangs must not hold requests up. */
  #loadWithin(key: string): Promise<StoredVariants | undefined> {
    const { clock, log, onLoad } = this.#options;
    return new Promise((resolve) => {
      let isLate = false;
      const cancel = clock.after(LOAD_MS_MAX, () => {
        isLate = true;
        onLoad("late");
        resolve(undefined);
      });
      const loading = this.#load(key).then((result) => {
        cancel();
        this.#loads.delete(key);
        if (!isLate) onLoad(result);
        resolve(this.#memory.lookup(key));
        return undefined;
      });
      background(log, "disk-load", loading);
    });
  }

  async #load(key: string): Promise<"loaded" | "nothing" | "busy"> {
    await this.#turn();
    try {
      let result: "loaded" | "nothing" = "nothing";
      for (const entry of this.#missing(key)) {
        if (!this.#memory.reserve(entry.bytes)) return "busy";
        const object = await this.#disk
          .read(entry, key)
          .finally(() => this.#memory.release(entry.bytes));
        if (object !== undefined && this.#restore(object, entry)) result = "loaded";
      }
      return result;
    } finally {
      this.#loading -= 1;
      this.#waiting.shift()?.();
    }
  }

  #restore(object: KeptObject, entry: Entry): boolean {
    const result = this.#memory.restore(object);
    switch (result) {
      case "restored":
        this.#disk.markUsed(entry);
        return true;
      case "purged":
        this.#disk.drop(entry, "purged");
        return false;
      case "known":
      case "too-large":
        return false;
    }
  }

  async #turn(): Promise<void> {
    if (this.#loading >= LOADS_AT_ONCE) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
    this.#loading += 1;
  }
}
