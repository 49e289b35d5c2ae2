import type { IpPrefix } from "../../common/ip.ts";

const COLON = 0x3a;
const DOT = 0x2e;
const SLASH = 0x2f;

/**
 * Reads address prefixes out of a long text without taking it apart, because a file may have a
 * million (P). Knows their plain forms, `a.b.c.d/n` and RFC 4291 groups with one `::` at most;
 * whatever else there is, right or wrong, is left to `parsePrefix` and its errors.
 */
export class PrefixScanner {
  /** The first address of the last prefix that was read: one word of IPv4, four of IPv6. */
  readonly words = new Uint32Array(4);
  family: 4 | 6 = 4;
  length = 0;
  #groups = 0;
  /** Groups before `::`; negative: there was none. */
  #gapAt = -1;

  /** Where the prefix that begins at `from` ends; negative: there is none in a plain form. */
  read(text: string, from: number): number {
    this.words.fill(0);
    const slashV4 = this.#readV4(text, from);
    const slash = slashV4 < 0 ? this.#readV6(text, from) : slashV4;
    if (slash < 0) return -1;
    this.family = slashV4 < 0 ? 6 : 4;
    let at = slash + 1;
    let length = 0;
    for (; at < slash + 4; at += 1) {
      const digit = text.charCodeAt(at) - 0x30;
      if (!(digit >= 0 && digit <= 9)) break;
      length = length * 10 + digit;
    }
    this.length = length;
    if (at === slash + 1 || length > (this.family === 4 ? 32 : 128)) return -1;
    return this.#hasBitsBeyond(length) ? -1 : at;
  }

  /** Where the slash is; negative: it is no IPv4 address. */
  #readV4(text: string, from: number): number {
    let word = 0;
    let at = from;
    for (let octet = 0; octet < 4; octet += 1) {
      let number = 0;
      const start = at;
      for (; at < start + 3; at += 1) {
        const digit = text.charCodeAt(at) - 0x30;
        if (!(digit >= 0 && digit <= 9)) break;
        if (at > start && number === 0) return -1;
        number = number * 10 + digit;
      }
      if (at === start || number > 255) return -1;
      if (text.charCodeAt(at) !== (octet === 3 ? SLASH : DOT)) return -1;
      word = (word << 8) | number;
      at += 1;
    }
    this.words[0] = word;
    return at - 1;
  }

  /** Where the slash is; negative: it is no plain IPv6 address. */
  #readV6(text: string, from: number): number {
    this.#groups = 0;
    this.#gapAt = -1;
    let at = from;
    for (;;) {
      let group = 0;
      const start = at;
      for (; at < start + 4; at += 1) {
        const digit = hexDigit(text.charCodeAt(at));
        if (digit < 0) break;
        group = group * 16 + digit;
      }
      if (at > start) {
        if (this.#groups === 8) return -1;
        this.#putGroup(this.#groups, group);
        this.#groups += 1;
      }
      const code = text.charCodeAt(at);
      if (code === SLASH) return this.#closeGap() ? at : -1;
      if (code !== COLON) return -1;
      at += 1;
      if (text.charCodeAt(at) === COLON) {
        if (this.#gapAt >= 0) return -1;
        this.#gapAt = this.#groups;
        at += 1;
      } else if (at === from + 1 || text.charCodeAt(at) === SLASH) return -1;
    }
  }

  #putGroup(position: number, group: number): void {
    const word = position >>> 1;
    this.words[word] = (this.words[word] ?? 0) | (position % 2 === 0 ? group << 16 : group);
  }

  /** Moves the groups behind `::` to the end. False if there are too few or too many. */
  #closeGap(): boolean {
    if (this.#gapAt < 0) return this.#groups === 8;
    const missing = 8 - this.#groups;
    if (missing < 2) return false;
    const groups = Array.from({ length: this.#groups }, (_, i) =>
      i % 2 === 0 ? (this.words[i >>> 1] ?? 0) >>> 16 : (this.words[i >>> 1] ?? 0) & 0xffff,
    );
    if (this.#gapAt === this.#groups) return groups[0] !== 0;
    this.words.fill(0);
    for (const [i, group] of groups.entries()) {
      this.#putGroup(i < this.#gapAt ? i : i + missing, group);
    }
    // `::ffff:a.b.c.d` and its like are IPv4, however they are written.
    return groups[0] !== 0 && this.#gapAt > 0;
  }

  #hasBitsBeyond(length: number): boolean {
    const words = this.family === 4 ? 1 : 4;
    for (let i = 0; i < words; i += 1) {
      const kept = Math.min(32, Math.max(0, length - i * 32));
      if (kept < 32 && ((this.words[i] ?? 0) << kept) >>> 0 !== 0) return true;
    }
    return false;
  }
}

/** The first address of a prefix as words (P): one of IPv4, four of IPv6. */
export function wordsOfPrefix({ bytes }: IpPrefix): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(i * 4));
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
