import type { MonotonicMs } from "../../common/clock.ts";
import type { IpBytes } from "../../common/ip.ts";
import type { NameKey } from "../wire/name.ts";
import { octetAt } from "../wire/octets.ts";
import { BucketTable } from "./bucket-table.ts";

/** What kinds of answers are told apart: each has a bucket of its own. */
export const ANSWER_KIND = { ANSWER: 1, NXDOMAIN: 2, NODATA: 3, REFERRAL: 4, ERROR: 5 } as const;

/** A kind of answer. */
export type AnswerKind = (typeof ANSWER_KIND)[keyof typeof ANSWER_KIND];

/** How much one network of clients gets over UDP. */
export interface RateLimits {
  /** Answers of one kind about one name, each second. */
  readonly answersPerSecond: number;
  /** Octets of all answers beyond those of the queries, each second; long ones cost more. */
  readonly extraBytesPerSecond: number;
  /** What was not used in so many milliseconds may be used at once. */
  readonly burstMs: number;
  /** Every so many refused answers one is sent short, with TC set; 0: none is. */
  readonly slip: number;
  /** Every so many refused answers one is sent whole nevertheless; 0: none is. */
  readonly leak: number;
  /** Buckets, a power of two: 13 octets each, and a quarter more for the octets. */
  readonly entries: number;
}

/** An answer that is about to be sent. */
export interface LimitedAnswer {
  readonly peer: IpBytes;
  readonly kind: AnswerKind;
  /**
   * What the answer is about: a name that exists, or the zone for all that do not, so that random
   * names below a zone, made up by a wildcard or denied, share one bucket.
   */
  readonly name: NameKey;
  /** Octets of the answer less those of the query. */
  readonly extraBytes: number;
}

/** What becomes of an answer. */
export type LimitVerdict = "pass" | "slip" | "leak" | "drop";

/** Octets of an address that make a client: an IPv4 /24 or an IPv6 /56 (RFC 6177 section 2). */
const CLIENT_BYTES_V4 = 3;
const CLIENT_BYTES_V6 = 7;

/** Extra octets at which an answer costs twice what it has, and so on: see `octetCostMs`. */
const AMPLE_BYTES = 256;

/** Octet buckets are one for a client, not one for each name. */
const OCTETS_SHARE = 4;

/**
 * What the extra octets of an answer cost (P). The more an answer amplifies, the more each of its
 * octets costs: short answers, which is what resolvers without cookies mostly get from a CDN, are
 * hardly touched, and floods that ask for the longest one gain nothing by it.
 *
 * Example: at 16,384 a second, 16 octets (one more address) cost 1.04 ms, 1,024 cost 312 ms.
 */
function octetCostMs(extraBytes: number, extraBytesPerSecond: number): number {
  return (extraBytes * (1 + extraBytes / AMPLE_BYTES) * 1_000) / extraBytesPerSecond;
}

/**
 * Response rate limiting (P: its state is the table): how many answers, and how many octets more
 * than it has sent, a network of clients gets that cannot show that its addresses are not forged.
 * The first bounds what is reflected at a victim, the second by how much it is amplified. After
 * ISC-TN-2012-1, with octets instead of its limit for all answers.
 *
 * Takes the same time whatever the table holds, and allocates nothing.
 */
export class RateLimiter {
  readonly #limits: RateLimits;
  readonly #seed: number;
  readonly #answers: BucketTable;
  readonly #octets: BucketTable;
  // Two halves of the last hash: where to look, and what to look for.
  #set = 0;
  #tag = 0;

  /** The memory of buckets that several threads share: each has a limiter over it. */
  static sharedMemory({ entries }: RateLimits): SharedArrayBuffer {
    const octets = entries / OCTETS_SHARE;
    return new SharedArrayBuffer(
      BucketTable.sharedBytes(entries) + BucketTable.sharedBytes(octets),
    );
  }

  /**
   * `seed` is a secret number of 32 bits: who does not know it cannot aim at a bucket. Threads that
   * share memory have the same one, and clocks with one origin.
   */
  constructor(limits: RateLimits, seed: number, shared?: SharedArrayBuffer) {
    const { entries, burstMs } = limits;
    this.#limits = limits;
    this.#seed = seed;
    this.#answers = new BucketTable(entries, burstMs, shared);
    const octetsAt = shared === undefined ? 0 : BucketTable.sharedBytes(entries);
    this.#octets = new BucketTable(entries / OCTETS_SHARE, burstMs, shared, octetsAt);
  }

  /** Buckets that were in use and had to make room, since the start: the table is too small. */
  get displaced(): number {
    return this.#answers.displaced + this.#octets.displaced;
  }

  /** Decides about an answer, and counts it if it is sent whole. */
  judge(answer: LimitedAnswer, now: MonotonicMs): LimitVerdict {
    this.#hashPrefix(answer.peer, answer.kind);
    this.#hashName(answer.name);
    const set = this.#set;
    this.#answers.lock(set);
    const verdict = this.#judgeAnswer(answer, now);
    this.#answers.unlock(set);
    return verdict;
  }

  #judgeAnswer(answer: LimitedAnswer, now: MonotonicMs): LimitVerdict {
    const cost = 1_000 / this.#limits.answersPerSecond;
    const place = this.#answers.placeOf(this.#set, this.#tag, now);
    if (!this.#answers.has(place, cost, now)) return this.#refuse(this.#answers, place);
    if (answer.extraBytes > 0) {
      this.#hashPrefix(answer.peer, 0);
      // Always the lock of the answers first: no two threads can wait for one another.
      this.#octets.lock(this.#set);
      const verdict = this.#judgeOctets(answer.extraBytes, now);
      this.#octets.unlock(this.#set);
      if (verdict !== "pass") return verdict;
    }
    this.#answers.take(place, cost, now);
    return "pass";
  }

  #judgeOctets(extraBytes: number, now: MonotonicMs): LimitVerdict {
    const cost = octetCostMs(extraBytes, this.#limits.extraBytesPerSecond);
    const place = this.#octets.placeOf(this.#set, this.#tag, now);
    if (!this.#octets.has(place, cost, now)) return this.#refuse(this.#octets, place);
    this.#octets.take(place, cost, now);
    return "pass";
  }

  #refuse(table: BucketTable, place: number): LimitVerdict {
    const { leak, slip } = this.#limits;
    const count = table.refuse(place);
    if (leak > 0 && count % leak === 0) return "leak";
    return slip > 0 && count % slip === 0 ? "slip" : "drop";
  }

  #hashPrefix(peer: IpBytes, kind: number): void {
    this.#set = this.#seed ^ (peer.length << 8) ^ kind;
    this.#tag = ~this.#seed + kind;
    const count = peer.length === 4 ? CLIENT_BYTES_V4 : CLIENT_BYTES_V6;
    for (let i = 0; i < count; i += 1) this.#mix(octetAt(peer, i));
    this.#end();
  }

  #hashName(name: NameKey): void {
    for (let i = 0; i < name.length; i += 1) this.#mix(name.charCodeAt(i));
    this.#end();
  }

  /** Two multiplications by odd numbers (of MurmurHash3), each with its own way of spreading. */
  #mix(octet: number): void {
    this.#set = Math.imul(this.#set ^ octet, 0xcc9e2d51);
    this.#set ^= this.#set >>> 15;
    this.#tag = Math.imul(this.#tag + octet, 0x1b873593);
    this.#tag ^= this.#tag >>> 13;
  }

  #end(): void {
    this.#set = Math.imul(this.#set ^ (this.#set >>> 16), 0x85ebca6b);
    this.#set ^= this.#set >>> 13;
    this.#tag = Math.imul(this.#tag ^ (this.#tag >>> 16), 0xc2b2ae35);
    this.#tag = (this.#tag ^ (this.#tag >>> 16)) >>> 0;
  }
}
