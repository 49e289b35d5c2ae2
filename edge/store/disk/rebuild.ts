import type { EpochMs } from "../../../common/clock.ts";
import type { EntryTable } from "./entry-table.ts";
import { type DiskFile, type DiskFolder, readWhole } from "./folder.ts";
import type { KeyHash } from "./key-hash.ts";
import { ALL_VARIANTS, decodeNotes, type Note } from "./note.ts";
import {
  decodeHead,
  decodeSegmentHeader,
  FIXED_HEAD_BYTES,
  HEAD_BYTES_MAX,
  headBytesAt,
  SALT_BYTES,
  SEGMENT_HEADER_BYTES,
} from "./record.ts";
import { ROW_BYTES, type Row, Rows, recordBytes } from "./rows.ts";
import { type Segment, segmentName } from "./segment-log.ts";

/** What is read at a time while a segment is scanned. */
const WINDOW_BYTES = 1_048_576;

/** A segment of an earlier run. */
export interface FoundSegment {
  readonly segment: Segment;
  readonly rows: Rows;
  readonly notes: readonly Note[];
  /** Its sidecar could not be used. */
  readonly scanned: boolean;
  /** Behind its last record there is something that is none. */
  readonly torn: boolean;
  /** Something else in its files cannot be read: what it replaced or removed is not known. */
  readonly damaged: boolean;
}

/** The numbers of the segments in a folder, in order (P). */
export function segmentNumbers(names: readonly string[]): readonly number[] {
  return names
    .map((name) => Number(/^(\d{10})\.seg$/.exec(name)?.[1] ?? 0))
    .filter((number) => number > 0)
    .sort((left, right) => left - right);
}

/** How many records the sidecars speak of, going by their size. */
export function rowsInSidecars(folder: DiskFolder, names: ReadonlySet<string>): number {
  let bytes = 0;
  for (const name of names) {
    if (!name.endsWith(".idx")) continue;
    const file = folder.open(name);
    bytes += file.size();
    file.close();
  }
  return Math.floor(bytes / ROW_BYTES);
}

/**
 * Opens a segment and finds its records: from the sidecar if it fits, else by scanning. Undefined
 * if it is no segment. Throws what the system says.
 */
export function findSegment(
  folder: DiskFolder,
  number: number,
  names: ReadonlySet<string>,
): FoundSegment | undefined {
  const readExisting = (name: string) => (names.has(name) ? readWhole(folder, name) : undefined);
  const file = folder.open(segmentName(number, "seg"));
  const size = file.size();
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  file.readSync(header, 0);
  const salt = decodeSegmentHeader(header, number);
  if (salt === undefined) {
    file.close();
    return undefined;
  }
  const sidecar = readExisting(segmentName(number, "idx"));
  const fromSidecar = sidecar === undefined ? undefined : Rows.decode(sidecar, salt, size);
  const scan = fromSidecar === undefined ? scanSegment(file, salt, size) : undefined;
  const notesContent = readExisting(segmentName(number, "notes"));
  const { notes, damaged } = decodeNotes(notesContent ?? Buffer.alloc(0));
  const segment: Segment = {
    number,
    salt,
    file,
    dataBytes: scan?.end ?? size,
    notes: undefined,
    notesBytes: notesContent?.length ?? 0,
    rows: undefined,
    sidecarBytes: fromSidecar === undefined ? 0 : (sidecar?.length ?? 0),
  };
  return {
    segment,
    rows: fromSidecar ?? scan?.rows ?? new Rows(),
    notes,
    scanned: scan !== undefined,
    torn: scan !== undefined && scan.end < size,
    damaged: damaged || scan?.damaged === true,
  };
}

/**
 * Carries out what a segment says, behind all earlier ones: its records and, each at its place
 * among them, its notes. `stale` is told of soft purges.
 */
export function replaySegment(
  { segment, rows, notes }: FoundSegment,
  table: EntryTable,
  stale: (key: KeyHash, at: EpochMs) => void,
): void {
  let next = 0;
  const noteUpTo = (offset: number) => {
    for (let note = notes[next]; note !== undefined && note.offset <= offset; note = notes[next]) {
      applyNote(note, table, stale);
      next += 1;
    }
  };
  for (let i = 0; i < rows.count; i += 1) {
    const row = rows.at(i);
    noteUpTo(row.offset);
    applyRow(row, segment.number, table);
  }
  noteUpTo(Number.POSITIVE_INFINITY);
}

function applyRow(row: Row, segment: number, table: EntryTable): void {
  const key = { hi: row.hi, lo: row.lo };
  const place = { segment, offset: row.offset };
  if (row.kind === "object") table.put({ key, variant: row.variant, place, bytes: row.bytes });
  else {
    const body = { segment: row.bodySegment, offset: row.bodyOffset };
    table.attach(key, row.variant, body, place);
  }
}

function applyNote(
  { key, variant, kind, at }: Note,
  table: EntryTable,
  stale: (key: KeyHash, at: EpochMs) => void,
): void {
  if (kind === "stale") {
    for (const entry of table.of(key)) table.markStale(key, entry.variant);
    stale(key, at);
  } else if (variant === ALL_VARIANTS) table.removeAll(key);
  else table.remove(key, variant);
}

/** Finds the records of a segment by reading their heads. Bodies are checked when they are used. */
function scanSegment(
  file: DiskFile,
  salt: Buffer,
  size: number,
): { readonly rows: Rows; readonly end: number; readonly damaged: boolean } {
  const window = new Window(file, size);
  const rows = new Rows();
  let damaged = false;
  let offset = SEGMENT_HEADER_BYTES;
  while (offset < size) {
    const headBytes = headBytesAt(window.at(offset, HEAD_BYTES_MAX), salt);
    const head =
      headBytes === undefined ? undefined : decodeHead(window.at(offset, headBytes), salt);
    const fits = head !== undefined && offset + recordBytes(head) <= size;
    if (head !== undefined && fits) {
      rows.add(head, offset, recordBytes(head));
      offset += recordBytes(head);
      continue;
    }
    const next = window.find(salt, offset + 1);
    // One that the file is too short for was being written when all ended.
    const needed = head === undefined ? (headBytes ?? FIXED_HEAD_BYTES) : recordBytes(head);
    if (next !== undefined || offset + needed <= size) damaged = true;
    if (next === undefined) break;
    offset = next;
  }
  return { rows, end: Math.min(offset, size), damaged };
}

/** A file as a window that moves over it. */
class Window {
  readonly #file: DiskFile;
  readonly #size: number;
  #start = 0;
  #bytes = Buffer.alloc(0);

  constructor(file: DiskFile, size: number) {
    this.#file = file;
    this.#size = size;
  }

  /** Bytes from an offset on, as many as wanted if the file has them. */
  at(offset: number, wanted: number): Buffer {
    const end = Math.min(this.#size, offset + wanted);
    if (offset < this.#start || end > this.#start + this.#bytes.length) {
      const into = Buffer.allocUnsafeSlow(Math.min(WINDOW_BYTES, this.#size - offset));
      const bytes = this.#file.readSync(into, offset);
      this.#start = offset;
      this.#bytes = into.subarray(0, bytes);
    }
    return this.#bytes.subarray(offset - this.#start, end - this.#start);
  }

  /** Where the salt next stands, from an offset on. */
  find(salt: Buffer, from: number): number | undefined {
    for (let offset = from; offset < this.#size; offset += WINDOW_BYTES - SALT_BYTES) {
      const found = this.at(offset, WINDOW_BYTES).indexOf(salt);
      if (found >= 0) return offset + found;
    }
    return undefined;
  }
}
