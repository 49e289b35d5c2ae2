import type { Place } from "./place.ts";

const NO_ENTRY = 0;

/**
 * Different places, each once, numbered from 1: 0 stands for "nobody knows". A city database names
 * hundreds of thousands, so they are kept as columns and found by a hash of their bits.
 */
export class PlaceSet {
  #latitudes: Float64Array;
  #longitudes: Float64Array;
  #slots: Uint32Array;
  #count = 0;
  readonly #number = new Float64Array(2);
  readonly #bits = new Int32Array(this.#number.buffer);

  /** `expected` places fit before anything has to grow. */
  constructor(expected = 1024) {
    this.#latitudes = new Float64Array(expected);
    this.#longitudes = new Float64Array(expected);
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(Math.max(16, expected * 2))));
  }

  /** A set of these places, numbered in their order if no two are the same (P). */
  static of(places: readonly Place[]): PlaceSet {
    const set = new PlaceSet(places.length);
    for (const { latitude, longitude } of places) set.add(latitude, longitude);
    return set;
  }

  /** How many different places there are; also the number of the last one. */
  get count(): number {
    return this.#count;
  }

  /** The number of a place, in degrees: of the known one, or a new one. */
  add(latitude: number, longitude: number): number {
    const mask = this.#slots.length - 1;
    let slot = this.#hash(latitude, longitude) & mask;
    for (;;) {
      const number = this.#slots[slot] ?? NO_ENTRY;
      if (number === NO_ENTRY) break;
      if (this.#latitudes[number - 1] === latitude && this.#longitudes[number - 1] === longitude) {
        return number;
      }
      slot = (slot + 1) & mask;
    }
    if (this.#count === this.#latitudes.length) this.#growColumns();
    this.#latitudes[this.#count] = latitude;
    this.#longitudes[this.#count] = longitude;
    this.#count += 1;
    this.#slots[slot] = this.#count;
    if (this.#count * 2 > this.#slots.length) this.#growSlots();
    return this.#count;
  }

  /** The place of a number; undefined for 0, and for a number that was never given. */
  at(number: number): Place | undefined {
    if (number < 1 || number > this.#count) return undefined;
    return {
      latitude: this.#latitudes[number - 1] ?? 0,
      longitude: this.#longitudes[number - 1] ?? 0,
    };
  }

  /** FNV-1a over both numbers, with -0 and 0 as one. */
  #hash(latitude: number, longitude: number): number {
    this.#number[0] = latitude + 0;
    this.#number[1] = longitude + 0;
    let hash = 0x811c9dc5;
    for (let i = 0; i < 4; i += 1) hash = Math.imul(hash ^ (this.#bits[i] ?? 0), 0x01000193);
    hash ^= hash >>> 16;
    return Math.imul(hash, 0x85ebca6b) >>> 3;
  }

  #growColumns(): void {
    const latitudes = new Float64Array(this.#latitudes.length * 2);
    const longitudes = new Float64Array(this.#longitudes.length * 2);
    latitudes.set(this.#latitudes);
    longitudes.set(this.#longitudes);
    this.#latitudes = latitudes;
    this.#longitudes = longitudes;
  }

  #growSlots(): void {
    const slots = new Uint32Array(this.#slots.length * 4);
    const mask = slots.length - 1;
    for (let number = 1; number <= this.#count; number += 1) {
      const latitude = this.#latitudes[number - 1] ?? 0;
      let slot = this.#hash(latitude, this.#longitudes[number - 1] ?? 0) & mask;
      while (slots[slot] !== NO_ENTRY) slot = (slot + 1) & mask;
      slots[slot] = number;
    }
    this.#slots = slots;
  }
}
