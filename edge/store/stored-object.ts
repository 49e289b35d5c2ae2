import { randomUUID } from "node:crypto";
import type { EpochMs } from "../../common/clock.ts";
import type { SitePurges } from "../../state/purge.ts";
import type { Standing } from "../decide/standing.ts";
import type { StoredResponse } from "../decide/stored.ts";
import type { Awake, Sleeper } from "./awake.ts";
import { awakeCost, restingCost } from "./cost.ts";
import type { QueueNode } from "./eviction-queue.ts";
import { type ObjectFacts, pack, packedBody, unpack } from "./packed.ts";
import { BodyHold, type Pins } from "./pins.ts";
import type { CacheObject, NewObject, StoredVariants } from "./store.ts";

/** What a stored object is made of. */
export type NewFacts = Omit<NewObject, "reservedBytes"> & { readonly id: ObjectId };

/** The name of a body, see `CacheObject`: of another run, or the number that this one gave it. */
export type ObjectId = string | number;

/** Tells the ids of this run from those of all others, whose bodies may live on a disk. */
const RUN = randomUUID().slice(-12);

let ids = 0;

/** Another one each time. */
export function nextId(): ObjectId {
  ids += 1;
  return ids;
}

function nameOf(id: ObjectId): string {
  return typeof id === "number" ? `${RUN}-${id.toString(36)}` : id;
}

/** An object with all that has to be known to store it elsewhere and bring it back. */
export interface KeptObject extends CacheObject {
  /** `PurgeTable.generation` at which the exchange began that brought or last confirmed it. */
  readonly generation: number;
  /** When its URL was softly purged, if it was. */
  readonly staleSince: EpochMs | undefined;
}

const NO_CHUNKS: readonly Buffer[] = [];
const NO_OBJECTS: readonly MemoryObject[] = [];
const NO_STANDINGS: readonly Standing[] = [];

/** Most keys have one variant, and most variants are as they came. */
const ALL_CURRENT: readonly Standing[] = [{ kind: "current" }];

/**
 * All variants of one key. The lists are parallel, and replaced rather than changed. Asleep, their
 * facts are packed; whoever reads one of them wakes it, and then all are awake.
 */
export class KeyRecord implements StoredVariants, Sleeper {
  readonly purges: SitePurges;
  readonly #awake: Awake;
  /** The newest purge of the site that the standings take into account. */
  judged: number;
  wanted = false;
  awakeBytes = 0;
  #isEntering = false;
  #objects: readonly MemoryObject[] = NO_OBJECTS;
  #responses: readonly StoredResponse[] | undefined = undefined;
  #standings: readonly Standing[] = NO_STANDINGS;

  constructor(purges: SitePurges, awake: Awake) {
    this.purges = purges;
    this.judged = purges.latest;
    this.#awake = awake;
  }

  get objects(): readonly MemoryObject[] {
    return this.#objects;
  }

  get responses(): readonly StoredResponse[] {
    this.#responses ??= this.#objects.map(({ response }) => response);
    return this.#responses;
  }

  get standings(): readonly Standing[] {
    return this.#standings;
  }

  /** Takes other variants in place of those that are here. */
  become(objects: readonly MemoryObject[], standings: readonly Standing[]): void {
    const wasAwake = this.#awake.remove(this);
    this.#objects = objects;
    this.#responses = undefined;
    this.#standings = asKept(standings);
    if (objects.length > 0 && (wasAwake || objects.some(({ isAwake }) => isAwake))) this.#enter();
  }

  /** Purges have left one of them so. */
  judge(object: MemoryObject, standing: Standing): void {
    const index = this.#objects.indexOf(object);
    this.#standings = asKept(this.#standings.with(index, standing));
  }

  /** One of its objects is awake. */
  noteAwake(object: MemoryObject): void {
    if (!this.#isEntering && this.#objects.includes(object)) this.#enter();
  }

  sleep(): void {
    this.#responses = undefined;
    for (const object of this.#objects) object.sleep();
  }

  /** Wakes all variants, for each is looked at to see what it costs. */
  #enter(): void {
    this.#isEntering = true;
    this.awakeBytes = this.#objects.reduce((sum, object) => sum + awakeCost(object), 0);
    this.#isEntering = false;
    this.#awake.add(this);
  }
}

/** One stored object, awake or asleep. */
export class MemoryObject implements KeptObject, QueueNode {
  readonly key: string;
  readonly site: string;
  readonly bodyBytes: number;
  readonly record: KeyRecord;
  /** `PurgeTable.generation` at which the exchange began that brought or last confirmed it. */
  readonly generation: number;
  /** When its URL was softly purged, if it was. */
  staleSince: EpochMs | undefined = undefined;
  /** Asleep or awake: what is there only while it is awake counts in `Awake`. */
  bytes: number;
  hash = 0;
  uses = 0;
  queue: QueueNode["queue"] = "none";
  entered = 0;
  newer: QueueNode | undefined = undefined;
  older: QueueNode | undefined = undefined;
  /** A number of this run's is written as a name when it is asked for: names take room. */
  readonly #id: ObjectId;
  /** Of bodies that are not packed. */
  readonly #larger: readonly Buffer[];
  #hold: BodyHold | undefined;
  #facts: ObjectFacts | undefined;
  #packed: string | undefined = undefined;

  constructor(facts: NewFacts, record: KeyRecord, hold?: BodyHold) {
    const { id, key, site, url, response, chunks, bodyBytes, generation } = facts;
    this.key = key;
    this.site = site;
    this.bodyBytes = bodyBytes;
    this.record = record;
    this.generation = generation;
    this.#id = id;
    this.#hold = hold;
    this.#larger = packedBody(chunks) === undefined ? chunks : NO_CHUNKS;
    this.#facts = { url, response, chunks };
    this.bytes = restingCost(this);
  }

  get id(): string {
    return nameOf(this.#id);
  }

  /** What `id` is made of, for another object with the same body. */
  get identity(): ObjectId {
    return this.#id;
  }

  get url(): string {
    return this.#awake().url;
  }

  get response(): StoredResponse {
    return this.#awake().response;
  }

  get chunks(): readonly Buffer[] {
    return this.#awake().chunks;
  }

  get isAwake(): boolean {
    return this.#facts !== undefined;
  }

  /** Who reads the body. It stays with the body when a 304 makes a new object of it. */
  get hold(): BodyHold {
    this.#hold ??= new BodyHold(this.queue !== "none");
    return this.#hold;
  }

  /** The store counts the body no more: `pins` does, if somebody reads it. */
  leaveStore(pins: Pins): void {
    this.#hold?.leaveStore(this.bytes, pins);
  }

  /** Lets go of what can be unpacked again. */
  sleep(): void {
    if (this.#facts === undefined) return;
    this.#packed ??= pack(this.#facts, this.key);
    this.#facts = undefined;
  }

  #awake(): ObjectFacts {
    if (this.#facts !== undefined) return this.#facts;
    if (this.#packed === undefined) throw new Error("an object is neither awake nor asleep");
    const facts = unpack(this.#packed, { key: this.key, larger: this.#larger });
    this.#facts = facts;
    this.record.noteAwake(this);
    return facts;
  }
}

function asKept(standings: readonly Standing[]): readonly Standing[] {
  return standings.length === 1 && standings[0]?.kind === "current" ? ALL_CURRENT : standings;
}
