import { CLASS_IN, HEADER_BYTES } from "./codes.ts";
import type { Name } from "./name.ts";
import { octetAt, wordAt } from "./octets.ts";
import type { Rdata } from "./rdata.ts";

/** The sections that records are written to, in the order of the message. */
export const SECTION = { ANSWER: 0, AUTHORITY: 1, ADDITIONAL: 2 } as const;

/** A section number. */
export type Section = (typeof SECTION)[keyof typeof SECTION];

/** An owner: a name, or the offset of one that stands in the message already. */
export type Owner = Name | number;

/** Where the name of the question stands, and so what most records are owned by. */
export const QUESTION_NAME = HEADER_BYTES;

/** What stands before the data of a record. */
export interface RecordHead {
  readonly owner: Owner;
  readonly type: number;
  /** Seconds; in an OPT record, its extended code, version and flags. */
  readonly ttl: number;
  /** Left out: IN. In an OPT record, octets that the sender takes. */
  readonly rrclass?: number;
}

/** How many label positions are remembered for compression. Later names may be written in full. */
const TARGETS_MAX = 128;

/** The two bits that make a length octet the start of a pointer (RFC 1035 section 4.1.4). */
const POINTER = 0xc000;

/** Offsets beyond this do not fit a compression pointer (RFC 1035 section 4.1.4). */
const POINTER_MAX = 0x3fff;

/**
 * Writes one message at a time into a caller's buffer (P: its state is the message). It never
 * writes beyond the limit: what does not fit is taken back and reported. Names are compressed
 * against names with the same letters in the same case, so that no name changes its case (RFC 4343
 * section 4.1 allows it, but clients compare).
 */
export class MessageWriter {
  #out: Uint8Array = new Uint8Array(0);
  #limit = 0;
  #length = 0;
  #questionEnd = 0;
  #hasOverflown = false;
  // What a record that does not fit is taken back to.
  #recordStart = 0;
  #targetsAtRecord = 0;
  #dataStart = 0;
  readonly #counts = new Uint16Array(3);
  // Offset of each remembered label, and octets of the name that starts there.
  readonly #targets = new Uint16Array(TARGETS_MAX);
  readonly #targetBytes = new Uint8Array(TARGETS_MAX);
  #targetCount = 0;

  /** Octets written so far. */
  get length(): number {
    return this.#length;
  }

  /** Records of a section so far. */
  count(section: Section): number {
    return this.#counts[section] as number;
  }

  /** Octets that the message may have. */
  get limit(): number {
    return this.#limit;
  }

  /**
   * Starts a message of at most `limit` octets with the question of `packet`, octet for octet; it
   * ends at `questionEnd`. False if not even that fits.
   */
  start(out: Uint8Array, limit: number, packet: Uint8Array, questionEnd: number): boolean {
    this.#out = out;
    this.#limit = Math.min(limit, out.length);
    this.#questionEnd = questionEnd;
    if (questionEnd > this.#limit) return false;
    for (let i = 0; i < questionEnd; i += 1) out[i] = octetAt(packet, i);
    this.clear();
    return true;
  }

  /** Takes back every record. */
  clear(): void {
    this.#length = this.#questionEnd;
    this.#hasOverflown = false;
    this.#counts.fill(0);
    this.#targetCount = 0;
    if (this.#questionEnd > HEADER_BYTES) this.#rememberQuestion();
  }

  /** Moves the limit: down to keep room for what comes last, and up again to use it. */
  limitTo(bytes: number): void {
    this.#limit = Math.min(bytes, this.#out.length);
  }

  /** Writes a record of class IN. False if it does not fit; nothing is written then. */
  record(section: Section, head: RecordHead, rdata: Rdata): boolean {
    this.beginRecord(head);
    this.bytes(rdata.prefix);
    for (const name of rdata.names) this.name(name);
    this.bytes(rdata.suffix);
    return this.endRecord(section);
  }

  /**
   * Writes records that belong together: all of them, or none if one does not fit, which gives
   * false. RFC 2181 section 9: part of an RRset looks like the whole of it.
   */
  records(section: Section, head: RecordHead, rdatas: readonly Rdata[]): boolean {
    const length = this.#length;
    const targetCount = this.#targetCount;
    const count = this.#counts[section] as number;
    for (const rdata of rdatas) {
      if (this.record(section, head, rdata)) continue;
      this.#length = length;
      this.#targetCount = targetCount;
      this.#counts[section] = count;
      return false;
    }
    return true;
  }

  /** Writes a record without names in its data. False if it does not fit. */
  plainRecord(section: Section, head: RecordHead, rdata: Uint8Array): boolean {
    this.beginRecord(head);
    this.bytes(rdata);
    return this.endRecord(section);
  }

  /** Starts a record whose data the caller writes before it calls `endRecord`. */
  beginRecord({ owner, type, ttl, rrclass = CLASS_IN }: RecordHead): void {
    this.#recordStart = this.#length;
    this.#targetsAtRecord = this.#targetCount;
    if (typeof owner === "number") this.uint16(POINTER | owner);
    else this.name(owner);
    this.uint16(type);
    this.uint16(rrclass);
    this.uint32(ttl);
    this.#dataStart = this.#length + 2;
    this.uint16(0);
  }

  /** Ends a record. False if it did not fit: then it is taken back, and all that it wrote. */
  endRecord(section: Section): boolean {
    if (this.#hasOverflown) {
      this.#length = this.#recordStart;
      this.#targetCount = this.#targetsAtRecord;
      this.#hasOverflown = false;
      return false;
    }
    this.#putWord(this.#dataStart - 2, this.#length - this.#dataStart);
    this.#counts[section] = (this.#counts[section] as number) + 1;
    return true;
  }

  uint8(value: number): void {
    if (!this.#has(1)) return;
    this.#out[this.#length] = value;
    this.#length += 1;
  }

  uint16(value: number): void {
    if (!this.#has(2)) return;
    this.#putWord(this.#length, value);
    this.#length += 2;
  }

  uint32(value: number): void {
    if (!this.#has(4)) return;
    this.#putWord(this.#length, value >>> 16);
    this.#putWord(this.#length + 2, value);
    this.#length += 4;
  }

  bytes(source: Uint8Array): void {
    const count = source.length;
    if (!this.#has(count)) return;
    // A loop is faster than set() for the few octets that most records have.
    if (count > 32) this.#out.set(source, this.#length);
    else for (let i = 0; i < count; i += 1) this.#out[this.#length + i] = octetAt(source, i);
    this.#length += count;
  }

  /** Writes a name, as short as the names before it allow (RFC 1035 section 4.1.4). */
  name(name: Name): void {
    for (let at = 0; at < name.length - 1; ) {
      const target = this.#findTarget(name, at);
      if (target !== undefined) return this.uint16(POINTER | target);
      const labelBytes = 1 + octetAt(name, at);
      if (!this.#has(labelBytes)) return;
      this.#remember(this.#length, name.length - at);
      for (let i = 0; i < labelBytes; i += 1) this.#out[this.#length + i] = octetAt(name, at + i);
      this.#length += labelBytes;
      at += labelBytes;
    }
    this.uint8(0);
  }

  /** Writes the header and gives the length of the whole message. */
  finish(id: number, flags: number): number {
    const hasQuestion = this.#questionEnd > HEADER_BYTES;
    this.#putWord(0, id);
    this.#putWord(2, flags);
    this.#putWord(4, hasQuestion ? 1 : 0);
    for (let i = 0; i < 3; i += 1) this.#putWord(6 + 2 * i, this.#counts[i] as number);
    return this.#length;
  }

  /** Every label of the question is a target: its parent names are what answers are about. */
  #rememberQuestion(): void {
    const nameEnd = this.#questionEnd - 4;
    for (let at = HEADER_BYTES; at < nameEnd - 1; at += 1 + octetAt(this.#out, at)) {
      this.#remember(at, nameEnd - at);
    }
  }

  #remember(offset: number, nameBytes: number): void {
    if (this.#targetCount === TARGETS_MAX || offset > POINTER_MAX) return;
    this.#targets[this.#targetCount] = offset;
    this.#targetBytes[this.#targetCount] = nameBytes;
    this.#targetCount += 1;
  }

  /** Where the part of `name` that starts at `from` stands in the message, if it does. */
  #findTarget(name: Name, from: number): number | undefined {
    const nameBytes = name.length - from;
    for (let i = 0; i < this.#targetCount; i += 1) {
      const offset = this.#targets[i] as number;
      if (this.#targetBytes[i] === nameBytes && this.#isNameAt(offset, name, from)) return offset;
    }
    return undefined;
  }

  /** Compares with a name that may end in a pointer; ours point backwards, so this ends. */
  #isNameAt(offset: number, name: Name, from: number): boolean {
    let at = offset;
    for (let i = from; i < name.length; ) {
      const length = octetAt(this.#out, at);
      if (length >= 0xc0) {
        at = wordAt(this.#out, at) & POINTER_MAX;
        continue;
      }
      for (const labelEnd = i + length; i <= labelEnd; i += 1, at += 1) {
        if (this.#out[at] !== name[i]) return false;
      }
    }
    return true;
  }

  #has(count: number): boolean {
    if (this.#length + count > this.#limit) this.#hasOverflown = true;
    return !this.#hasOverflown;
  }

  #putWord(at: number, value: number): void {
    this.#out[at] = value >>> 8;
    this.#out[at + 1] = value;
  }
}
