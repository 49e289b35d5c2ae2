/** Bytes of one slot: a fingerprint and the moment of its entry, 4 bytes each. */
const SLOT_BYTES = 8;

/** A hash may stand in any slot of its bucket; the entry that has been there longest makes room. */
const BUCKET_SLOTS = 4;

/** Slots for each object in the cache, at least; after a doubling up to twice as many. */
const SLOTS_PER_OBJECT = 1;

const SLOTS_MIN = 256;
const SLOTS_MAX = 2 ** 22;

/**
 * Remembers which keys were evicted lately, in a table that grows with the number of objects in the
 * cache (8 to 16 bytes for each) and is bounded at 32 MiB. It may forget early (newer keys took
 * the bucket) and, about once in a billion, take one key for another; neither does more than place
 * an object in the other queue.
 */
export class Ghost {
  #hashes = new Uint32Array(SLOTS_MIN);
  #entered = new Uint32Array(SLOTS_MIN);
  #clock = 0;

  /** What the table itself occupies. */
  get bytes(): number {
    return this.#hashes.length * SLOT_BYTES;
  }

  /** Notes an eviction from a cache that now holds `objects` objects. */
  add(hash: number, objects: number): void {
    const slots = this.#hashes.length;
    if (slots < SLOTS_MAX && slots < objects * SLOTS_PER_OBJECT) this.#grow();
    this.#clock = (this.#clock + 1) >>> 0;
    this.#place(hash, this.#clock);
  }

  /** How many evictions ago the key was noted, Infinity if it is not known; forgets it. */
  take(hash: number): number {
    const slot = this.#slotOf(hash);
    if (this.#hashes[slot] !== hash) return Infinity;
    this.#hashes[slot] = 0;
    return (this.#clock - (this.#entered[slot] ?? 0)) >>> 0;
  }

  #place(hash: number, moment: number): void {
    const slot = this.#slotOf(hash);
    this.#hashes[slot] = hash;
    this.#entered[slot] = moment;
  }

  /** The slot that holds the hash, or else the empty or oldest one of its bucket. */
  #slotOf(hash: number): number {
    const first = bucketOf(hash, this.#hashes.length);
    let best = first;
    let bestAge = -1;
    for (let slot = first; slot < first + BUCKET_SLOTS; slot += 1) {
      const held = this.#hashes[slot];
      if (held === hash) return slot;
      const age = held === 0 ? Infinity : (this.#clock - (this.#entered[slot] ?? 0)) >>> 0;
      if (age > bestAge) [best, bestAge] = [slot, age];
    }
    return best;
  }

  /** Doubles the table. A bucket's entries spread over two buckets, so that none is lost. */
  #grow(): void {
    const [hashes, entered] = [this.#hashes, this.#entered];
    this.#hashes = new Uint32Array(hashes.length * 2);
    this.#entered = new Uint32Array(hashes.length * 2);
    for (const [slot, hash] of hashes.entries()) {
      if (hash !== 0) this.#place(hash, entered[slot] ?? 0);
    }
  }
}

/** First slot of the bucket of a hash: doubling the table sends a bucket to two buckets. */
function bucketOf(hash: number, slots: number): number {
  return ((hash ^ (hash >>> 15)) * BUCKET_SLOTS) & (slots - BUCKET_SLOTS);
}

/** The hash of a node's key, worked out once for each node. */
export function hashOf(node: { readonly key: string; hash?: number }): number {
  let hash = node.hash ?? 0;
  if (hash === 0) {
    // As a signed number it needs no memory of its own.
    hash = hashKey(node.key) | 0;
    node.hash = hash;
  }
  return hash >>> 0;
}

/** A 32-bit FNV-1a hash of a string's code units (P), not zero. */
export function hashKey(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0 || 1;
}
