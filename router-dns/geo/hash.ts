import type { IpBytes } from "../../common/ip.ts";
import { type PrefixTable, wordsOf } from "./prefix-table.ts";

/*
 * Hashes that say who goes where. They are the same in every router, so that all answer alike; they
 * are no defence, for nobody gains by choosing his edge.
 */

const OFFSET = 0x811c9dc5;
const PRIME = 0x01000193;

/** FNV-1a over the characters of a name, finished (P): 0 to 2^32 - 1. */
export function nameSeed(name: string): number {
  let hash = OFFSET;
  for (let i = 0; i < name.length; i += 1) hash = Math.imul(hash ^ name.charCodeAt(i), PRIME);
  return finish(hash);
}

/** FNV-1a over the words of a prefix of the map (P). */
export function tablePrefixHash(table: PrefixTable, position: number): number {
  const words = wordsOf(table.family);
  let hash = OFFSET;
  for (let i = 0; i < words; i += 1) {
    hash = Math.imul(hash ^ (table.keys[position * words + i] ?? 0), PRIME);
    hash ^= hash >>> 15;
  }
  return finish(hash);
}

/** The hash of the first `length` bits of an address (P). */
export function addressPrefixHash(bytes: IpBytes, length: number): number {
  let hash = OFFSET;
  for (let bit = 0; bit < length; bit += 8) {
    const mask = length - bit >= 8 ? 0xff : 0xff << (8 - (length - bit));
    hash = Math.imul(hash ^ ((bytes[bit >>> 3] ?? 0) & mask), PRIME);
  }
  return finish(hash);
}

/** Where in 0 to 1 (both excluded) one hash falls for the owner of another (P): even, and fixed. */
export function unit(hash: number, seed: number): number {
  return (finish(hash ^ seed) + 0.5) / 2 ** 32;
}

/** Mixes all bits into all others (the finalizer of MurmurHash3). */
function finish(hash: number): number {
  let mixed = hash;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
