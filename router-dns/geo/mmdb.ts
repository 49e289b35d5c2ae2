import { readFileSync } from "node:fs";
import decoderModule from "mmdb-lib/lib/decoder.js";
import { type Metadata, parseMetadata } from "mmdb-lib/lib/metadata.js";
import type { IpBytes } from "../../common/ip.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import { type PrefixTable, PrefixTableBuilder, wordsOf } from "./prefix-table.ts";

/** A MaxMind DB file in memory, found to be whole as far as its own sizes tell. */
export interface Mmdb {
  readonly file: string;
  readonly bytes: Buffer;
  readonly metadata: Metadata;
  /** The node below which IPv4 addresses are, or undefined in a file without them. */
  readonly ipv4Root: number | undefined;
}

/** Bytes of zeros between the search tree and the records. */
const SEPARATOR_BYTES = 16;

/** A damaged tree can share nodes and so be endless: more prefixes than any real file has. */
const PREFIXES_MAX = 30_000_000;

/** Reads a file. Missing, truncated or damaged is a reason, not an exception. */
export function readMmdb(file: string): Result<Mmdb, string> {
  try {
    const bytes = readFileSync(file);
    const metadata = parseMetadata(bytes);
    const { nodeCount, nodeByteSize, ipVersion } = metadata;
    if (!(nodeCount > 0) || (ipVersion !== 4 && ipVersion !== 6)) {
      return fail(`${file}: the metadata make no sense`);
    }
    if (nodeCount * nodeByteSize + SEPARATOR_BYTES >= bytes.length) {
      return fail(`${file}: truncated: the search tree is larger than the file`);
    }
    const partial = { file, bytes, metadata };
    return ok({ ...partial, ipv4Root: ipVersion === 4 ? 0 : findIpv4Root(partial) });
  } catch (error) {
    return fail(`${file}: ${describe(error)}`);
  }
}

/** How records become numbers. */
export interface RecordNumbers {
  /** The number of prefixes without a record. */
  readonly none: number;
  /** The number of a decoded record. */
  readonly ofRecord: (record: unknown) => number;
  /** The same from where the record is in the file, or -1 if it has to be decoded first. */
  readonly quick?: (offset: number) => number;
}

/** Where in the file the records begin (P). */
export function recordsStart({ metadata }: Mmdb): number {
  return metadata.searchTreeSize + SEPARATOR_BYTES;
}

/** A file turned out to be damaged while it was walked; the message names it. */
export class DamagedDatabaseError extends Error {
  override readonly name = "DamagedDatabaseError";
  readonly file: string;

  constructor(file: string, reason: string) {
    super(`${file}: ${reason}`);
    this.file = file;
  }
}

/**
 * Walks one family of the tree once and gives each prefix a number: what `numbers` makes of its
 * record, which is asked once for each distinct one. Throws a
 * DamagedDatabaseError.
 *
 * Only for a family that the file has; IPv4 inside the IPv6 tree counts as empty, however many
 * aliases (6to4, mapped) lead there, so that it is neither walked twice nor answered wrongly.
 */
export function walkMmdb(database: Mmdb, family: 4 | 6, numbers: RecordNumbers): PrefixTable {
  const start = family === 4 ? database.ipv4Root : 0;
  if (start === undefined) throw damaged(database, `holds no IPv${family} addresses`);
  try {
    return walk(
      database,
      family,
      { start, none: numbers.none },
      recordNumbering(database, numbers),
    );
  } catch (error) {
    throw damaged(database, describe(error));
  }
}

/** The decoded record of one address, undefined if there is none. Throws a DamagedDatabaseError. */
export function findRecord(database: Mmdb, address: IpBytes): unknown {
  const { bytes, metadata, ipv4Root } = database;
  const { left, right } = halfReaders(bytes, metadata);
  let node = (address.length === 4 ? ipv4Root : 0) ?? metadata.nodeCount;
  try {
    for (let bit = 0; bit < address.length * 8 && node < metadata.nodeCount; bit += 1) {
      const isSet = (((address[bit >>> 3] ?? 0) >>> (7 - (bit & 7))) & 1) === 1;
      node = (isSet ? right : left)(node * metadata.nodeByteSize);
    }
    if (node <= metadata.nodeCount) return undefined;
    const start = recordsStart(database);
    const offset = start + node - metadata.nodeCount - SEPARATOR_BYTES;
    return new decoderModule.default(bytes, start).decode(offset).value;
  } catch (error) {
    throw damaged(database, describe(error));
  }
}

function damaged({ file }: Mmdb, reason: string): DamagedDatabaseError {
  return new DamagedDatabaseError(file, reason);
}

/**
 * Goes down left halves and keeps the right ones, one at most for each bit, on a stack: a call for
 * each of 15 million nodes costs more than all the rest.
 */
function walk(
  { bytes, metadata, ipv4Root }: Mmdb,
  family: 4 | 6,
  { start, none }: { readonly start: number; readonly none: number },
  numberOf: (record: number) => number,
): PrefixTable {
  const { nodeCount, nodeByteSize } = metadata;
  const { left, right } = halfReaders(bytes, metadata);
  const bitsMax = family === 4 ? 32 : 128;
  // A binary tree has one leaf more than nodes; a damaged one may have more, and then this grows.
  const builder = new PrefixTableBuilder(family, nodeCount + 1);
  const words = wordsOf(family);
  const key = new Uint32Array(words);
  const waiting = new Uint32Array(bitsMax + 1);
  const depths = new Uint8Array(bitsMax + 1);
  let count = 0;
  let node = start;
  let depth = 0;
  let seen = 0;
  for (;;) {
    const isIpv4 = family === 6 && depth > 0 && node === ipv4Root;
    if (node < nodeCount && !isIpv4) {
      if (depth === bitsMax) throw new Error("damaged: the search tree is deeper than an address");
      depth += 1;
      const offset = node * nodeByteSize;
      node = left(offset);
      waiting[count] = right(offset);
      depths[count] = depth;
      count += 1;
      continue;
    }
    builder.add(key, 0, depth, isIpv4 || node === nodeCount ? none : numberOf(node));
    if (count === 0) return builder.finish();
    seen += 1;
    if (seen > PREFIXES_MAX) throw new Error("damaged: the search tree has no end");
    count -= 1;
    node = waiting[count] ?? 0;
    depth = depths[count] ?? 0;
    // The right half of that depth: its bit set, everything behind it 0.
    const word = (depth - 1) >>> 5;
    const bit = 31 - ((depth - 1) & 31);
    key[word] = (((key[word] ?? 0) >>> bit) | 1) << bit;
    for (let i = word + 1; i < words; i += 1) key[i] = 0;
  }
}

/** Numbers records, each once, by where they are: the tree names most of them many times. */
function recordNumbering(
  database: Mmdb,
  { ofRecord, quick }: RecordNumbers,
): (record: number) => number {
  const { bytes, metadata } = database;
  const start = recordsStart(database);
  const decoder = new decoderModule.default(bytes, start);
  // One more than the number, so that 0 is "not asked yet"; the largest is asked each time.
  const known = new Uint32Array(Math.max(0, bytes.length - start));
  return (record) => {
    const offset = record - metadata.nodeCount - SEPARATOR_BYTES;
    if (offset < 0 || start + offset >= bytes.length) {
      throw new Error("damaged: the search tree points outside the file");
    }
    const before = known[offset] ?? 0;
    if (before > 0) return before - 1;
    const fast = quick === undefined ? -1 : quick(start + offset);
    const number = fast >= 0 ? fast : ofRecord(decoder.decode(start + offset).value);
    known[offset] = number + 1;
    return number;
  };
}

/** IPv4 is at `::/96`: 96 zero bits from the root of an IPv6 tree. */
function findIpv4Root({ bytes, metadata }: Omit<Mmdb, "ipv4Root">): number | undefined {
  const { left } = halfReaders(bytes, metadata);
  let node = 0;
  for (let depth = 0; depth < 96; depth += 1) {
    if (node >= metadata.nodeCount) return undefined;
    node = left(node * metadata.nodeByteSize);
  }
  return node < metadata.nodeCount ? node : undefined;
}

interface HalfReaders {
  readonly left: (offset: number) => number;
  readonly right: (offset: number) => number;
}

/** How the halves of the node at an offset are read: 24, 28 or 32 bits each, big-endian. */
function halfReaders(bytes: Uint8Array, metadata: Metadata): HalfReaders {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (metadata.recordSize) {
    case 24:
      return {
        left: (offset) => view.getUint32(offset) >>> 8,
        right: (offset) => view.getUint32(offset + 2) & 0xffffff,
      };
    case 28:
      return {
        left: (offset) => {
          const word = view.getUint32(offset);
          return (word >>> 8) | ((word & 0xf0) << 20);
        },
        right: (offset) => view.getUint32(offset + 3) & 0x0fffffff,
      };
    default:
      return {
        left: (offset) => view.getUint32(offset),
        right: (offset) => view.getUint32(offset + 4),
      };
  }
}

function describe(error: unknown): string {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return "no such file";
  return error instanceof Error ? error.message : String(error);
}
