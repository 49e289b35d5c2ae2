import { CLASS_IN, FLAG, HEADER_BYTES, OPTION, TYPE } from "../wire/codes.ts";
import { LABEL_BYTES_MAX, lowerCase, NAME_BYTES_MAX } from "../wire/name.ts";
import { octetAt, wordAt } from "../wire/octets.ts";

/** What of EDNS decides about records: none, an OPT record, with DO, and with DO and CO. */
export const VARIANT = { PLAIN: 0, EDNS: 1, DNSSEC: 2, COMPACT: 3 } as const;

/** How many variants there are. */
export const VARIANTS = 4;

const OPT_HEAD_BYTES = 11;
const OPTION_HEAD_BYTES = 4;
const SUBNET_HEAD_BYTES = 4;

/** Bits of the flags word of an OPT record: DO, and CO, which means nothing without it. */
const DNSSEC_OK = 0x80;
const COMPACT_OK = 0x40;

/** Types from here on are no record types, but for a few that are seldom asked for. */
const TYPES_MAX = 127;

/** From so many bits on an IPv6 subnet may be an IPv4 one in disguise. */
const MAPPED_BITS = 96;

const LOWER_CASE = Uint8Array.from({ length: 256 }, (_, octet) => lowerCase(octet));

/**
 * A question as nearly all are: one name, class IN, at most an OPT record with at most a client
 * subnet and a cookie. It is read in place, and one object is enough for all: reading makes nothing
 * that somebody would have to collect. Everything else is for `decodeQuery`, which knows the rules;
 * what is taken here, it reads the same way.
 */
export class PlainQuery {
  start = 0;
  end = 0;
  /** The second word of the header. */
  flags = 0;
  /** Behind the name; type and class follow. */
  nameEnd = 0;
  qtype = 0;
  variant: number = VARIANT.PLAIN;
  /** Octets that the client takes; 0 without an OPT record. */
  udpBytes = 0;
  /** Where the data of the client subnet option is, and how long; 0 if there is none. */
  subnetAt = 0;
  subnetBytes = 0;
  /** 1 or 2, and the bits of it; both 0 if there is none. */
  subnetFamily = 0;
  subnetBits = 0;
  /** A cookie option, as `decodeEdns` gives it; its length is 0 if there is none. */
  readonly cookie = { start: 0, length: 0 };
  /** Of the name in lower case and the type. */
  hash = 0;
  /** True if the name has no capital letters. */
  isLowerCase = true;

  /** Reads `bytes` from `start` to `end` (P). False if it is not such a question. */
  read(bytes: Uint8Array, start: number, end: number, seed: number): boolean {
    if (end - start < HEADER_BYTES + 5) return false;
    this.start = start;
    this.end = end;
    this.flags = wordAt(bytes, start + 2);
    if ((this.flags & (FLAG.QR | FLAG.OPCODE)) !== 0) return false;
    if (wordAt(bytes, start + 4) !== 1) return false;
    if (wordAt(bytes, start + 6) !== 0 || wordAt(bytes, start + 8) !== 0) return false;
    const additional = wordAt(bytes, start + 10);
    if (!this.#readQuestion(bytes, seed)) return false;
    this.variant = VARIANT.PLAIN;
    this.udpBytes = 0;
    this.subnetAt = 0;
    this.subnetBytes = 0;
    this.subnetFamily = 0;
    this.subnetBits = 0;
    this.cookie.length = 0;
    if (additional === 0) return this.nameEnd + 4 === end;
    return additional === 1 && this.#readOpt(bytes, this.nameEnd + 4);
  }

  #readQuestion(bytes: Uint8Array, seed: number): boolean {
    const first = this.start + HEADER_BYTES;
    let hash = seed;
    let at = first;
    let folded = 0;
    for (let length = octetAt(bytes, at); length !== 0; length = octetAt(bytes, at)) {
      const next = at + 1 + length;
      if (length > LABEL_BYTES_MAX || next >= this.end) return false;
      if (next - first >= NAME_BYTES_MAX) return false;
      for (; at < next; at += 1) {
        const octet = octetAt(bytes, at);
        const lower = octetAt(LOWER_CASE, octet);
        folded |= octet ^ lower;
        hash = Math.imul(hash ^ lower, 0x01000193);
      }
      hash ^= hash >>> 15;
    }
    this.nameEnd = at + 1;
    if (this.nameEnd + 4 > this.end || wordAt(bytes, this.nameEnd + 2) !== CLASS_IN) return false;
    this.qtype = wordAt(bytes, this.nameEnd);
    this.isLowerCase = folded === 0;
    hash = Math.imul(hash ^ this.qtype, 0x85ebca6b);
    this.hash = hash ^ (hash >>> 13);
    return this.qtype > 0 && this.qtype <= TYPES_MAX && this.qtype !== TYPE.OPT;
  }

  /** RFC 6891 section 6.1.2: owned by the root, and here the last octets of the packet. */
  #readOpt(bytes: Uint8Array, at: number): boolean {
    const data = at + OPT_HEAD_BYTES;
    if (data > this.end || octetAt(bytes, at) !== 0 || wordAt(bytes, at + 1) !== TYPE.OPT) {
      return false;
    }
    if (octetAt(bytes, at + 6) !== 0 || data + wordAt(bytes, at + 9) !== this.end) return false;
    this.udpBytes = wordAt(bytes, at + 3);
    this.variant = variantOf(octetAt(bytes, at + 7));
    for (let option = data; option < this.end; ) {
      if (option + OPTION_HEAD_BYTES > this.end) return false;
      const code = wordAt(bytes, option);
      const length = wordAt(bytes, option + 2);
      const start = option + OPTION_HEAD_BYTES;
      option = start + length;
      if (option > this.end) return false;
      if (code === OPTION.CLIENT_SUBNET) {
        if (!this.#readSubnet(bytes, start, length)) return false;
      } else if (code !== OPTION.COOKIE || !this.#readCookie(start, length)) {
        return false;
      }
    }
    return true;
  }

  /** RFC 7871 section 6, as far as it is simple. */
  #readSubnet(bytes: Uint8Array, start: number, length: number): boolean {
    if (this.subnetBytes > 0 || length < SUBNET_HEAD_BYTES) return false;
    const family = wordAt(bytes, start);
    const bits = octetAt(bytes, start + 2);
    const isRight = family === 1 ? bits <= 32 : family === 2 && bits < MAPPED_BITS;
    if (!isRight || octetAt(bytes, start + 3) !== 0) return false;
    if (length - SUBNET_HEAD_BYTES !== (bits + 7) >> 3) return false;
    const spare = -bits & 7;
    if ((octetAt(bytes, start + length - 1) & ((1 << spare) - 1)) !== 0) return false;
    this.subnetAt = start;
    this.subnetBytes = length;
    this.subnetFamily = family;
    this.subnetBits = bits;
    return true;
  }

  /** RFC 7873 section 5.2.2: 8 octets of the client's, and 8 to 32 of a server's or none. */
  #readCookie(start: number, length: number): boolean {
    if (this.cookie.length > 0) return false;
    this.cookie.start = start;
    this.cookie.length = length;
    return length === 8 || (length >= 16 && length <= 40);
  }

  /** True if the name of `bytes` is `name`, which is in lower case. */
  hasName(bytes: Uint8Array, name: Uint8Array): boolean {
    const first = this.start + HEADER_BYTES;
    if (name.length !== this.nameEnd - first) return false;
    for (let i = 0; i < name.length; i += 1) {
      if (octetAt(LOWER_CASE, octetAt(bytes, first + i)) !== name[i]) return false;
    }
    return true;
  }

  /** A copy of the name in lower case. */
  copyName(bytes: Uint8Array): Uint8Array {
    return bytes
      .slice(this.start + HEADER_BYTES, this.nameEnd)
      .map((octet) => octetAt(LOWER_CASE, octet));
  }
}

function variantOf(flags: number): number {
  if ((flags & DNSSEC_OK) === 0) return VARIANT.EDNS;
  return (flags & COMPACT_OK) === 0 ? VARIANT.DNSSEC : VARIANT.COMPACT;
}
