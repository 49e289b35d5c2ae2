import { randomBytes } from "node:crypto";
import type { Clock } from "../../../common/clock.ts";
import type { DiskFile, DiskFolder } from "./folder.ts";
import { encodeNote, NOTE_BYTES, type Note } from "./note.ts";
import {
  encodeHead,
  encodeSegmentHeader,
  HEAD_BYTES_MAX,
  headBytesOf,
  type Place,
  type RecordHead,
  SALT_BYTES,
  SEGMENT_HEADER_BYTES,
} from "./record.ts";
import { Rows } from "./rows.ts";

/** What is appended waits for others to be written with it, at most so long... */
const FLUSH_MS = 100;
/** ...and at most until there are so many bytes. */
const BATCH_BYTES = 1_048_576;

/** From a write to the call that brings it to the medium. */
const SYNC_MS = 1_000;

/** Behind every record of a segment. */
const OFFSET_MAX = 0xff_ff_ff_ff;

/** One file of the log. */
export interface Segment {
  readonly number: number;
  readonly salt: Buffer;
  readonly file: DiskFile;
  /** Where the next record begins. */
  dataBytes: number;
  notes: DiskFile | undefined;
  notesBytes: number;
  /** Until the sidecar is written. */
  rows: Rows | undefined;
  sidecarBytes: number;
}

/** Why something was not appended: label values of `edge_disk_writes_total{result}`. */
export type AppendRefusal = "queue-full" | "too-large" | "off";

/** What is appended: see `RecordHead`. `facts` is what `encodeFacts` gives. */
export interface Draft {
  readonly head: RecordHead;
  readonly facts: Buffer;
  readonly body: readonly Buffer[];
}

/** What the log is made of, and whom it tells. */
export interface LogOptions {
  readonly folder: DiskFolder;
  readonly clock: Clock;
  readonly segmentBytes: number;
  /** Bytes that may wait to be written. */
  readonly queueBytesMax: number;
  /** A new segment is about to begin: old ones have to make room for it. */
  readonly onRoll: () => void;
  /** Records from this place on have not been written. */
  readonly onLost: (from: Place) => void;
  readonly onError: (operation: "write" | "sync", error: unknown) => void;
  /** So many records have been written. */
  readonly onWritten: (records: number) => void;
}

/** Name of the files of a segment. */
export function segmentName(number: number, kind: "seg" | "idx" | "notes"): string {
  return `${String(number).padStart(10, "0")}.${kind}`;
}

interface Pending {
  readonly segment: Segment;
  readonly offset: number;
  readonly bytes: number;
  readonly pieces: readonly Buffer[];
}

/**
 * The files of the disk store as one log of records. Where a record will be is known when it is
 * appended; it is written in batches, and can be read meanwhile. Nothing here looks at what records
 * mean.
 */
export class SegmentLog {
  readonly #options: LogOptions;
  readonly #segments = new Map<number, Segment>();
  #active: Segment | undefined;
  #last = 0;
  #queue: Pending[] = [];
  readonly #pending = new Map<string, Pending>();
  readonly #dirty = new Set<DiskFile>();
  #writing: Promise<void> | undefined;
  #cancelFlush: (() => void) | undefined;
  #cancelSync: (() => void) | undefined;
  #stopped = false;
  queuedBytes = 0;
  /** Nothing is appended: writing does not work. */
  isOff = false;

  constructor(options: LogOptions) {
    this.#options = options;
  }

  /** Takes over a segment of an earlier run; the newest one last, which may be written on. */
  adopt(segment: Segment): void {
    this.#segments.set(segment.number, segment);
    this.#last = Math.max(this.#last, segment.number);
  }

  /** Goes on writing in the newest segment, whose rows are known, instead of beginning one. */
  reopen(segment: Segment): void {
    this.#active = segment;
  }

  /** Segments, the oldest first. */
  segments(): IterableIterator<Segment> {
    return this.#segments.values();
  }

  get(number: number): Segment | undefined {
    return this.#segments.get(number);
  }

  get active(): Segment | undefined {
    return this.#active;
  }

  /** Bytes of all files, with what the active segment may still become. */
  get bytes(): number {
    let bytes = 0;
    for (const segment of this.#segments.values()) {
      bytes += segment === this.#active ? this.#options.segmentBytes : occupied(segment);
    }
    return bytes;
  }

  /** Bytes of all files as they are now. */
  get writtenBytes(): number {
    let bytes = 0;
    for (const segment of this.#segments.values()) bytes += occupied(segment);
    return bytes;
  }

  /** What waits, and what is remembered of segments that are not complete. */
  get memoryBytes(): number {
    let bytes = this.queuedBytes;
    for (const { rows } of this.#segments.values()) bytes += rows?.memoryBytes ?? 0;
    return bytes;
  }

  /** Appends a record and gives its place and size, or says why not. */
  append({ head, facts, body }: Draft): (Place & { bytes: number }) | AppendRefusal {
    const headBytes = headBytesOf(facts);
    const bytes = body.reduce((sum, piece) => sum + piece.length, headBytes);
    if (headBytes > HEAD_BYTES_MAX || bytes > this.recordBytesMax) return "too-large";
    if (this.queuedBytes + bytes > this.#options.queueBytesMax) return "queue-full";
    const segment = this.#room(bytes);
    if (segment?.rows === undefined) return "off";
    const offset = segment.dataBytes;
    const pieces = [encodeHead(head, facts, body, segment.salt), ...body];
    const pending = { segment, offset, bytes, pieces };
    segment.rows.add(head, offset, bytes);
    segment.dataBytes += bytes;
    this.#queue.push(pending);
    this.#pending.set(placeName({ segment: segment.number, offset }), pending);
    this.queuedBytes += bytes;
    this.#writeSoon();
    return { segment: segment.number, offset, bytes };
  }

  /** The largest record that a segment takes. */
  get recordBytesMax(): number {
    return this.#options.segmentBytes - SEGMENT_HEADER_BYTES - new Rows().fileBytes - NOTE_BYTES;
  }

  /** Writes a note about everything so far. Throws if that does not work. */
  note(note: Omit<Note, "offset">): void {
    const { segment, offset } = this.#endForNote();
    // Without a segment there is nothing that could come back.
    if (segment === undefined) return;
    segment.notes ??= this.#options.folder.open(segmentName(segment.number, "notes"));
    segment.notes.writeSync(encodeNote({ ...note, offset }), segment.notesBytes);
    segment.notesBytes += NOTE_BYTES;
    this.#syncLater(segment.notes);
  }

  /** Reads from a record that begins at a place: as many bytes as there are, or are wanted. */
  async read(place: Place, from: number, wanted: number): Promise<Buffer> {
    const pending = this.#pending.get(placeName(place));
    if (pending !== undefined) return Buffer.concat(pending.pieces).subarray(from, from + wanted);
    const segment = this.#segments.get(place.segment);
    if (segment === undefined) return Buffer.alloc(0);
    const into = Buffer.allocUnsafeSlow(wanted);
    const bytes = await segment.file.read(into, place.offset + from);
    return bytes === wanted ? into : into.subarray(0, bytes);
  }

  /** Forgets a segment and removes its files. Throws if that does not work. */
  drop(segment: Segment): void {
    this.#segments.delete(segment.number);
    if (this.#active === segment) this.#active = undefined;
    this.#forgetQueued((pending) => pending.segment === segment);
    for (const file of [segment.file, segment.notes]) {
      if (file === undefined) continue;
      this.#dirty.delete(file);
      file.close();
    }
    for (const kind of ["seg", "idx", "notes"] as const) {
      this.#options.folder.remove(segmentName(segment.number, kind));
    }
  }

  /** Resolves when everything that waits is written, or lost. */
  async flush(): Promise<void> {
    this.#write();
    while (this.#writing !== undefined) await this.#writing;
  }

  /** Writes what waits and the sidecar of the active segment, and closes all files. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const active = this.#active;
    this.#active = undefined;
    await this.flush();
    if (active !== undefined) await this.#seal(active);
    this.#cancelFlush?.();
    this.#cancelSync?.();
    await this.sync();
    for (const { file, notes } of this.#segments.values()) {
      file.close();
      notes?.close();
    }
  }

  /** Writes the sidecars of complete segments that have none, in a while. */
  sealSoon(): void {
    this.#writeSoon();
  }

  /** Tries again to write after a failure. */
  resume(): void {
    this.isOff = false;
  }

  /**
   * Where a note about everything so far belongs: the end of the active segment, or, when none can
   * be begun, behind whatever the newest one has.
   */
  #endForNote(): { readonly segment: Segment | undefined; readonly offset: number } {
    try {
      const segment = this.#room(0, true);
      if (segment !== undefined) return { segment, offset: segment.dataBytes };
    } catch (error) {
      this.#options.onError("write", error);
    }
    return { segment: [...this.#segments.values()].at(-1), offset: OFFSET_MAX };
  }

  /** The segment that takes so many bytes more, which may be a new one. */
  #room(bytes: number, forNote = false): Segment | undefined {
    if (this.#stopped || (this.isOff && !forNote)) return undefined;
    const active = this.#active;
    if (active?.rows !== undefined) {
      const { dataBytes, notesBytes, rows } = active;
      const total = dataBytes + bytes + notesBytes + NOTE_BYTES + rows.fileBytes;
      if (total <= this.#options.segmentBytes) return active;
    }
    this.#active = undefined;
    if (active !== undefined) this.#writeSoon();
    this.#options.onRoll();
    return this.#begin(forNote);
  }

  #begin(forNote: boolean): Segment | undefined {
    const { folder } = this.#options;
    const number = this.#last + 1;
    const salt = randomBytes(SALT_BYTES);
    try {
      const file = folder.open(segmentName(number, "seg"));
      file.writeSync(encodeSegmentHeader(number, salt), 0);
      this.#last = number;
      const segment: Segment = {
        number,
        salt,
        file,
        dataBytes: SEGMENT_HEADER_BYTES,
        notes: undefined,
        notesBytes: 0,
        rows: new Rows(),
        sidecarBytes: 0,
      };
      this.#segments.set(number, segment);
      this.#active = segment;
      return segment;
    } catch (error) {
      if (forNote) throw error;
      this.#fail("write", error);
      return undefined;
    }
  }

  #writeSoon(): void {
    if (this.#writing !== undefined) return;
    if (this.queuedBytes >= BATCH_BYTES) this.#write();
    else this.#cancelFlush ??= this.#options.clock.after(FLUSH_MS, () => this.#write());
  }

  #write(): void {
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
  }

  async #writeAll(): Promise<void> {
    for (let batch = this.#nextBatch(); batch.length > 0; batch = this.#nextBatch()) {
      const [first] = batch;
      if (first === undefined) return;
      try {
        const pieces = batch.flatMap((pending) => pending.pieces);
        await first.segment.file.write(pieces, first.offset);
      } catch (error) {
        this.#lose(first, error);
        return;
      }
      this.#settle(batch);
      this.#options.onWritten(batch.length);
      this.#syncLater(first.segment.file);
    }
    await this.#sealComplete();
  }

  /** The records that come next in one file, without a gap. */
  #nextBatch(): readonly Pending[] {
    const [first] = this.#queue;
    let end = 0;
    let bytes = 0;
    let next = first?.offset ?? 0;
    for (const pending of this.#queue) {
      if (pending.segment !== first?.segment || pending.offset !== next) break;
      if (bytes >= BATCH_BYTES) break;
      bytes += pending.bytes;
      next += pending.bytes;
      end += 1;
    }
    return this.#queue.splice(0, end);
  }

  #settle(batch: readonly Pending[]): void {
    for (const { segment, offset, bytes } of batch) {
      // Not if the segment has been dropped meanwhile: then it is settled already.
      if (this.#pending.delete(placeName({ segment: segment.number, offset }))) {
        this.queuedBytes -= bytes;
      }
    }
  }

  /** Nothing from this record on is there: what waits behind it goes as well. */
  #lose({ segment, offset }: Pending, error: unknown): void {
    if (this.#segments.get(segment.number) !== segment) return this.#writeSoon();
    this.#forgetQueued(() => true);
    const from = { segment: segment.number, offset };
    for (const later of this.#segments.values()) {
      if (later.number < segment.number) continue;
      const end = later === segment ? offset : SEGMENT_HEADER_BYTES;
      later.dataBytes = end;
      later.rows?.cut(end);
      this.#truncate(later);
    }
    this.#active = undefined;
    this.#options.onLost(from);
    this.#fail("write", error);
  }

  #truncate({ file, dataBytes }: Segment): void {
    try {
      file.truncate(dataBytes);
    } catch (error) {
      // What is left of the broken write fails its checksum.
      this.#options.onError("write", error);
    }
  }

  #fail(operation: "write" | "sync", error: unknown): void {
    this.isOff = true;
    this.#options.onError(operation, error);
  }

  #forgetQueued(matches: (pending: Pending) => boolean): void {
    this.#queue = this.#queue.filter((pending) => !matches(pending));
    for (const [name, pending] of this.#pending) {
      if (!matches(pending)) continue;
      this.#pending.delete(name);
      this.queuedBytes -= pending.bytes;
    }
  }

  async #sealComplete(): Promise<void> {
    for (const segment of Array.from(this.#segments.values())) {
      if (segment !== this.#active && segment.rows !== undefined) await this.#seal(segment);
    }
  }

  /** Writes the sidecar of a segment that is complete. */
  async #seal(segment: Segment): Promise<void> {
    const { rows, number, salt, dataBytes } = segment;
    if (rows === undefined || this.#isAwaited(segment)) return;
    segment.rows = undefined;
    const content = rows.encode(salt, dataBytes);
    const { folder, onError } = this.#options;
    try {
      const file = folder.open(segmentName(number, "idx"));
      await file.write([content], 0).finally(() => file.close());
      segment.sidecarBytes = content.length;
      // The segment may have been dropped meanwhile.
      if (!this.#segments.has(number)) folder.remove(segmentName(number, "idx"));
    } catch (error) {
      onError("write", error);
    }
  }

  #isAwaited(segment: Segment): boolean {
    return this.#queue.some((pending) => pending.segment === segment);
  }

  #syncLater(file: DiskFile): void {
    this.#dirty.add(file);
    if (this.#stopped) return;
    this.#cancelSync ??= this.#options.clock.after(SYNC_MS, () => {
      this.sync().catch((error: unknown) => this.#fail("sync", error));
    });
  }

  /** Resolves when everything written so far is on the medium, or that has failed. */
  async sync(): Promise<void> {
    const files = [...this.#dirty];
    this.#dirty.clear();
    const results = await Promise.allSettled(files.map((file) => file.sync()));
    this.#cancelSync = undefined;
    for (const result of results) {
      if (result.status === "rejected") this.#options.onError("sync", result.reason);
    }
    const [next] = this.#dirty;
    if (next !== undefined) this.#syncLater(next);
  }
}

/** Bytes of the files of a segment. */
function occupied({ dataBytes, notesBytes, sidecarBytes, rows }: Segment): number {
  return dataBytes + notesBytes + Math.max(sidecarBytes, rows?.fileBytes ?? 0);
}

function placeName({ segment, offset }: Place): string {
  return `${segment}:${offset}`;
}
