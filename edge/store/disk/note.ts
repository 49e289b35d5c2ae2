import { crc32 } from "node:zlib";
import type { EpochMs } from "../../../common/clock.ts";
import type { KeyHash, VariantHash } from "./key-hash.ts";

/** Bytes of a note. */
export const NOTE_BYTES = 32;

/** Stands for all variants of a key; a variant hash has 24 bits. */
export const ALL_VARIANTS: VariantHash = 0xff_ff_ff_ff;

/**
 * Something that happened to what had been stored before this point of the log. Each segment has a
 * file of notes beside it, written at once while the segment itself is written in batches: what has
 * been removed must stay so even if the process is killed in the next moment.
 */
export interface Note {
  /** Where the segment ended then: everything earlier in the log is concerned. */
  readonly offset: number;
  readonly key: KeyHash;
  /** One variant or ALL_VARIANTS. */
  readonly variant: VariantHash;
  readonly kind: "gone" | "stale";
  /** Of "stale": since when. */
  readonly at: EpochMs;
}

const KIND_NUMBERS = { gone: 1, stale: 2 } as const;

/** A note as it stands in its file (P). */
export function encodeNote(note: Note): Buffer {
  const bytes = Buffer.alloc(NOTE_BYTES);
  bytes.writeUInt32LE(note.offset, 0);
  bytes.writeUInt32LE(note.key.hi, 4);
  bytes.writeUInt32LE(note.key.lo, 8);
  bytes.writeUInt32LE(note.variant, 12);
  bytes.writeUInt32LE(KIND_NUMBERS[note.kind], 16);
  bytes.writeDoubleLE(note.at, 20);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 28)), 28);
  return bytes;
}

/**
 * The notes of a file in their order (P). `damaged`: there was one that cannot be read, so that
 * nobody knows what has been removed.
 */
export function decodeNotes(content: Buffer): {
  readonly notes: readonly Note[];
  readonly damaged: boolean;
} {
  const notes: Note[] = [];
  let damaged = false;
  for (let at = 0; at + NOTE_BYTES <= content.length; at += NOTE_BYTES) {
    const bytes = content.subarray(at, at + NOTE_BYTES);
    if (crc32(bytes.subarray(0, 28)) !== bytes.readUInt32LE(28)) {
      damaged = true;
      continue;
    }
    notes.push({
      offset: bytes.readUInt32LE(0),
      key: { hi: bytes.readUInt32LE(4), lo: bytes.readUInt32LE(8) },
      variant: bytes.readUInt32LE(12),
      kind: bytes.readUInt32LE(16) === KIND_NUMBERS.stale ? "stale" : "gone",
      at: bytes.readDoubleLE(20),
    });
  }
  return { notes, damaged: damaged || content.length % NOTE_BYTES !== 0 };
}
