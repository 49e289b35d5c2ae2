import { crc32 } from "node:zlib";
import type { ReadHead, RecordHead } from "./record.ts";
import { FORMAT_VERSION, SALT_BYTES } from "./record.ts";

const MAGIC = "MERIDIDX";
/** Rows are as they are in memory: a machine of another byte order reads the segment instead. */
const BYTE_ORDER: number = new Uint8Array(Uint32Array.of(1).buffer)[0] ?? 0;
const HEADER_BYTES = 48;

/** Words of 32 bits for one record. */
const ROW_WORDS = 7;

/** Bytes that one more record takes in a sidecar. */
export const ROW_BYTES: number = ROW_WORDS * 4;

/** What the index needs to know about one record of a segment. */
export interface Row {
  readonly kind: RecordHead["kind"];
  readonly hi: number;
  readonly lo: number;
  readonly variant: number;
  readonly offset: number;
  /** Of the whole record. */
  readonly bytes: number;
  readonly bodySegment: number;
  readonly bodyOffset: number;
}

/**
 * The records of one segment in their order, as the index needs them. When a segment is complete
 * they become its sidecar file, from which a start is quick. The segment is the truth: a sidecar
 * that is missing, damaged or not of this segment is made anew from it.
 */
export class Rows {
  #words = new Uint32Array(ROW_WORDS * 16);
  count = 0;
  /** The highest generation of a record. */
  generation = 0;

  /** What these rows occupy in memory. */
  get memoryBytes(): number {
    return this.#words.byteLength;
  }

  /** What a sidecar with one more row will occupy. */
  get fileBytes(): number {
    return HEADER_BYTES + (this.count + 1) * ROW_BYTES;
  }

  add(head: RecordHead, offset: number, bytes: number): void {
    const at = this.count * ROW_WORDS;
    if (at === this.#words.length) {
      const larger = new Uint32Array(at * 2);
      larger.set(this.#words);
      this.#words = larger;
    }
    const kind = head.kind === "facts" ? 1 << 24 : 0;
    this.#words[at] = head.key.hi;
    this.#words[at + 1] = head.key.lo;
    this.#words[at + 2] = head.variant | kind;
    this.#words[at + 3] = offset;
    this.#words[at + 4] = bytes;
    this.#words[at + 5] = head.body.segment;
    this.#words[at + 6] = head.body.offset;
    this.count += 1;
    this.generation = Math.max(this.generation, head.generation);
  }

  /** Drops what begins at or behind an offset. */
  cut(offset: number): void {
    while (this.count > 0 && this.#word(this.count - 1, 3) >= offset) this.count -= 1;
  }

  at(index: number): Row {
    const variant = this.#word(index, 2);
    return {
      kind: variant >>> 24 === 0 ? "object" : "facts",
      hi: this.#word(index, 0),
      lo: this.#word(index, 1),
      variant: variant & 0xff_ff_ff,
      offset: this.#word(index, 3),
      bytes: this.#word(index, 4),
      bodySegment: this.#word(index, 5),
      bodyOffset: this.#word(index, 6),
    };
  }

  /** The sidecar of the segment that has this salt and ends at `dataBytes`. */
  encode(salt: Buffer, dataBytes: number): Buffer {
    const content = Buffer.alloc(HEADER_BYTES + this.count * ROW_BYTES);
    content.write(MAGIC, "latin1");
    content.writeUInt32LE(BYTE_ORDER, 28);
    content.writeUInt32LE(FORMAT_VERSION, 8);
    salt.copy(content, 12, 0, SALT_BYTES);
    content.writeUInt32LE(dataBytes, 20);
    content.writeUInt32LE(this.count, 24);
    content.writeDoubleLE(this.generation, 32);
    content.set(Buffer.from(this.#words.buffer, 0, this.count * ROW_BYTES), HEADER_BYTES);
    content.writeUInt32LE(contentChecksum(content), 40);
    return content;
  }

  /** Reads a sidecar; undefined if it is not a whole one of this segment (P). */
  static decode(content: Buffer, salt: Buffer, dataBytes: number): Rows | undefined {
    if (content.length < HEADER_BYTES || content.toString("latin1", 0, 8) !== MAGIC) {
      return undefined;
    }
    const count = content.readUInt32LE(24);
    const itsOwn =
      content.readUInt32LE(8) === FORMAT_VERSION &&
      content.readUInt32LE(28) === BYTE_ORDER &&
      salt.compare(content, 12, 12 + SALT_BYTES) === 0 &&
      content.readUInt32LE(20) === dataBytes &&
      content.length === HEADER_BYTES + count * ROW_BYTES &&
      content.readUInt32LE(40) === contentChecksum(content);
    if (!itsOwn) return undefined;
    const rows = new Rows();
    rows.#words = new Uint32Array(Math.max(16, count) * ROW_WORDS);
    Buffer.from(rows.#words.buffer).set(content.subarray(HEADER_BYTES));
    rows.count = count;
    rows.generation = content.readDoubleLE(32);
    return rows;
  }

  #word(index: number, word: number): number {
    return this.#words[index * ROW_WORDS + word] ?? 0;
  }
}

/** Bytes of a record on disk (P). */
export function recordBytes(head: ReadHead): number {
  return head.headBytes + head.bodyBytes;
}

function contentChecksum(content: Buffer): number {
  return crc32(content.subarray(HEADER_BYTES), crc32(content.subarray(0, 40)));
}
