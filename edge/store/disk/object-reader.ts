import type { EpochMs } from "../../../common/clock.ts";
import type { KeptObject } from "../stored-object.ts";
import type { Entry } from "./entry-table.ts";
import {
  checksum,
  decodeFacts,
  decodeHead,
  HEAD_BYTES_MAX,
  headBytesAt,
  type Place,
  type ReadHead,
  type RecordFacts,
} from "./record.ts";
import { recordBytes } from "./rows.ts";
import type { SegmentLog } from "./segment-log.ts";

/** Smaller records are read whole; of larger ones the head first. */
const WINDOW_BYTES = 65_536;

/** The largest piece in which a body is read and kept. */
const PIECE_BYTES = 1_048_576;

/** What reading an entry came to. */
export type ReadOutcome =
  | { readonly kind: "object"; readonly object: KeptObject }
  /** Another key of the same hash. */
  | { readonly kind: "other" }
  /** Its segment has been dropped meanwhile. */
  | { readonly kind: "gone" }
  /** What is there is not what was written. */
  | { readonly kind: "damaged" }
  | { readonly kind: "failed"; readonly error: unknown };

/**
 * Reads a stored object: its head and facts, newer facts if there are some, its body. Nothing is
 * believed before its checksum. `key` left out: whatever key it has. Never rejects.
 */
export async function readObject(
  log: SegmentLog,
  entry: Entry,
  key?: string,
): Promise<ReadOutcome> {
  try {
    const outcome = await readRecords(log, entry, key);
    return outcome.kind === "damaged" && isGone(log, entry) ? { kind: "gone" } : outcome;
  } catch (error) {
    return isGone(log, entry) ? { kind: "gone" } : { kind: "failed", error };
  }
}

async function readRecords(
  log: SegmentLog,
  { place, bytes, facts: factsPlace }: Entry,
  key: string | undefined,
): Promise<ReadOutcome> {
  const record = await readHead(log, place, bytes);
  if (record === undefined || recordBytes(record.head) !== bytes) return { kind: "damaged" };
  if (key !== undefined && record.facts.key !== key) return { kind: "other" };
  const newer = factsPlace === undefined ? record : await readHead(log, factsPlace, HEAD_BYTES_MAX);
  if (newer === undefined) return { kind: "damaged" };
  // Facts of another body, by a collision of hashes: that body is what the key has no more.
  if (newer.facts.id !== record.facts.id) return { kind: "damaged" };
  const chunks = await readBody(log, place, record);
  if (chunks === undefined) return { kind: "damaged" };
  const { generation, staleSince } = newer.head;
  return {
    kind: "object",
    object: { ...newer.facts, chunks, generation, staleSince },
  };
}

interface HeadAndFacts {
  readonly head: ReadHead;
  readonly facts: RecordFacts;
  /** What has been read so far, from the beginning of the record. */
  readonly start: Buffer;
}

async function readHead(
  log: SegmentLog,
  place: Place,
  bytesMax: number,
): Promise<HeadAndFacts | undefined> {
  const salt = log.get(place.segment)?.salt;
  if (salt === undefined) return undefined;
  let start = await log.read(place, 0, Math.min(bytesMax, WINDOW_BYTES));
  const headBytes = headBytesAt(start, salt);
  if (headBytes === undefined) return undefined;
  if (headBytes > start.length) start = await log.read(place, 0, headBytes);
  const head = decodeHead(start, salt);
  return head === undefined ? undefined : { head, facts: decodeFacts(start, head), start };
}

async function readBody(
  log: SegmentLog,
  place: Place,
  { head, start }: HeadAndFacts,
): Promise<readonly Buffer[] | undefined> {
  const chunks: Buffer[] = [];
  const end = recordBytes(head);
  let at = head.headBytes;
  if (end <= start.length) {
    if (at < end) chunks.push(start.subarray(at, end));
  } else {
    while (at < end) {
      const piece = await log.read(place, at, Math.min(PIECE_BYTES, end - at));
      if (piece.length === 0) return undefined;
      chunks.push(piece);
      at += piece.length;
    }
  }
  return checksum(chunks) === head.bodyCrc ? chunks : undefined;
}

function isGone(log: SegmentLog, { place, facts }: Entry): boolean {
  const places = facts === undefined ? [place] : [place, facts];
  return places.some(({ segment }) => log.get(segment) === undefined);
}

/** The earlier of two moments, either of which may not be (P). */
export function earlier(a: EpochMs | undefined, b: EpochMs | undefined): EpochMs | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}
