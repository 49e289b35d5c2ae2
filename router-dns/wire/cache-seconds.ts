import { FLAG, HEADER_BYTES, RCODE, TYPE } from "./codes.ts";
import { wordAt } from "./octets.ts";
import { Reader } from "./reader.ts";

/** Octets of a question behind its name: type and class. */
const QUESTION_FIXED_BYTES = 4;

/**
 * For how long an answer of ours may be kept, in seconds (P): the smallest TTL of its answer
 * section, or of its authority section if that is all there is, where a SOA stands for how long a
 * "no" counts (RFC 8484 section 5.1, RFC 2308 section 5). Errors, cut answers and what has no
 * records: 0.
 */
export function cacheSeconds(message: Uint8Array): number {
  if (message.length < HEADER_BYTES) return 0;
  const flags = wordAt(message, 2);
  const rcode = flags & 0xf;
  if ((flags & FLAG.TC) !== 0 || (rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN)) return 0;
  const reader = new Reader(message, HEADER_BYTES);
  for (let i = 0; i < wordAt(message, 4); i += 1) {
    reader.skipName();
    reader.skip(QUESTION_FIXED_BYTES);
  }
  const answers = wordAt(message, 6);
  const counted = answers > 0 ? answers : wordAt(message, 8);
  let seconds = Number.POSITIVE_INFINITY;
  for (let i = 0; i < counted && !reader.failed; i += 1) {
    reader.skipName();
    const type = reader.uint16();
    reader.skip(2);
    const ttl = reader.uint16() * 0x1_0000 + reader.uint16();
    reader.skip(reader.uint16());
    if (type !== TYPE.OPT) seconds = Math.min(seconds, ttl);
  }
  return reader.failed || !Number.isFinite(seconds) ? 0 : seconds;
}
