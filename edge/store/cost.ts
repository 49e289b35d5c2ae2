import { tagsOf } from "../http/tags.ts";
import { textCost } from "./body-text.ts";
import { pinsTooMuch } from "./chunks.ts";
import type { CacheObject } from "./store.ts";

/*
 * What objects cost beside their bytes, measured as heap and external growth per object over
 * 20,000 objects (`test/edge/store/cost.test.ts` holds the estimate against the real figure).
 */
/** Index entry, record, node, facts, times, and what is remembered about them for speed. */
const OBJECT_OVERHEAD_BYTES = 1_500;
/** One `[name, value]` pair and the headers of its two strings. */
const FIELD_OVERHEAD_BYTES = 130;
/** One tag: a string that points into the field it was read from, and its place in the list. */
const TAG_OVERHEAD_BYTES = 50;
/** A Buffer and the ArrayBuffer behind it. */
const CHUNK_OVERHEAD_BYTES = 200;

/** Bytes that one piece of a body occupies (P): all of the slab that it keeps alive. */
export function chunkCost(chunk: Buffer): number {
  return chunk.buffer.byteLength + CHUNK_OVERHEAD_BYTES;
}

/** Bytes that a piece of a body occupies on its way through (P). Small ones share a slab. */
export function heldCost(chunk: Buffer): number {
  return pinsTooMuch(chunk) ? chunk.length + CHUNK_OVERHEAD_BYTES : chunkCost(chunk);
}

/** Bytes that an object occupies in memory, as an estimate (P). */
export function objectCost(object: CacheObject): number {
  let bytes = OBJECT_OVERHEAD_BYTES + object.key.length + object.url.length;
  for (const [name, value] of object.response.fields) {
    bytes += FIELD_OVERHEAD_BYTES + name.length + value.length;
  }
  for (const [name, value] of object.response.varyOn) {
    bytes += FIELD_OVERHEAD_BYTES + name.length + value.length;
  }
  bytes += TAG_OVERHEAD_BYTES * tagsOf(object.response.fields).tags.length;
  for (const chunk of object.chunks) bytes += chunkCost(chunk);
  return bytes + textCost(object.bodyBytes);
}
