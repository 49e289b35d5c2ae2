import { readFileSync } from "node:fs";
import decoderModule from "mmdb-lib/lib/decoder.js";
import { type Metadata, parseMetadata } from "mmdb-lib/lib/metadata.js";
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

/**
 * Walks one family of the tree once and gives each prefix a number: 0 without a record, else what
 * `valueOf` makes of the record, which is asked once for each distinct one.
 *
 * Only for a family that the file has; IPv4 inside the IPv6 tree counts as empty, however many
 * aliases (6to4, mapped) lead there, so that it is neither walked twice nor answered wrongly.
 */
export function walkMmdb(
  database: Mmdb,
  family: 4 | 6,
  valueOf: (record: unknown) => number,
): Result<PrefixTable, string> {
  const { bytes, metadata, ipv4Root, file } = database;
  const { nodeCount } = metadata;
  const read = recordReader(bytes, metadata);
  const bitsMax = family === 4 ? 32 : 128;
  const decoder = new decoderModule.default(bytes, metadata.searchTreeSize + SEPARATOR_BYTES);
  const values = new Map<number, number>([[nodeCount, 0]]);
  const builder = new PrefixTableBuilder(family, 65_536);
  const key = new Uint32Array(wordsOf(family));
  const start = family === 4 ? ipv4Root : 0;
  if (start === undefined) return fail(`${file}: holds no IPv${family} addresses`);

  try {
    visit(start, 0);
    return ok(builder.finish());
  } catch (error) {
    return fail(`${file}: ${describe(error)}`);
  }

  function visit(node: number, depth: number): void {
    if (node >= nodeCount) {
      builder.add(key, 0, depth, value(node));
      return;
    }
    if (family === 6 && depth > 0 && node === ipv4Root) {
      builder.add(key, 0, depth, 0);
      return;
    }
    if (depth === bitsMax) throw new Error("damaged: the search tree is deeper than an address");
    if (builder.count > PREFIXES_MAX) throw new Error("damaged: the search tree has no end");
    const word = depth >>> 5;
    const mask = (1 << (31 - (depth & 31))) >>> 0;
    visit(read(node, 0), depth + 1);
    key[word] = (key[word] ?? 0) | mask;
    visit(read(node, 1), depth + 1);
    key[word] = (key[word] ?? 0) & ~mask;
  }

  function value(record: number): number {
    const known = values.get(record);
    if (known !== undefined) return known;
    const offset = record - nodeCount - SEPARATOR_BYTES;
    if (offset < 0 || metadata.searchTreeSize + SEPARATOR_BYTES + offset >= bytes.length) {
      throw new Error("damaged: the search tree points outside the file");
    }
    const made = valueOf(decoder.decode(metadata.searchTreeSize + SEPARATOR_BYTES + offset).value);
    values.set(record, made);
    return made;
  }
}

/** IPv4 is at `::/96`: 96 zero bits from the root of an IPv6 tree. */
function findIpv4Root(database: Omit<Mmdb, "ipv4Root">): number | undefined {
  const read = recordReader(database.bytes, database.metadata);
  let node = 0;
  for (let depth = 0; depth < 96; depth += 1) {
    if (node >= database.metadata.nodeCount) return undefined;
    node = read(node, 0);
  }
  return node < database.metadata.nodeCount ? node : undefined;
}

/** How both sizes of a half node are read: 24, 28 or 32 bits, big-endian. */
function recordReader(
  bytes: Uint8Array,
  metadata: Metadata,
): (node: number, half: 0 | 1) => number {
  const at = (offset: number) => bytes[offset] ?? 0;
  const uint24 = (offset: number) => (at(offset) << 16) | (at(offset + 1) << 8) | at(offset + 2);
  switch (metadata.recordSize) {
    case 24:
      return (node, half) => uint24(node * 6 + half * 3);
    case 28:
      return (node, half) => {
        const offset = node * 7;
        const high = half === 0 ? at(offset + 3) >>> 4 : at(offset + 3) & 0x0f;
        return (high << 24) | uint24(offset + half * 4);
      };
    default:
      return (node, half) => {
        const offset = node * 8 + half * 4;
        return at(offset) * 0x1000000 + uint24(offset + 1);
      };
  }
}

function describe(error: unknown): string {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return "no such file";
  return error instanceof Error ? error.message : String(error);
}
