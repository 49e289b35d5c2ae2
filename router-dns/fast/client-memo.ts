import { octetAt } from "../wire/octets.ts";

/** Slots of a memo, a power of two. */
export const MEMO_SLOTS = { v4: 2 ** 20, v6: 2 ** 18 } as const;

/** Slots that one key can be in. For IPv4 they are one line of the processor's cache, 64 octets. */
const WAYS = 4;

/** Words of a slot: key, first word of the address, what was found, the rest of the address. */
const SLOT_WORDS = { v4: 4, v6: 8 } as const;

/** Bits of a word for what was found; the scope has the rest. */
const FOUND_BITS = 24;

/**
 * Remembers which answer each client of one address family got: for a question and an address, a
 * number and a scope. Of a fixed size: 16 MiB for IPv4 and 8 MiB for IPv6, as far as it is used;
 * what is new takes the place of what is there. It decides nothing, so that steering may look at
 * whatever it likes, if that is the same for the same question and address until questions get new
 * numbers.
 */
export class ClientMemo {
  readonly #words: Uint32Array;
  readonly #isIpv4: boolean;
  readonly #slotWords: number;
  readonly #setMask: number;
  readonly #seed: number;
  // The client that is looked for, and where its slots begin.
  #key = 0;
  #word0 = 0;
  #word1 = 0;
  #word2 = 0;
  #word3 = 0;
  #first = 0;
  #turn = 0;
  /** Of what `find` has found: bits of the address that the answer depends on. */
  scope = 0;

  /** `seed` is a secret number: who does not know it cannot choose whom to drive out. */
  constructor(seed: number, family: "v4" | "v6") {
    this.#seed = seed;
    this.#isIpv4 = family === "v4";
    this.#slotWords = SLOT_WORDS[family];
    this.#setMask = MEMO_SLOTS[family] / WAYS - 1;
    this.#words = new Uint32Array(MEMO_SLOTS[family] * this.#slotWords);
  }

  /**
   * Turns to a client: `key` is not 0 and stands for the question and how the address is known,
   * `bytes` from `at` on, `count` of them, are the address; what is not there is 0.
   */
  lookAt(key: number, bytes: Uint8Array, at: number, count: number): void {
    this.#key = key;
    this.#word0 = wordOf(bytes, at, count, 0);
    let hash = Math.imul(this.#seed ^ key, 0xcc9e2d51);
    hash = Math.imul(hash ^ (hash >>> 15) ^ this.#word0, 0x1b873593);
    if (!this.#isIpv4) {
      this.#word1 = wordOf(bytes, at, count, 4);
      this.#word2 = wordOf(bytes, at, count, 8);
      this.#word3 = wordOf(bytes, at, count, 12);
      hash = Math.imul(hash ^ (hash >>> 13) ^ this.#word1, 0x85ebca6b);
      hash = Math.imul(hash ^ (hash >>> 16) ^ this.#word2, 0xc2b2ae35);
      hash = Math.imul(hash ^ (hash >>> 15) ^ this.#word3, 0xcc9e2d51);
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    this.#first = ((hash ^ (hash >>> 13)) & this.#setMask) * WAYS * this.#slotWords;
  }

  /** What was kept for the client; 0 for nothing. */
  find(): number {
    const at = this.#slotOf();
    if (at < 0) return 0;
    const found = this.#words[at + 2] as number;
    this.scope = found >>> FOUND_BITS;
    return found & (2 ** FOUND_BITS - 1);
  }

  /** Keeps something for the client: a number of up to 24 bits that is not 0, and a scope. */
  keep(found: number, scope: number): void {
    let at = this.#slotOf();
    if (at < 0) {
      this.#turn = (this.#turn + 1) % WAYS;
      at = this.#first + this.#turn * this.#slotWords;
    }
    this.#words[at] = this.#key;
    this.#words[at + 1] = this.#word0;
    this.#words[at + 2] = (scope << FOUND_BITS) | found;
    if (this.#isIpv4) return;
    this.#words[at + 3] = this.#word1;
    this.#words[at + 4] = this.#word2;
    this.#words[at + 5] = this.#word3;
  }

  /** Forgets everything. */
  clear(): void {
    this.#words.fill(0);
  }

  /** Where the slot of the client begins; -1 if it has none. */
  #slotOf(): number {
    const words = this.#words;
    const end = this.#first + WAYS * this.#slotWords;
    for (let at = this.#first; at < end; at += this.#slotWords) {
      if (words[at] !== this.#key || words[at + 1] !== this.#word0) continue;
      if (this.#isIpv4 || this.#hasRest(at)) return at;
    }
    return -1;
  }

  #hasRest(at: number): boolean {
    return (
      this.#words[at + 3] === this.#word1 &&
      this.#words[at + 4] === this.#word2 &&
      this.#words[at + 5] === this.#word3
    );
  }
}

/** Four octets from `from` on of an address of `count`; what is not there is 0. */
function wordOf(bytes: Uint8Array, at: number, count: number, from: number): number {
  let word = 0;
  for (let i = from; i < from + 4; i += 1) {
    word = (word << 8) | (i < count ? octetAt(bytes, at + i) : 0);
  }
  return word >>> 0;
}
