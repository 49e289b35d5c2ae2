import { CLASS_IN, HEADER_BYTES, TYPE } from "../wire/codes.ts";
import { LABEL_BYTES_MAX, NAME_BYTES_MAX, type Name } from "../wire/name.ts";
import { octetAt, wordAt } from "../wire/octets.ts";
import { fixedRdata, type Rdata } from "../wire/rdata.ts";
import type { TransferRecord } from "./content.ts";

/** An answer of another server, as far as transfers need it. */
export interface PeerAnswer {
  readonly id: number;
  /** The second word of the header. */
  readonly flags: number;
  readonly rcode: number;
  readonly qtype: number;
  /** Records of class IN in the answer section, in order. */
  readonly answers: readonly TransferRecord[];
  readonly authority: readonly TransferRecord[];
}

/**
 * Types whose data begins with fixed octets and goes on with names that other servers may compress
 * (RFC 3597 section 4), and what stands behind the names: octets before, names, octets behind.
 */
const NAMES_IN_DATA: ReadonlyMap<number, readonly [before: number, names: number]> = new Map([
  [TYPE.NS, [0, 1]],
  [TYPE.CNAME, [0, 1]],
  [TYPE.PTR, [0, 1]],
  [TYPE.SOA, [0, 2]],
  [TYPE.MX, [2, 1]],
]);

/** Types whose names are ours to write in full, though some servers compress them. */
const UNCOMPRESSED_NAMES: ReadonlyMap<number, number> = new Map([
  [TYPE.SRV, 6],
  [TYPE.DNAME, 0],
]);

/** Octets of a SOA behind its names. */
const SOA_NUMBERS_BYTES = 20;

/**
 * Reads an answer of another server (P). Undefined if it is no well-formed message. Compression
 * pointers may only point backwards (RFC 1035 section 4.1.4), so no message makes this loop.
 */
export function readPeerAnswer(message: Uint8Array): PeerAnswer | undefined {
  if (message.length < HEADER_BYTES) return undefined;
  const flags = wordAt(message, 2);
  const cursor = { at: HEADER_BYTES };
  let qtype = 0;
  for (let i = wordAt(message, 4); i > 0; i -= 1) {
    const name = readName(message, cursor.at);
    if (name === undefined || name.end + 4 > message.length) return undefined;
    qtype = wordAt(message, name.end);
    cursor.at = name.end + 4;
  }
  const answers = readRecords(message, cursor, wordAt(message, 6));
  const authority = answers && readRecords(message, cursor, wordAt(message, 8));
  if (answers === undefined || authority === undefined) return undefined;
  return { id: wordAt(message, 0), flags, rcode: flags & 0xf, qtype, answers, authority };
}

function readRecords(
  message: Uint8Array,
  cursor: { at: number },
  count: number,
): TransferRecord[] | undefined {
  const records: TransferRecord[] = [];
  for (let i = 0; i < count; i += 1) {
    const owner = readName(message, cursor.at);
    if (owner === undefined || owner.end + 10 > message.length) return undefined;
    const type = wordAt(message, owner.end);
    const rrclass = wordAt(message, owner.end + 2);
    const ttl = wordAt(message, owner.end + 4) * 2 ** 16 + wordAt(message, owner.end + 6);
    const start = owner.end + 10;
    const end = start + wordAt(message, owner.end + 8);
    if (end > message.length) return undefined;
    cursor.at = end;
    const rdata = readRdata(message, type, start, end);
    if (rdata === undefined) return undefined;
    // RFC 2181 section 8: a TTL with the highest bit set counts as 0.
    const ttlSeconds = ttl >= 2 ** 31 ? 0 : ttl;
    if (rrclass === CLASS_IN) records.push({ owner: owner.name, type, ttlSeconds, rdata });
  }
  return records;
}

/** Reads the data of a record, its names in full (P); undefined if it is broken. */
export function readRdata(
  message: Uint8Array,
  type: number,
  start: number,
  end: number,
): Rdata | undefined {
  const own = (from: number, to: number) => Uint8Array.from(message.subarray(from, to));
  const before = UNCOMPRESSED_NAMES.get(type);
  if (before !== undefined) {
    const name = start + before <= end ? readName(message, start + before) : undefined;
    if (name?.end !== end) return undefined;
    return fixedRdata(Buffer.concat([own(start, start + before), name.name]));
  }
  const layout = NAMES_IN_DATA.get(type);
  if (layout === undefined) return fixedRdata(own(start, end));
  const [prefixBytes, count] = layout;
  let at = start + prefixBytes;
  const names: Name[] = [];
  for (let i = 0; i < count; i += 1) {
    const name = at <= end ? readName(message, at) : undefined;
    if (name === undefined) return undefined;
    names.push(name.name);
    at = name.end;
  }
  const suffixBytes = type === TYPE.SOA ? SOA_NUMBERS_BYTES : 0;
  if (at + suffixBytes !== end) return undefined;
  return { prefix: own(start, start + prefixBytes), names, suffix: own(at, end) };
}

/**
 * Reads a name that may be compressed (P). `end` is where the message goes on behind it. Undefined
 * if it is too long, leaves the message, or has a pointer that does not point backwards.
 */
export function readName(
  message: Uint8Array,
  start: number,
): { readonly name: Name; readonly end: number } | undefined {
  const octets: number[] = [];
  let at = start;
  let end: number | undefined;
  let lowest = start;
  for (;;) {
    if (at >= message.length) return undefined;
    const length = octetAt(message, at);
    if (length >= 0xc0) {
      if (at + 1 >= message.length) return undefined;
      const target = wordAt(message, at) & 0x3fff;
      end ??= at + 2;
      if (target >= lowest) return undefined;
      lowest = target;
      at = target;
      continue;
    }
    if (length > LABEL_BYTES_MAX || at + length >= message.length) return undefined;
    for (let i = 0; i <= length; i += 1) octets.push(octetAt(message, at + i));
    if (octets.length > NAME_BYTES_MAX) return undefined;
    at += 1 + length;
    if (length === 0) return { name: Uint8Array.from(octets), end: end ?? at };
  }
}
