import { octetAt } from "../wire/octets.ts";

/** Octets of a key. */
export const SIPHASH_KEY_BYTES = 16;

/** Octets of a hash. */
export const SIPHASH_BYTES = 8;

/**
 * The four 64-bit words of the state, each as its lower and its upper half. One state is enough:
 * hashing calls nobody, and a new one for each query would be work for the garbage collector.
 */
const V = new Int32Array(8);

/**
 * SipHash-2-4 (P): a keyed hash that nobody can foretell without the key (Aumasson and Bernstein,
 * "SipHash: a fast short-input PRF", 2012), which RFC 9018 section 4.4 makes server cookies with.
 *
 * Hashes the first `length` octets of `message` under 16 octets of `key`, and writes the 8 octets
 * of the hash, lowest first, into `out` from `at` on.
 */
export function sipHash24(
  key: Uint8Array,
  message: Uint8Array,
  length: number,
  out: Uint8Array,
  at: number,
): void {
  begin(key);
  const whole = length & ~7;
  for (let i = 0; i < whole; i += 8) compress(word(message, i), word(message, i + 4));
  let low = 0;
  let high = length << 24;
  for (let i = whole; i < length; i += 1) {
    const shift = (i & 3) * 8;
    if ((i & 4) === 0) low |= octetAt(message, i) << shift;
    else high |= octetAt(message, i) << shift;
  }
  compress(low, high);
  V[4] = half(4) ^ 0xff;
  for (let i = 0; i < 4; i += 1) round();
  putWord(out, at, half(0) ^ half(2) ^ half(4) ^ half(6));
  putWord(out, at + 4, half(1) ^ half(3) ^ half(5) ^ half(7));
}

/** The key, mixed with "somepseudorandomlygeneratedbytes" as the paper has it. */
function begin(key: Uint8Array): void {
  const low0 = word(key, 0);
  const high0 = word(key, 4);
  const low1 = word(key, 8);
  const high1 = word(key, 12);
  V[0] = low0 ^ 0x70736575;
  V[1] = high0 ^ 0x736f6d65;
  V[2] = low1 ^ 0x6e646f6d;
  V[3] = high1 ^ 0x646f7261;
  V[4] = low0 ^ 0x6e657261;
  V[5] = high0 ^ 0x6c796765;
  V[6] = low1 ^ 0x79746573;
  V[7] = high1 ^ 0x74656462;
}

function compress(low: number, high: number): void {
  V[6] = half(6) ^ low;
  V[7] = half(7) ^ high;
  round();
  round();
  V[0] = half(0) ^ low;
  V[1] = half(1) ^ high;
}

function round(): void {
  addTo(0, 2);
  rotate(2, 13);
  xorInto(2, 0);
  swap(0);
  addTo(4, 6);
  rotate(6, 16);
  xorInto(6, 4);
  addTo(0, 6);
  rotate(6, 21);
  xorInto(6, 0);
  addTo(4, 2);
  rotate(2, 17);
  xorInto(2, 4);
  swap(4);
}

/** `V[a] += V[b]` in 64 bits; `a` and `b` are where the lower halves stand. */
function addTo(a: number, b: number): void {
  const low = (half(a) + half(b)) | 0;
  const carry = low >>> 0 < half(b) >>> 0 ? 1 : 0;
  V[a + 1] = half(a + 1) + half(b + 1) + carry;
  V[a] = low;
}

/** Rotates left by fewer than 32 bits. */
function rotate(a: number, bits: number): void {
  const low = half(a);
  const high = half(a + 1);
  V[a] = (low << bits) | (high >>> (32 - bits));
  V[a + 1] = (high << bits) | (low >>> (32 - bits));
}

function xorInto(a: number, b: number): void {
  V[a] = half(a) ^ half(b);
  V[a + 1] = half(a + 1) ^ half(b + 1);
}

/** Rotates left by 32 bits. */
function swap(a: number): void {
  const low = half(a);
  V[a] = half(a + 1);
  V[a + 1] = low;
}

function half(index: number): number {
  return V[index] as number;
}

/** 32 bits, lowest octet first. */
function word(bytes: Uint8Array, at: number): number {
  return (
    octetAt(bytes, at) |
    (octetAt(bytes, at + 1) << 8) |
    (octetAt(bytes, at + 2) << 16) |
    (octetAt(bytes, at + 3) << 24)
  );
}

function putWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}
