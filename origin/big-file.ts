/** Size of the generated file: 20 MiB. */
export const BIG_FILE_BYTES = 20 * 2 ** 20;

/** Its strong validator. The number at the end changes when the formula does. */
export const BIG_FILE_ETAG = `"big-${BIG_FILE_BYTES}-1"`;

/** When the file was "written": 2026-01-01T00:00:00Z. */
export const BIG_FILE_MODIFIED = Date.UTC(2026, 0, 1);

/**
 * Bytes `first` to `last` (both included) of the generated file (P). Any piece can be made without
 * the rest: byte i is byte i mod 4 of the hash of word i div 4, least significant first. The bytes
 * look random, so that a wrong offset or a swapped piece shows, and compression gains nothing.
 *
 * Example: the file starts with `bigFileBytes(0, 3)`, which is 00 00 00 00 (0 hashes to 0).
 */
export function bigFileBytes(first: number, last: number): Uint8Array {
  const bytes = new Uint8Array(last - first + 1);
  let word = 0;
  for (let i = 0; i < bytes.length; i += 1) {
    const at = first + i;
    if (i === 0 || (at & 3) === 0) word = hashWord(at >>> 2);
    bytes[i] = word >>> ((at & 3) * 8);
  }
  return bytes;
}

/** The 32-bit finaliser of MurmurHash3: every input bit moves every output bit. */
function hashWord(index: number): number {
  let word = index;
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return word ^ (word >>> 16);
}
