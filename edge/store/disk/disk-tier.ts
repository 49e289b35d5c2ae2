import { background } from "../../../common/background.ts";
import type { Clock, EpochMs } from "../../../common/clock.ts";
import type { Logger } from "../../../common/log.ts";
import type { LogPosition } from "../../../state/follower.ts";
import type { PurgeEvent, PurgeTable } from "../../../state/purge.ts";
import { tagsOf } from "../../http/tags.ts";
import { Ghost, hashKey } from "../ghost.ts";
import type { EvictionReason, StoreUsage } from "../store.ts";
import type { KeptObject } from "../stored-object.ts";
import { ENTRY_BYTES, type Entry, EntryTable } from "./entry-table.ts";
import type { DiskFolder } from "./folder.ts";
import { hashOfKey, hashOfVariant, type KeyHash, type VariantHash } from "./key-hash.ts";
import { ALL_VARIANTS, type Note } from "./note.ts";
import { earlier, readObject } from "./object-reader.ts";
import { PurgeJournal } from "./purge-journal.ts";
import { findSegment, replaySegment, rowsInSidecars, segmentNumbers } from "./rebuild.ts";
import { encodeFacts, type Place } from "./record.ts";
import { type AppendRefusal, type Segment, SegmentLog, segmentName } from "./segment-log.ts";

const MIB = 2 ** 20;

/** The index may take so much of the memory budget; more objects than fit into it are not kept. */
const INDEX_SHARE = 1 / 4;
/** Bytes of an entry and its share of empty places. */
const INDEX_ENTRY_BYTES = ENTRY_BYTES * 1.5;

/** Records that wait to be written may take so much of the memory budget. */
const QUEUE_SHARE = 1 / 4;
const QUEUE_BYTES_MAX = 64 * MIB;

/** From a failed write to the next attempt. */
const RETRY_MS = 5_000;

/** How often it is written down how far the change log is in force, and the journal is synced. */
const JOURNAL_MS = 1_000;

/** URLs whose soft purge is remembered here; of more, the oldest count as purged. */
const STALE_KEYS_MAX = 16_384;
const STALE_KEY_BYTES = 120;

/** Segments that may be given up to get one note written on a full disk. */
const SACRIFICES_MAX = 4;

/** Operations that can fail: label values of `edge_disk_errors_total{operation}`. */
export type DiskOperation = "read" | "verify" | "write" | "sync" | "note" | "remove";

/** What became of something that could be written: `edge_disk_writes_total{result}`. */
export type WriteResult = "written" | "not-admitted" | AppendRefusal;

/** Why something is on disk no more: `edge_evictions_total{tier="disk",reason}`. */
export type DiskEvictionReason = EvictionReason | "damaged";

/** Whom a disk tier tells. Must not throw. */
export interface DiskObserver {
  onWrite(result: WriteResult, count: number): void;
  onEviction(reason: DiskEvictionReason, count: number): void;
  onError(operation: DiskOperation): void;
  /** It occupies so much memory. */
  onMemory(bytes: number): void;
}

/** What a disk tier is made of. */
export interface DiskTierOptions {
  readonly folder: DiskFolder;
  /** Gives the folder back. */
  readonly release: () => void;
  readonly bytesMax: number;
  /** Left out: a share of `bytesMax`. */
  readonly segmentBytes?: number;
  /** The memory budget, of which it takes shares. */
  readonly memoryBytes: number;
  readonly purges: PurgeTable;
  readonly clock: Clock;
  readonly log: Logger;
  readonly observer: DiskObserver;
}

/**
 * Objects on disk: a log of records in segment files, an index of them in memory, and beside them a
 * journal of purges. What is written replaces what the key had; the oldest segment makes room, and
 * what has been used since it was written is carried over. Nothing here throws, and nothing waits:
 * when the disk fails, less is stored.
 */
export class DiskTier {
  readonly #options: DiskTierOptions;
  readonly #segmentBytes: number;
  readonly #entriesMax: number;
  readonly #table = new EntryTable();
  readonly #log: SegmentLog;
  readonly #journal: PurgeJournal;
  readonly #seen = new Ghost();
  readonly #staleKeys = new Map<string, { readonly key: KeyHash; readonly at: EpochMs }>();
  /** How far the change log was in force when the earlier run ended. */
  readonly position: LogPosition | undefined;
  #reached: LogPosition | undefined;
  #bytesMax: number;
  #isEvicting = false;
  /** Records may be on disk that the index does not know: what is removed must be noted. */
  #isUncertain = false;
  #isFailing = false;
  #relocating: Promise<void> | undefined;
  #stopped = false;
  #cancelRetry: (() => void) | undefined;
  #cancelJournal: (() => void) | undefined;

  /** Takes over what is in the folder. Throws if its journal cannot be read or written. */
  constructor(options: DiskTierOptions) {
    const { folder, bytesMax, memoryBytes, purges, clock } = options;
    this.#options = options;
    this.#segmentBytes = options.segmentBytes ?? segmentBytesFor(bytesMax);
    this.#entriesMax = Math.floor((memoryBytes * INDEX_SHARE) / INDEX_ENTRY_BYTES);
    const journalBytesMax = Math.min(8 * MIB, bytesMax / 32);
    // While it is replaced there are two of it.
    this.#bytesMax = bytesMax - 2 * journalBytesMax;
    const { journal, story } = PurgeJournal.open(folder, purges, journalBytesMax);
    this.#journal = journal;
    this.#log = new SegmentLog({
      folder,
      clock,
      segmentBytes: this.#segmentBytes,
      queueBytesMax: Math.min(QUEUE_BYTES_MAX, memoryBytes * QUEUE_SHARE),
      onRoll: () => this.#makeRoom(),
      onLost: (from) => this.#forgetLost(from),
      onError: (operation, error) => this.#writeFailed(operation, error),
      onWritten: (records) => this.#written(records),
    });
    const damaged = this.#adoptSegments() || story.damaged;
    this.position = story.damaged ? undefined : story.position;
    purges.onEvent = (event) => this.#noteEvent(event);
    // What cannot be read may have replaced or removed what can.
    if (damaged) purges.doubtAll();
    this.#countMemory();
  }

  /** True if there was something in the folder. */
  get hasObjects(): boolean {
    return this.#table.size > 0;
  }

  usage(): StoreUsage {
    const bytes = this.#log.writtenBytes + this.#journal.bytes;
    return { bytes, bytesMax: this.#options.bytesMax, objects: this.#table.size };
  }

  /** The variants of a key, the one that was written first first. */
  entries(key: string): readonly Entry[] {
    return this.#table
      .of(hashOfKey(key))
      .toSorted((a, b) => a.place.segment - b.place.segment || a.place.offset - b.place.offset);
  }

  /**
   * Reads one variant of a key. Undefined if it cannot be had: then it is not asked for again.
   * Never rejects.
   */
  async read(entry: Entry, key?: string): Promise<KeptObject | undefined> {
    const outcome = await readObject(this.#log, entry, key);
    const { log, observer } = this.#options;
    switch (outcome.kind) {
      case "object": {
        if (!this.#isCurrent(entry)) return undefined;
        const { object } = outcome;
        const stale = entry.stale ? this.#staleKeys.get(nameOf(entry.key))?.at : undefined;
        return { ...object, staleSince: earlier(object.staleSince, stale) };
      }
      case "other":
      case "gone":
        return undefined;
      case "damaged":
        observer.onError("verify");
        break;
      case "failed":
        observer.onError("read");
        log.warn({ event: "disk-read-failed", err: outcome.error });
    }
    this.drop(entry, "damaged");
    return undefined;
  }

  /** Notes that a variant has been used. */
  markUsed({ key, variant }: Pick<Entry, "key" | "variant">): void {
    this.#table.markUsed(key, variant);
  }

  /** Takes a variant out of the index, unless it is another one by now. */
  drop(entry: Entry, reason: DiskEvictionReason): void {
    if (!this.#isCurrent(entry)) return;
    this.#table.remove(entry.key, entry.variant);
    // What a purge concerns, the journal keeps from coming back.
    if (reason !== "purged") this.#note({ ...goneNote, key: entry.key, variant: entry.variant });
    this.#options.observer.onEviction(reason, 1);
  }

  /** Stores an object that is in memory, in place of the same variant, if it is worth a place. */
  write(object: KeptObject): void {
    const key = hashOfKey(object.key);
    const variant = hashOfVariant(object.response.varyOn);
    if (!this.#isAdmitted(object.key, this.#table.get(key, variant))) {
      this.#options.observer.onWrite("not-admitted", 1);
      return;
    }
    this.#append(object, key, variant);
  }

  /** An object in memory has been used again: it is worth a place. */
  writeUsed(object: KeptObject): void {
    const key = hashOfKey(object.key);
    const variant = hashOfVariant(object.response.varyOn);
    if (this.#table.get(key, variant) === undefined) this.#append(object, key, variant);
    else this.#table.markUsed(key, variant);
  }

  /** Stores new facts of an object whose body is here; false if it is not. */
  refresh(object: KeptObject): boolean {
    const key = hashOfKey(object.key);
    const variant = hashOfVariant(object.response.varyOn);
    const entry = this.#table.get(key, variant);
    if (entry === undefined) return false;
    const { generation, staleSince } = object;
    const placed = this.#log.append({
      head: { kind: "facts", key, variant, body: entry.place, generation, staleSince },
      facts: encodeFacts(object),
      body: [],
    });
    if (typeof placed === "string") {
      this.#options.observer.onWrite(placed, 1);
      this.#forget(key, variant);
    } else this.#table.attach(key, variant, entry.place, placed);
    this.#countMemory();
    return true;
  }

  /** One variant must not come back: memory has another one, or none. */
  forget(key: string, varyOn: KeptObject["response"]["varyOn"]): void {
    this.#forget(hashOfKey(key), hashOfVariant(varyOn));
  }

  /** Removes all variants of a key, for good. Says how many there were. */
  remove(key: string, reason: EvictionReason): number {
    const hash = hashOfKey(key);
    const count = this.#table.removeAll(hash);
    if (count > 0 || this.#isUncertain) {
      this.#note({ ...goneNote, key: hash, variant: ALL_VARIANTS });
      this.#options.observer.onEviction(reason, count);
    }
    return count;
  }

  /** Makes all variants of a key stale as of `at`. Says how many there are. */
  softPurge(key: string, at: EpochMs): number {
    const hash = hashOfKey(key);
    const entries = this.#table.of(hash);
    if (entries.length > 0 || this.#isUncertain) {
      this.#note({ key: hash, variant: ALL_VARIANTS, kind: "stale", at });
    }
    for (const { variant } of entries) this.#table.markStale(hash, variant);
    if (entries.length > 0) this.#rememberStale(hash, at);
    return entries.length;
  }

  /** The change log is in force up to here. */
  reached(position: LogPosition): void {
    this.#reached = position;
    this.#journalSoon();
  }

  /** Resolves when everything that waits is written. */
  async flush(): Promise<void> {
    await this.#log.flush();
    await this.#relocating;
  }

  /** Writes what waits and closes everything. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#cancelRetry?.();
    this.#cancelJournal?.();
    await this.#relocating;
    await this.#log.stop();
    this.#options.purges.onEvent = () => {};
    await this.#syncJournal();
    this.#journal.close();
    this.#options.release();
  }

  /** Returns whether something is damaged. */
  #adoptSegments(): boolean {
    const { folder, purges, log, observer } = this.#options;
    const names = new Set(folder.list());
    const numbers = segmentNumbers([...names]);
    const newest = numbers.at(-1);
    this.#table.reserve(Math.min(this.#entriesMax, rowsInSidecars(folder, names)));
    let damaged = false;
    for (const [i, number] of numbers.entries()) {
      try {
        const found = findSegment(folder, number, names);
        if (i > 0 && numbers[i - 1] !== number - 1) damaged = true;
        if (found === undefined) {
          log.warn({ event: "disk-segment-unreadable", segment: segmentName(number, "seg") });
          for (const kind of ["seg", "idx", "notes"] as const) {
            folder.remove(segmentName(number, kind));
          }
          damaged = true;
          continue;
        }
        const { segment, rows, torn } = found;
        damaged = damaged || found.damaged || (torn && number !== newest);
        this.#log.adopt(segment);
        replaySegment(found, this.#table, (key, at) => this.#rememberStale(key, at));
        purges.atLeast(rows.generation);
        if (found.scanned) segment.rows = rows;
        if (number === newest) this.#reopen(segment, rows, torn);
      } catch (error) {
        observer.onError("read");
        log.warn({ event: "disk-segment-unreadable", segment: number, err: error });
        damaged = true;
      }
    }
    this.#log.sealSoon();
    this.#isEvicting = this.#log.bytes + 2 * this.#segmentBytes > this.#bytesMax;
    log.info({
      event: "disk-opened",
      objects: this.#table.size,
      segments: numbers.length,
      damaged,
    });
    return damaged;
  }

  /** Goes on in the newest segment, cut behind its last record. */
  #reopen(segment: Segment, rows: Segment["rows"], torn: boolean): void {
    if (segment.dataBytes > this.#segmentBytes / 2) return;
    const { folder } = this.#options;
    folder.remove(segmentName(segment.number, "idx"));
    if (torn) segment.file.truncate(segment.dataBytes);
    segment.sidecarBytes = 0;
    segment.rows = rows;
    this.#log.reopen(segment);
  }

  /**
   * While there is room everything is written. From then on what is new would push out what is old:
   * so it has to be asked for twice.
   */
  #isAdmitted(key: string, before: Entry | undefined): boolean {
    if (!this.#isEvicting || before !== undefined) return true;
    const hash = hashKey(key);
    if (this.#seen.take(hash) !== Number.POSITIVE_INFINITY) return true;
    this.#seen.add(hash, this.#table.size);
    return false;
  }

  #append(
    object: KeptObject,
    key: KeyHash,
    variant: VariantHash,
    isMove = false,
  ): AppendRefusal | undefined {
    if (this.#table.size >= this.#entriesMax) this.#dropOldest();
    const { generation, staleSince, chunks } = object;
    const body = { segment: 0, offset: 0 };
    const placed = this.#log.append({
      head: { kind: "object", key, variant, body, generation, staleSince },
      facts: encodeFacts(object),
      body: chunks,
    });
    if (typeof placed === "string") {
      this.#options.observer.onWrite(placed, 1);
      this.#forget(key, variant);
    } else {
      const { segment, offset, bytes } = placed;
      const before = this.#table.put({ key, variant, place: { segment, offset }, bytes });
      if (before !== undefined && !isMove) this.#options.observer.onEviction("replaced", 1);
      this.#relocateAhead();
    }
    this.#countMemory();
    return typeof placed === "string" ? placed : undefined;
  }

  #forget(key: KeyHash, variant: VariantHash): void {
    const removed = this.#table.remove(key, variant);
    if (removed) this.#options.observer.onEviction("replaced", 1);
    if (removed || this.#isUncertain) this.#note({ ...goneNote, key, variant });
  }

  #isCurrent({ key, variant, place, facts }: Entry): boolean {
    const now = this.#table.get(key, variant);
    return samePlace(now?.place, place) && samePlace(now?.facts, facts);
  }

  #rememberStale(key: KeyHash, at: EpochMs): void {
    const name = nameOf(key);
    const before = this.#staleKeys.get(name);
    // Of two soft purges of one body the earlier one counts, as in memory.
    const still = before !== undefined && this.#table.of(key).some(({ stale }) => stale);
    this.#staleKeys.delete(name);
    this.#staleKeys.set(name, { key, at: still ? Math.min(before.at, at) : at });
    if (this.#staleKeys.size <= STALE_KEYS_MAX) return;
    const [oldest] = this.#staleKeys;
    if (oldest === undefined) return;
    const [oldestName, { key: oldestKey }] = oldest;
    this.#staleKeys.delete(oldestName);
    for (const entry of this.#table.of(oldestKey)) if (entry.stale) this.drop(entry, "space");
  }

  /** Makes room for one more segment. */
  #makeRoom(): void {
    while (this.#log.bytes + this.#segmentBytes > this.#bytesMax) {
      if (!this.#dropOldest()) return;
    }
  }

  #dropOldest(): boolean {
    const [oldest] = this.#log.segments();
    if (oldest === undefined) return false;
    this.#isEvicting = true;
    const entries = this.#table.inSegment(oldest.number);
    for (const { key, variant } of entries) this.#table.remove(key, variant);
    this.#options.observer.onEviction("space", entries.length);
    try {
      this.#log.drop(oldest);
    } catch (error) {
      this.#options.observer.onError("remove");
      this.#options.log.warn({ event: "disk-remove-failed", err: error });
    }
    return true;
  }

  /** Before the oldest segment has to go, carries over what has been used. */
  #relocateAhead(): void {
    const { active } = this.#log;
    if (this.#relocating !== undefined || this.#stopped || active === undefined) return;
    if (active.dataBytes < this.#segmentBytes / 2) return;
    if (this.#log.bytes + this.#segmentBytes <= this.#bytesMax) return;
    const [oldest] = this.#log.segments();
    if (oldest === undefined || oldest === active) return;
    const bytesMax = (this.#segmentBytes - active.dataBytes) / 2;
    this.#relocating = this.#relocate(oldest, bytesMax).finally(() => {
      this.#relocating = undefined;
    });
  }

  /** At most `bytesMax`, so that there is always more room for what is new. */
  async #relocate(oldest: Segment, bytesMax: number): Promise<void> {
    const used = this.#table.inSegment(oldest.number).filter((entry) => entry.used);
    let bytesLeft = bytesMax;
    for (const entry of used.sort((a, b) => a.place.offset - b.place.offset)) {
      if (this.#stopped || this.#log.get(oldest.number) !== oldest) return;
      if (entry.bytes > bytesLeft) continue;
      const object = await this.read(entry);
      if (object === undefined || !this.#isUnpurged(object)) continue;
      if (this.#append(object, entry.key, entry.variant, true) !== undefined) break;
      bytesLeft -= entry.bytes;
      // What is carried over must not crowd out what is new in the queue.
      if (this.#log.queuedBytes > MIB) await this.#log.flush();
    }
    if (!this.#stopped && this.#log.get(oldest.number) === oldest) this.#dropOldest();
  }

  /** Purges that concern it may be forgotten with what is older: it must not outlive them. */
  #isUnpurged({ key, site, generation, response, staleSince }: KeptObject): boolean {
    const facts = { generation, key, tags: tagsOf(response.fields) };
    const verdict = this.#options.purges.site(site).judge(facts);
    return verdict.kind === "current" && staleSince === undefined;
  }

  #forgetLost(from: Place): void {
    this.#isUncertain = true;
    for (const entry of this.#table.from(from)) {
      this.#table.remove(entry.key, entry.variant);
      this.#note({ ...goneNote, key: entry.key, variant: entry.variant });
    }
  }

  #noteEvent(event: PurgeEvent): void {
    this.#must(() => this.#journal.note(event));
    this.#journalSoon();
  }

  #note(note: Omit<Note, "offset">): void {
    this.#must(() => this.#log.note(note));
  }

  /**
   * Does what must be done so that nothing purged comes back. A full disk gives up its oldest
   * segments for that; if it still does not work, everything that is stored.
   */
  #must(write: () => void): void {
    for (let sacrifices = 0; sacrifices <= SACRIFICES_MAX; sacrifices += 1) {
      try {
        write();
        return;
      } catch (error) {
        this.#options.observer.onError("note");
        this.#options.log.warn({ event: "disk-note-failed", err: error });
      }
      if (!this.#dropOldest()) break;
    }
    this.#options.log.error({ event: "disk-given-up" });
    while (this.#dropOldest());
    this.#table.clear();
  }

  #journalSoon(): void {
    if (this.#stopped) return;
    this.#cancelJournal ??= this.#options.clock.after(JOURNAL_MS, () => {
      this.#cancelJournal = undefined;
      background(this.#options.log, "disk-journal", this.#syncJournal());
    });
  }

  /** The position goes last: what it says to be in force must be on the medium. */
  async #syncJournal(): Promise<void> {
    const position = this.#reached;
    const { observer, log } = this.#options;
    try {
      await Promise.all([this.#log.sync(), this.#journal.sync()]);
      if (position !== undefined) this.#journal.writePosition(position);
    } catch (error) {
      // Without a newer position some purges are carried out twice, no more.
      observer.onError("sync");
      log.warn({ event: "disk-sync-failed", err: error });
    }
  }

  #written(records: number): void {
    this.#options.observer.onWrite("written", records);
    if (this.#isFailing) this.#options.log.info({ event: "disk-working" });
    this.#isFailing = false;
    this.#countMemory();
  }

  #writeFailed(operation: "write" | "sync", error: unknown): void {
    const { observer, log, clock } = this.#options;
    observer.onError(operation);
    if (!this.#isFailing) log.error({ event: "disk-failing", operation, err: error });
    this.#isFailing = true;
    if ((error as { code?: unknown }).code === "ENOSPC") {
      // Somebody else fills the file system: make do with less than we were given.
      const had = this.#log.writtenBytes - this.#segmentBytes;
      this.#bytesMax = Math.min(this.#bytesMax, Math.max(2 * this.#segmentBytes, had));
    }
    if (this.#stopped || !this.#log.isOff) return;
    this.#cancelRetry?.();
    this.#cancelRetry = clock.after(RETRY_MS, () => this.#log.resume());
  }

  #countMemory(): void {
    const bytes =
      this.#table.memoryBytes +
      this.#log.memoryBytes +
      this.#seen.bytes +
      this.#staleKeys.size * STALE_KEY_BYTES;
    this.#options.observer.onMemory(bytes);
  }
}

const goneNote = { kind: "gone", at: 0 } as const;

/** 64 MiB, or a share of a small or a very large budget; files that can be opened all at once. */
function segmentBytesFor(bytesMax: number): number {
  const bytes = Math.max(Math.min(bytesMax / 16, 64 * MIB), bytesMax / 256);
  return Math.floor(Math.min(1_024 * MIB, Math.max(2 * MIB, bytes)));
}

function nameOf({ hi, lo }: KeyHash): string {
  return `${hi}-${lo}`;
}

function samePlace(a: Place | undefined, b: Place | undefined): boolean {
  return a?.segment === b?.segment && a?.offset === b?.offset;
}
