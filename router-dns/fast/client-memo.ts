import type { IpBytes } from "../../common/ip.ts";
import { octetAt } from "../wire/octets.ts";

/** Slots of a memo, a power of two: with 25 octets each, 13 MB when all are in use. */
const SLOTS = 2 ** 19;

/** Slots that one key can be in. */
const WAYS = 4;

/** Words of a slot: the key of who asks for what, the address, and what was found. */
const SLOT_WORDS = 6;

/**
 * Remembers which answer each client got: for a question and an address, a number and a scope. Of a
 * fixed size; what is new takes the place of what has been there for long. It decides nothing, so
 * that whatever steering looks at may change, as long as it is the same for the same question and
 * address until the questions get new numbers.
 */
export class ClientMemo {
  readonly #words = new Uint32Array(SLOTS * SLOT_WORDS);
  readonly #scopes = new Uint8Array(SLOTS);
  readonly #seed: number;
  // The client that is looked for.
  #key = 0;
  #word0 = 0;
  #word1 = 0;
  #word2 = 0;
  #word3 = 0;
  #set = 0;
  #turn = 0;
  /** Of what `find` has found: bits of the address that the answer depends on. */
  scope = 0;

  /** `seed` is a secret number: who does not know it cannot choose whom to drive out. */
  constructor(seed: number) {
    this.#seed = seed;
  }

  /**
   * Turns to a client: `key` is not 0 and stands for the question and how the address is known,
   * `bytes` from `at` on, `count` of them, are the address.
   */
  lookAt(key: number, bytes: IpBytes, at: number, count: number): void {
    this.#key = key;
    this.#word0 = wordOf(bytes, at, count, 0);
    this.#word1 = count > 4 ? wordOf(bytes, at, count, 4) : 0;
    this.#word2 = count > 8 ? wordOf(bytes, at, count, 8) : 0;
    this.#word3 = count > 12 ? wordOf(bytes, at, count, 12) : 0;
    let hash = Math.imul(this.#seed ^ key, 0xcc9e2d51);
    hash = Math.imul(hash ^ (hash >>> 15) ^ this.#word0, 0x1b873593);
    hash = Math.imul(hash ^ (hash >>> 13) ^ this.#word1, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 16) ^ this.#word2, 0xc2b2ae35);
    hash = Math.imul(hash ^ (hash >>> 15) ^ this.#word3, 0xcc9e2d51);
    this.#set = ((hash ^ (hash >>> 16)) & (SLOTS / WAYS - 1)) * WAYS;
  }

  /** What was kept for the client; 0 for nothing. */
  find(): number {
    for (let slot = this.#set; slot < this.#set + WAYS; slot += 1) {
      const at = slot * SLOT_WORDS;
      if (this.#words[at] !== this.#key || this.#words[at + 1] !== this.#word0) continue;
      if (this.#words[at + 2] !== this.#word1 || this.#words[at + 3] !== this.#word2) continue;
      if (this.#words[at + 4] !== this.#word3) continue;
      this.scope = octetAt(this.#scopes, slot);
      return this.#words[at + 5] as number;
    }
    return 0;
  }

  /** Keeps something for the client: a number that is not 0, and a scope. */
  keep(found: number, scope: number): void {
    this.#turn = (this.#turn + 1) % WAYS;
    let slot = this.#set + this.#turn;
    for (let way = this.#set; way < this.#set + WAYS; way += 1) {
      if (this.#words[way * SLOT_WORDS] === this.#key && this.#isAt(way)) slot = way;
    }
    const at = slot * SLOT_WORDS;
    this.#words[at] = this.#key;
    this.#words[at + 1] = this.#word0;
    this.#words[at + 2] = this.#word1;
    this.#words[at + 3] = this.#word2;
    this.#words[at + 4] = this.#word3;
    this.#words[at + 5] = found;
    this.#scopes[slot] = scope;
  }

  /** Forgets everything. */
  clear(): void {
    this.#words.fill(0);
  }

  #isAt(slot: number): boolean {
    const at = slot * SLOT_WORDS;
    return (
      this.#words[at + 1] === this.#word0 &&
      this.#words[at + 2] === this.#word1 &&
      this.#words[at + 3] === this.#word2 &&
      this.#words[at + 4] === this.#word3
    );
  }
}

/** Four octets from `from` on of an address of `count`; what is not there is 0. */
function wordOf(bytes: Uint8Array, at: number, count: number, from: number): number {
  let word = 0;
  for (let i = from; i < from + 4; i += 1)
    word = (word << 8) | (i < count ? octetAt(bytes, at + i) : 0);
  return word >>> 0;
}
