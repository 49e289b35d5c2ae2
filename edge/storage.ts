import type { Clock } from "../common/clock.ts";
import type { Logger } from "../common/log.ts";
import type { Metrics } from "../common/metrics.ts";
import { openDiskFolder } from "./store/disk/disk-folder.ts";
import { type DiskObserver, DiskTier } from "./store/disk/disk-tier.ts";
import { MemoryStore } from "./store/memory-store.ts";
import type { CacheObject, Store } from "./store/store.ts";
import type { KeptObject } from "./store/stored-object.ts";
import { TieredStore } from "./store/tiered-store.ts";

/** Where an edge may keep objects beyond its memory. */
export interface DiskOptions {
  /** A folder of its own. */
  readonly path: string;
  /** Bytes of all files in it. */
  readonly bytes: number;
}

/** What the stores of an edge are made of. */
export interface StorageOptions {
  readonly memoryBytes: number;
  readonly disk: DiskOptions | undefined;
  /** What stored objects depend on beside their responses: a disk of another one is emptied. */
  readonly identity: string;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Logger;
  /** An object has left memory. */
  readonly onDropped: (object: CacheObject) => void;
}

/** The stores of an edge: memory, and a disk behind it if there is one. */
export interface Storage {
  readonly store: Store;
  readonly memory: MemoryStore;
  readonly disk: DiskTier | undefined;
}

/** Opens the stores of an edge. Throws a DiskFolderError if the disk's folder cannot be used. */
export function openStorage(options: StorageOptions): Storage {
  const { memoryBytes, metrics, onDropped } = options;
  const cuts = metrics.counter("edge_cut_bodies_total");
  const evictions = metrics.counter("edge_evictions_total");
  let noteUsed: (object: KeptObject) => void = () => {};
  const memory = new MemoryStore(memoryBytes, {
    onEviction: (object, reason) => {
      evictions.add({ tier: "memory", reason });
      onDropped(object);
    },
    onCut: () => cuts.add({}),
    onUsed: (object) => noteUsed(object),
  });
  const disk = openDisk(memory, options);
  const store = disk === undefined ? memory : tiered(memory, disk, options);
  if (store instanceof TieredStore) noteUsed = (object) => store.noteUsed(object);
  const tiers =
    disk === undefined
      ? [{ tier: "memory", of: memory }]
      : [
          { tier: "memory", of: memory },
          { tier: "disk", of: disk },
        ];
  metrics.onScrape("edge_store_bytes", () =>
    tiers.map(({ tier, of }) => [{ tier }, of.usage().bytes] as const),
  );
  metrics.onScrape("edge_store_limit_bytes", () =>
    tiers.map(({ tier, of }) => [{ tier }, of.usage().bytesMax] as const),
  );
  metrics.onScrape("edge_store_objects", () =>
    tiers.map(({ tier, of }) => [{ tier }, of.usage().objects] as const),
  );
  metrics.onScrape("edge_purge_marks", () => [[{}, memory.purges.marks]]);
  metrics.onScrape("edge_purge_marks_folded", () => [[{}, memory.purges.folded]]);
  return { store, memory, disk };
}

function openDisk(
  memory: MemoryStore,
  { disk, identity, memoryBytes, metrics, clock, log }: StorageOptions,
): DiskTier | undefined {
  if (disk === undefined) return undefined;
  const { folder, release, emptied } = openDiskFolder(disk.path, identity);
  if (emptied !== undefined) log.warn({ event: "disk-emptied", before: emptied, now: identity });
  try {
    return new DiskTier({
      folder,
      release,
      bytesMax: disk.bytes,
      memoryBytes,
      purges: memory.purges,
      clock,
      log,
      observer: diskObserver(memory, metrics),
    });
  } catch (error) {
    release();
    throw error;
  }
}

function diskObserver(memory: MemoryStore, metrics: Metrics): DiskObserver {
  const writes = metrics.counter("edge_disk_writes_total");
  const errors = metrics.counter("edge_disk_errors_total");
  const evictions = metrics.counter("edge_evictions_total");
  let memoryBytes = 0;
  metrics.onScrape("edge_disk_memory_bytes", () => [[{}, memoryBytes]]);
  return {
    onWrite: (result, count) => writes.add({ result }, count),
    onEviction: (reason, count) => evictions.add({ tier: "disk", reason }, count),
    onError: (operation) => errors.add({ operation }),
    onMemory: (bytes) => {
      memoryBytes = bytes;
      memory.countBeside(bytes);
    },
  };
}

function tiered(
  memory: MemoryStore,
  disk: DiskTier,
  { clock, log, metrics }: StorageOptions,
): TieredStore {
  const loads = metrics.counter("edge_disk_loads_total");
  return new TieredStore({
    memory,
    disk,
    clock,
    log,
    onLoad: (result) => loads.add({ result }),
  });
}
