import { tagsOf } from "../http/tags.ts";
import { textCost } from "./body-text.ts";
import { pinsTooMuch } from "./chunks.ts";
import { packedBody } from "./packed.ts";
import type { CacheObject } from "./store.ts";

/*
 * What objects cost beside their bytes, measured as heap and external growth per object over
 * 20,000 objects (`test/edge/store/cost.test.ts` holds the estimate against the real figure).
 */
/** Index entry, record, node, and the string that everything else is packed into. */
const RESTING_OVERHEAD_BYTES = 600;
/** Facts, times, and what is remembered about them for speed. */
const AWAKE_OVERHEAD_BYTES = 900;
/** Quotes and a comma for each of the two strings of a field. */
const PACKED_FIELD_BYTES = 6;
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

/** Bytes that an object occupies asleep, as an estimate (P). */
export function restingCost({ key, url, response, chunks }: CacheObject): number {
  let bytes = RESTING_OVERHEAD_BYTES + key.length + url.length;
  for (const [name, value] of [...response.fields, ...response.varyOn]) {
    bytes += PACKED_FIELD_BYTES + name.length + value.length;
  }
  const packed = packedBody(chunks);
  if (packed !== undefined) return bytes + packed.length;
  for (const chunk of chunks) bytes += chunkCost(chunk);
  return bytes;
}

/** Bytes that an object that is awake occupies beyond what it does asleep, as an estimate (P). */
export function awakeCost({ url, response, chunks }: CacheObject): number {
  let bytes = AWAKE_OVERHEAD_BYTES + url.length;
  for (const [name, value] of [...response.fields, ...response.varyOn]) {
    bytes += FIELD_OVERHEAD_BYTES + name.length + value.length;
  }
  bytes += TAG_OVERHEAD_BYTES * tagsOf(response.fields).tags.length;
  const packed = packedBody(chunks);
  if (packed !== undefined) bytes += chunkCost(packed) + textCost(packed.length);
  return bytes;
}

/** Bytes that an object occupies in memory, as an estimate (P). */
export function objectCost(object: CacheObject): number {
  return restingCost(object) + awakeCost(object);
}
