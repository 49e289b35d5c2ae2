import { LABEL_BYTES_MAX, NAME_BYTES_MAX } from "./name.ts";
import { octetAt, wordAt } from "./octets.ts";

/**
 * A cursor over untrusted octets (P). Reading past the end gives 0 and sets `failed`, which stays
 * set, so that a caller can read a whole structure and check once.
 */
export class Reader {
  readonly bytes: Uint8Array;
  readonly end: number;
  position: number;
  failed = false;

  /** Reads `bytes` from `start` up to, not including, `end`. */
  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.position = start;
    this.end = Math.min(end, bytes.length);
  }

  /** Octets that are left. */
  get remaining(): number {
    return this.end - this.position;
  }

  uint8(): number {
    return this.#take(1) ? octetAt(this.bytes, this.position - 1) : 0;
  }

  uint16(): number {
    return this.#take(2) ? wordAt(this.bytes, this.position - 2) : 0;
  }

  /** Steps over `count` octets. */
  skip(count: number): void {
    this.#take(count);
  }

  /**
   * Steps over a name that may end in a compression pointer (RFC 1035 section 4.1.4). The pointer
   * is not followed, so no packet can make this loop.
   */
  skipName(): void {
    const start = this.position;
    while (!this.failed) {
      const length = this.uint8();
      if (length === 0) return;
      if (length >= 0xc0) return this.skip(1);
      if (length > LABEL_BYTES_MAX) this.failed = true;
      this.skip(length);
      if (this.position - start >= NAME_BYTES_MAX) this.failed = true;
    }
  }

  #take(count: number): boolean {
    if (this.failed || count > this.end - this.position) {
      this.failed = true;
      return false;
    }
    this.position += count;
    return true;
  }
}
