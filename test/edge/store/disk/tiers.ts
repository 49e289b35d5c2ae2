import { silentLogger } from "../../../../common/log.ts";
import { DiskTier, type DiskTierOptions } from "../../../../edge/store/disk/disk-tier.ts";
import { MemoryStore } from "../../../../edge/store/memory-store.ts";
import type { NewObject, StoredVariants } from "../../../../edge/store/store.ts";
import type { KeptObject } from "../../../../edge/store/stored-object.ts";
import { TieredStore } from "../../../../edge/store/tiered-store.ts";
import type { LogPosition } from "../../../../state/follower.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { lines, NOW } from "../../build.ts";
import { MemoryFolder } from "./memory-folder.ts";

const KIB = 1_024;

/** How the tiers of a test differ from plain ones. */
export interface TierOptions extends Partial<Omit<DiskTierOptions, "folder">> {
  readonly folder?: MemoryFolder;
}

/** Memory before a disk, both of one run; what they count is written down. */
export class Tiers {
  readonly folder: MemoryFolder;
  readonly clock = new FakeClock(NOW);
  readonly memory: MemoryStore;
  readonly disk: DiskTier;
  readonly store: TieredStore;
  /** What was counted: `write written`, `error read`, `evicted space`, `load loaded`. */
  readonly counts = new Map<string, number>();
  memoryBytes = 0;

  constructor({ folder = new MemoryFolder(), ...options }: TierOptions = {}) {
    this.folder = folder;
    const memoryBytes = options.memoryBytes ?? 4_096 * KIB;
    let noteUsed: (object: KeptObject) => void = () => {};
    this.memory = new MemoryStore(memoryBytes, { onUsed: (object) => noteUsed(object) });
    this.disk = new DiskTier({
      release: () => {},
      bytesMax: 64 * KIB * KIB,
      segmentBytes: 64 * KIB,
      clock: this.clock,
      log: silentLogger,
      observer: {
        onWrite: (result, count) => this.#count(`write ${result}`, count),
        onEviction: (reason, count) => this.#count(`evicted ${reason}`, count),
        onError: (operation) => this.#count(`error ${operation}`),
        onMemory: (bytes) => {
          this.memoryBytes = bytes;
          this.memory.countBeside(bytes);
        },
      },
      ...options,
      folder,
      memoryBytes,
      purges: this.memory.purges,
    });
    this.store = new TieredStore({
      memory: this.memory,
      disk: this.disk,
      clock: this.clock,
      log: silentLogger,
      onLoad: (result) => this.#count(`load ${result}`),
    });
    noteUsed = (object) => this.store.noteUsed(object);
  }

  get position(): LogPosition | undefined {
    return this.disk.position;
  }

  /** Everything that waits is written; memory is as it was. */
  async flush(): Promise<void> {
    await this.disk.flush();
  }

  /** The next run on the same folder after an orderly end. */
  async restart(options: TierOptions = {}): Promise<Tiers> {
    await this.disk.stop();
    return new Tiers({ ...options, folder: this.folder });
  }

  /** The next run after a sudden death: what waits is lost, what is under way comes to nothing. */
  kill(options: TierOptions = {}): Tiers {
    this.folder.abandon();
    return new Tiers({ ...options, folder: this.folder });
  }

  /** What a request for the key would find. */
  async find(key: string): Promise<StoredVariants | undefined> {
    return (await this.store.load(key)) ?? this.store.lookup(key);
  }

  /** The body that a request for the key would find, if there is one variant. */
  async body(key: string): Promise<string | undefined> {
    const [object] = (await this.find(key))?.objects ?? [];
    return object === undefined ? undefined : Buffer.concat(object.chunks).toString();
  }

  put(key: string, body: string, others: Partial<NewObject> = {}): boolean {
    return this.store.put(anObject(this, key, { body, ...others })) !== undefined;
  }

  #count(what: string, count = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + count);
  }
}

/** An object to put: fresh for an hour, of the purge generation of now. */
export function anObject(
  { store }: Pick<Tiers, "store">,
  key: string,
  {
    body = "",
    fields = [],
    varyOn = [],
    ...others
  }: Partial<NewObject> & {
    readonly body?: string;
    readonly fields?: readonly string[];
    readonly varyOn?: readonly (readonly [string, string])[];
  } = {},
): NewObject {
  const chunks = body === "" ? [] : [Buffer.from(body)];
  const bodyBytes = Buffer.byteLength(body);
  return {
    key,
    site: "shop",
    url: `http://shop.example/${key}`,
    response: {
      status: 200,
      fields: lines("cache-control: max-age=3600", ...fields),
      times: { requestTime: NOW, responseTime: NOW },
      bodyBytes,
      method: "GET",
      varyOn,
      ruleTtlSeconds: undefined,
    },
    chunks,
    bodyBytes,
    generation: store.purges.generation,
    reservedBytes: 0,
    ...others,
  };
}
