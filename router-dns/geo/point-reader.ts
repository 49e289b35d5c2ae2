/** Types of a MaxMind DB field that matter here; type 0 means that the next byte says it. */
const TYPE = {
  extended: 0,
  pointer: 1,
  text: 2,
  double: 3,
  map: 7,
  array: 11,
  boolean: 14,
} as const;

/** Type of a 32-bit number, as extended types count. */
const FLOAT = 15;

/** What a pointer of 1, 2, 3 or 4 bytes adds to its number. */
const POINTER_BASE = [0, 2_048, 526_336, 0] as const;

/** Maps and lists in each other: real records have two or three. */
const DEPTH_MAX = 8;

const LATITUDE = Buffer.from("latitude");
const LONGITUDE = Buffer.from("longitude");
const LOCATION = Buffer.from("location");

/**
 * Reads the coordinates of a record of a MaxMind DB file without decoding anything else of it (P):
 * a city database has 700,000 records of which this is all that the map needs, and it takes
 * seconds to decode them whole.
 *
 * Knows the layouts that files have (`latitude` and `longitude`, at the top or in `location`, as
 * double or float). Of any other, and of a damaged one, `read` says false: then the record has to
 * be decoded.
 *
 * Format: https://maxmind.github.io/MaxMind-DB/, "Output Data Section".
 */
export class PointReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Where pointers count from. */
  readonly #start: number;
  /** Of the last record that was read, in degrees. */
  latitude = 0;
  longitude = 0;
  #found = 0;

  constructor(bytes: Uint8Array, dataStart: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#start = dataStart;
  }

  /** Reads the record at `offset`; true if `latitude` and `longitude` are its now. */
  read(offset: number): boolean {
    this.#found = 0;
    return this.#readMap(offset, true) >= 0 && this.#found === 3;
  }

  /** Where the map ends; negative: it is none, or damaged. */
  #readMap(at: number, isTop: boolean): number {
    const bytes = this.#bytes;
    const control = bytes[at] ?? 0;
    if (control >>> 5 !== TYPE.map || (control & 0x1f) > 28) return -1;
    let offset = at + 1;
    for (let left = control & 0x1f; left > 0; left -= 1) {
      const key = this.#target(offset);
      const value = this.#skip(offset, 0);
      if (key < 0 || value < 0) return -1;
      if (this.#isKey(key, LATITUDE)) {
        if (!this.#readNumber(value, 1)) return -1;
      } else if (this.#isKey(key, LONGITUDE)) {
        if (!this.#readNumber(value, 2)) return -1;
      } else if (isTop && this.#isKey(key, LOCATION)) {
        const inner = this.#target(value);
        if (inner < 0 || this.#readMap(inner, false) < 0) return -1;
      }
      if (this.#found === 3) return offset;
      offset = this.#skip(value, 0);
      if (offset < 0) return -1;
    }
    return offset;
  }

  #readNumber(at: number, bit: 1 | 2): boolean {
    const bytes = this.#bytes;
    const offset = this.#target(at);
    if (offset < 0 || offset + 9 > bytes.length) return false;
    const control = bytes[offset] ?? 0;
    let number: number;
    if (control === ((TYPE.double << 5) | 8)) number = this.#view.getFloat64(offset + 1);
    else if (control === 4 && bytes[offset + 1] === FLOAT - 7) {
      number = this.#view.getFloat32(offset + 2);
    } else return false;
    if (!(Math.abs(number) <= (bit === 1 ? 90 : 180))) return false;
    if (bit === 1) this.latitude = number;
    else this.longitude = number;
    this.#found |= bit;
    return true;
  }

  #isKey(at: number, word: Uint8Array): boolean {
    const bytes = this.#bytes;
    if (bytes[at] !== ((TYPE.text << 5) | word.length)) return false;
    for (let i = 0; i < word.length; i += 1) if (bytes[at + 1 + i] !== word[i]) return false;
    return true;
  }

  /** Where the field at `at` is: there, or where it points to. */
  #target(at: number): number {
    const bytes = this.#bytes;
    const control = bytes[at] ?? 0;
    if (control >>> 5 !== TYPE.pointer) return at;
    const size = (control >>> 3) & 3;
    let number = size === 3 ? 0 : control & 7;
    for (let i = 1; i <= size + 1; i += 1) number = number * 256 + (bytes[at + i] ?? 0);
    const target = this.#start + number + (POINTER_BASE[size] ?? 0);
    return target < bytes.length ? target : -1;
  }

  /** Where the field after the one at `at` is; negative: there is none. */
  #skip(at: number, depth: number): number {
    const bytes = this.#bytes;
    const control = bytes[at] ?? 0;
    let type = control >>> 5;
    let offset = at + 1;
    if (type === TYPE.pointer) return offset + ((control >>> 3) & 3) + 1;
    if (type === TYPE.extended) {
      type = 7 + (bytes[offset] ?? 0);
      offset += 1;
    }
    let size = control & 0x1f;
    if (size > 28) {
      const extra = size - 28;
      size = extra === 1 ? 29 : extra === 2 ? 285 : 65_821;
      let number = 0;
      for (let i = 0; i < extra; i += 1) number = number * 256 + (bytes[offset + i] ?? 0);
      size += number;
      offset += extra;
    }
    if (type === TYPE.boolean) return offset;
    if (type !== TYPE.map && type !== TYPE.array) {
      return offset + size < bytes.length ? offset + size : -1;
    }
    if (depth === DEPTH_MAX) return -1;
    for (let left = type === TYPE.map ? size * 2 : size; left > 0 && offset >= 0; left -= 1) {
      offset = offset < bytes.length ? this.#skip(offset, depth + 1) : -1;
    }
    return offset;
  }
}
