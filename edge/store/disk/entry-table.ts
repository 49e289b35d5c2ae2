import type { KeyHash, VariantHash } from "./key-hash.ts";
import type { Place } from "./record.ts";

/** One stored variant, as the index knows it. */
export interface Entry {
  readonly key: KeyHash;
  readonly variant: VariantHash;
  /** The record that has the body. */
  readonly place: Place;
  /** Bytes of that record. */
  readonly bytes: number;
  /** The record that has its newest facts, if that is another one. */
  readonly facts: Place | undefined;
  /** It was used since it was written. */
  readonly used: boolean;
  /** Its URL was softly purged after that. */
  readonly stale: boolean;
}

/** What a new entry is made of. */
type NewEntry = Pick<Entry, "key" | "variant" | "place" | "bytes">;

/** Words of 32 bits for one entry. */
const WORDS = 8;
/** Bytes of an entry; with the empty places of the tables it is 40 to 50. */
export const ENTRY_BYTES: number = WORDS * 4;

const SHARDS = 64;
const ENTRIES_MIN = 8;
const FULL_SHARE = 0.8;
const GROWTH = 1.25;

/** At most so many variants of one key; the first one found makes room. */
const VARIANTS_MAX = 64;

const USED = 1 << 24;
const STALE = 1 << 25;
const VARIANT_MASK = 0xff_ff_ff;

/**
 * Where on disk everything is, in typed arrays: 32 bytes an entry, by the hash of its key. 64
 * tables of open addressing (linear probing) share the entries, so that growing, a quarter at a
 * time, never holds up the event loop for long.
 */
export class EntryTable {
  readonly #shards = Array.from({ length: SHARDS }, () => new Shard());

  /** How many entries there are. */
  get size(): number {
    return this.#shards.reduce((sum, shard) => sum + shard.size, 0);
  }

  /** What the tables occupy in memory. */
  get memoryBytes(): number {
    return this.#shards.reduce((sum, shard) => sum + shard.memoryBytes, 0);
  }

  /** All variants of a key. */
  of(key: KeyHash): readonly Entry[] {
    return this.#shard(key).of(key);
  }

  get(key: KeyHash, variant: VariantHash): Entry | undefined {
    return this.#shard(key)
      .of(key)
      .find((entry) => entry.variant === variant);
  }

  /** Makes room for so many entries at once, instead of growing again and again. */
  reserve(entries: number): void {
    for (const shard of this.#shards) shard.reserve(Math.ceil((entries / SHARDS) * 1.05));
  }

  /** Adds an entry in place of one of the same variant, which is given back. */
  put(entry: NewEntry): Entry | undefined {
    return this.#shard(entry.key).put(entry);
  }

  /** New facts for the body at a place; false if the entry has another body by now. */
  attach(key: KeyHash, variant: VariantHash, body: Place, facts: Place): boolean {
    return this.#shard(key).attach(key, variant, body, facts);
  }

  remove(key: KeyHash, variant: VariantHash): boolean {
    return this.#shard(key).remove(key, variant);
  }

  /** Removes all variants of a key and says how many there were. */
  removeAll(key: KeyHash): number {
    const all = this.of(key);
    for (const { variant } of all) this.remove(key, variant);
    return all.length;
  }

  markUsed(key: KeyHash, variant: VariantHash): void {
    this.#shard(key).mark(key, variant, USED);
  }

  markStale(key: KeyHash, variant: VariantHash): void {
    this.#shard(key).mark(key, variant, STALE);
  }

  /** All entries that have their body in a segment: looks at every entry there is. */
  inSegment(segment: number): Entry[] {
    return this.#shards.flatMap((shard) => shard.inSegment(segment));
  }

  /** All entries that have their body or facts at a place or behind it: looks at every entry. */
  from(place: Place): Entry[] {
    return this.#shards.flatMap((shard) => shard.from(place));
  }

  clear(): void {
    for (const shard of this.#shards) shard.clear();
  }

  #shard({ hi }: KeyHash): Shard {
    return this.#shards[hi >>> 26] as Shard;
  }
}

class Shard {
  #words = new Uint32Array(0);
  #places = 0;
  size = 0;

  get memoryBytes(): number {
    return this.#words.byteLength;
  }

  of(key: KeyHash): Entry[] {
    const found: Entry[] = [];
    if (this.size === 0) return found;
    for (let i = this.#home(key.lo); this.#isTaken(i); i = this.#next(i)) {
      if (this.#hasKey(i, key)) found.push(this.#entry(i));
    }
    return found;
  }

  put({ key, variant, place, bytes }: NewEntry): Entry | undefined {
    if (this.size + 1 > this.#places * FULL_SHARE) this.#grow(this.#places * GROWTH);
    let variants = 0;
    let first = -1;
    let i = this.#home(key.lo);
    for (; this.#isTaken(i); i = this.#next(i)) {
      if (!this.#hasKey(i, key)) continue;
      if (((this.#words[i * WORDS + 2] ?? 0) & VARIANT_MASK) === variant) break;
      variants += 1;
      if (first < 0) first = i;
    }
    let leaving: Entry | undefined;
    if (this.#isTaken(i)) leaving = this.#entry(i);
    else if (variants >= VARIANTS_MAX) {
      leaving = this.#entry(first);
      this.remove(leaving.key, leaving.variant);
      i = this.#free(key.lo);
    }
    const at = i * WORDS;
    if (!this.#isTaken(i)) this.size += 1;
    this.#words[at] = key.hi;
    this.#words[at + 1] = key.lo;
    this.#words[at + 2] = variant;
    this.#words[at + 3] = place.segment;
    this.#words[at + 4] = place.offset;
    this.#words[at + 5] = bytes;
    this.#words[at + 6] = 0;
    this.#words[at + 7] = 0;
    return leaving;
  }

  reserve(entries: number): void {
    const places = Math.ceil(entries / FULL_SHARE);
    if (places > this.#places) this.#grow(places);
  }

  attach(key: KeyHash, variant: VariantHash, body: Place, facts: Place): boolean {
    const i = this.#find(key, variant);
    if (i === undefined) return false;
    const at = i * WORDS;
    if (this.#words[at + 3] !== body.segment || this.#words[at + 4] !== body.offset) return false;
    this.#words[at + 2] = (this.#words[at + 2] ?? 0) & ~STALE;
    this.#words[at + 6] = facts.segment;
    this.#words[at + 7] = facts.offset;
    return true;
  }

  mark(key: KeyHash, variant: VariantHash, bit: number): void {
    const i = this.#find(key, variant);
    if (i !== undefined) this.#words[i * WORDS + 2] = (this.#words[i * WORDS + 2] ?? 0) | bit;
  }

  /** Moves those behind it up, so that no search ends early. */
  remove(key: KeyHash, variant: VariantHash): boolean {
    const found = this.#find(key, variant);
    if (found === undefined) return false;
    this.size -= 1;
    let hole = found;
    for (let i = this.#next(hole); this.#isTaken(i); i = this.#next(i)) {
      const home = this.#home(this.#words[i * WORDS + 1] ?? 0);
      if (this.#distance(home, i) < this.#distance(hole, i)) continue;
      this.#words.copyWithin(hole * WORDS, i * WORDS, (i + 1) * WORDS);
      hole = i;
    }
    this.#words.fill(0, hole * WORDS, (hole + 1) * WORDS);
    return true;
  }

  inSegment(segment: number): Entry[] {
    const found: Entry[] = [];
    for (let i = 0; i < this.#places; i += 1) {
      if (this.#words[i * WORDS + 3] === segment) found.push(this.#entry(i));
    }
    return found;
  }

  from(place: Place): Entry[] {
    const found: Entry[] = [];
    for (let i = 0; i < this.#places; i += 1) {
      if (!this.#isTaken(i)) continue;
      const entry = this.#entry(i);
      if (isFrom(entry.place, place) || (entry.facts !== undefined && isFrom(entry.facts, place))) {
        found.push(entry);
      }
    }
    return found;
  }

  clear(): void {
    this.#words = new Uint32Array(0);
    this.#places = 0;
    this.size = 0;
  }

  #find(key: KeyHash, variant: VariantHash): number | undefined {
    if (this.size === 0) return undefined;
    for (let i = this.#home(key.lo); this.#isTaken(i); i = this.#next(i)) {
      const word = this.#words[i * WORDS + 2] ?? 0;
      if (this.#hasKey(i, key) && (word & VARIANT_MASK) === variant) return i;
    }
    return undefined;
  }

  #entry(i: number): Entry {
    const at = i * WORDS;
    const word = (offset: number) => this.#words[at + offset] ?? 0;
    return {
      key: { hi: word(0), lo: word(1) },
      variant: word(2) & VARIANT_MASK,
      place: { segment: word(3), offset: word(4) },
      bytes: word(5),
      facts: word(6) === 0 ? undefined : { segment: word(6), offset: word(7) },
      used: (word(2) & USED) !== 0,
      stale: (word(2) & STALE) !== 0,
    };
  }

  #grow(places: number): void {
    const before = this.#words;
    this.#places = Math.max(ENTRIES_MIN, Math.ceil(places));
    this.#words = new Uint32Array(this.#places * WORDS);
    for (let from = 0; from < before.length; from += WORDS) {
      if (before[from + 3] === 0) continue;
      const at = this.#free(before[from + 1] ?? 0) * WORDS;
      for (let word = 0; word < WORDS; word += 1) this.#words[at + word] = before[from + word] ?? 0;
    }
  }

  /** The place where an entry of this hash can be put. */
  #free(lo: number): number {
    let i = this.#home(lo);
    while (this.#isTaken(i)) i = this.#next(i);
    return i;
  }

  /** Segments are numbered from 1, so that 0 is an empty place. */
  #isTaken(i: number): boolean {
    return this.#words[i * WORDS + 3] !== 0;
  }

  #hasKey(i: number, { hi, lo }: KeyHash): boolean {
    return this.#words[i * WORDS] === hi && this.#words[i * WORDS + 1] === lo;
  }

  #home(lo: number): number {
    return Math.floor((lo / 2 ** 32) * this.#places);
  }

  #next(i: number): number {
    return i + 1 === this.#places ? 0 : i + 1;
  }

  #distance(from: number, to: number): number {
    return to >= from ? to - from : to - from + this.#places;
  }
}

function isFrom({ segment, offset }: Place, start: Place): boolean {
  return segment > start.segment || (segment === start.segment && offset >= start.offset);
}
