import { crc32 } from "node:zlib";
import type { EpochMs } from "../../../common/clock.ts";
import type { StoredResponse } from "../../decide/stored.ts";
import type { KeyHash, VariantHash } from "./key-hash.ts";

/*
 * A segment file begins with a header, then records follow without gaps:
 *
 *   header   8 "MERIDSEG"  4 format version  4 segment number  8 salt  4 CRC-32 of these
 *   record   fixed head of 64 bytes, its facts as JSON (UTF-8), the body
 *
 * All numbers are little-endian. A record begins with the salt of its segment, random bytes that no
 * origin can know: after damage the next record is found by them, and nothing that stands in a body
 * can pass for a record.
 */

/** Version of all file formats in the folder. */
export const FORMAT_VERSION = 1;

/** Bytes of a segment's header. */
export const SEGMENT_HEADER_BYTES = 28;

/** Bytes of the salt. */
export const SALT_BYTES = 8;

/** Bytes of a head before its facts. */
export const FIXED_HEAD_BYTES = 64;

const MAGIC = "MERIDSEG";

/** The longest head that is written or believed. */
export const HEAD_BYTES_MAX = 262_144;

/** A response with its body, or new facts for a body that is there already. */
export type RecordKind = "object" | "facts";

const KIND_NUMBERS: Readonly<Record<RecordKind, number>> = { object: 1, facts: 2 };

/** Where a record begins. Segments are numbered from 1. */
export interface Place {
  readonly segment: number;
  readonly offset: number;
}

/** What is known of a record from the fixed part of its head. */
export interface RecordHead {
  readonly kind: RecordKind;
  readonly key: KeyHash;
  readonly variant: VariantHash;
  /** Of facts: the record that has the body. */
  readonly body: Place;
  /** See `NewObject.generation`. */
  readonly generation: number;
  /** When its URL was softly purged, if it was. */
  readonly staleSince: EpochMs | undefined;
}

/** The same as read: with lengths and checksum. */
export interface ReadHead extends RecordHead {
  readonly headBytes: number;
  readonly bodyBytes: number;
  readonly bodyCrc: number;
}

/** What else is kept of an object. */
export interface RecordFacts {
  readonly id: string;
  readonly key: string;
  readonly site: string;
  readonly url: string;
  readonly response: StoredResponse;
  /** See `CacheObject.bodyBytes`: more than is here if the body is kept in slices. */
  readonly bodyBytes: number;
}

/** The header of a new segment (P). */
export function encodeSegmentHeader(number: number, salt: Buffer): Buffer {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  header.write(MAGIC, "latin1");
  header.writeUInt32LE(FORMAT_VERSION, 8);
  header.writeUInt32LE(number, 12);
  salt.copy(header, 16, 0, SALT_BYTES);
  header.writeUInt32LE(crc32(header.subarray(0, 24)), 24);
  return header;
}

/** The salt of the segment with this number, or undefined if the header is not its header (P). */
export function decodeSegmentHeader(header: Buffer, number: number): Buffer | undefined {
  if (
    header.length < SEGMENT_HEADER_BYTES ||
    !header.equals(encodeSegmentHeader(number, header.subarray(16, 24)))
  )
    return undefined;
  return Buffer.from(header.subarray(16, 24));
}

/** The facts as they stand in a head (P). */
export function encodeFacts({ id, key, site, url, response, bodyBytes }: RecordFacts): Buffer {
  return Buffer.from(JSON.stringify({ id, key, site, url, response, bodyBytes }));
}

/** Bytes of a head with such facts (P). */
export function headBytesOf(facts: Buffer): number {
  return FIXED_HEAD_BYTES + facts.length;
}

/** The head of a record (P). `body` are the pieces that follow it. */
export function encodeHead(
  head: RecordHead,
  facts: Buffer,
  body: readonly Buffer[],
  salt: Buffer,
): Buffer {
  const bytes = Buffer.allocUnsafeSlow(headBytesOf(facts));
  salt.copy(bytes, 0, 0, SALT_BYTES);
  bytes.writeUInt32LE(bytes.length, 8);
  bytes.writeUInt32LE(
    body.reduce((sum, piece) => sum + piece.length, 0),
    12,
  );
  bytes.writeUInt32LE(checksum(body), 20);
  bytes.writeUInt32LE(KIND_NUMBERS[head.kind], 24);
  bytes.writeUInt32LE(head.variant, 28);
  bytes.writeUInt32LE(head.key.hi, 32);
  bytes.writeUInt32LE(head.key.lo, 36);
  bytes.writeUInt32LE(head.body.segment, 40);
  bytes.writeUInt32LE(head.body.offset, 44);
  bytes.writeDoubleLE(head.generation, 48);
  bytes.writeDoubleLE(head.staleSince ?? Number.NaN, 56);
  facts.copy(bytes, FIXED_HEAD_BYTES);
  bytes.writeUInt32LE(headChecksum(bytes), 16);
  return bytes;
}

/** How long the head that begins here says it is; undefined if none begins here (P). */
export function headBytesAt(bytes: Buffer, salt: Buffer): number | undefined {
  if (bytes.length < FIXED_HEAD_BYTES || salt.compare(bytes, 0, SALT_BYTES) !== 0) return undefined;
  const headBytes = bytes.readUInt32LE(8);
  const possible = headBytes >= FIXED_HEAD_BYTES && headBytes <= HEAD_BYTES_MAX;
  return possible ? headBytes : undefined;
}

/** Reads a head that is there whole; undefined if its checksum is not that of its bytes (P). */
export function decodeHead(bytes: Buffer, salt: Buffer): ReadHead | undefined {
  const headBytes = headBytesAt(bytes, salt);
  if (headBytes === undefined || bytes.length < headBytes) return undefined;
  const head = bytes.subarray(0, headBytes);
  if (headChecksum(head) !== head.readUInt32LE(16)) return undefined;
  const staleSince = head.readDoubleLE(56);
  return {
    kind: head.readUInt32LE(24) === KIND_NUMBERS.facts ? "facts" : "object",
    key: { hi: head.readUInt32LE(32), lo: head.readUInt32LE(36) },
    variant: head.readUInt32LE(28),
    body: { segment: head.readUInt32LE(40), offset: head.readUInt32LE(44) },
    generation: head.readDoubleLE(48),
    staleSince: Number.isNaN(staleSince) ? undefined : staleSince,
    headBytes,
    bodyBytes: head.readUInt32LE(12),
    bodyCrc: head.readUInt32LE(20),
  };
}

/** The facts in a head whose checksum is right (P). */
export function decodeFacts(bytes: Buffer, { headBytes }: ReadHead): RecordFacts {
  const facts = JSON.parse(bytes.toString("utf8", FIXED_HEAD_BYTES, headBytes)) as RecordFacts;
  const { response } = facts;
  // JSON has no undefined: the fields that may have that value are always there in memory.
  const { bodyBytes, ruleTtlSeconds } = response;
  return { ...facts, response: { ...response, bodyBytes, ruleTtlSeconds } };
}

/** CRC-32 of pieces as if they were one (P). */
export function checksum(pieces: readonly Buffer[]): number {
  let crc = 0;
  for (const piece of pieces) crc = crc32(piece, crc);
  return crc;
}

/** Of everything in a head but the checksum itself. */
function headChecksum(head: Buffer): number {
  return checksum([head.subarray(0, 16), head.subarray(20)]);
}
