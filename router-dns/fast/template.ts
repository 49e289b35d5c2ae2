import type { Outcome } from "../answer/exchange.ts";
import { ANSWER_KIND, type AnswerKind } from "../policy/rate-limit.ts";
import { EDNS_COMPACT_OK, FLAG, HEADER_BYTES, RCODE, TYPE } from "../wire/codes.ts";
import { octetAt, wordAt } from "../wire/octets.ts";
import { Reader } from "../wire/reader.ts";

/** An answer without what differs from query to query: id, letters of the name, options. */
export interface Template {
  /** Flags without RD and CD. */
  readonly flags: number;
  readonly answers: number;
  readonly authorities: number;
  /** All records but the OPT record. */
  readonly body: Uint8Array;
  /** Flags word of the OPT record. */
  readonly optFlags: number;
  /** True if no name in it is written as short as the letters of the question allow. */
  readonly isCaseFree: boolean;
  /** Seconds since 1970 from which on it must be made anew, if it has signatures. */
  readonly staleAt: number;
  readonly kind: AnswerKind;
  /** What became of the query that it was made for; `length` is of the last answer. */
  readonly outcome: { -readonly [K in keyof Outcome]: Outcome[K] };
  /** Answers since they were last handed over to the counters. */
  count: number;
}

/** Where an answer ends without its OPT record, and what it had there. */
export interface AnswerSpan {
  readonly questionEnd: number;
  readonly optStart: number;
  readonly hasOpt: boolean;
}

/** Types whose data is written as it is, whatever the question looks like. */
const FIXED_TYPES: ReadonlySet<number> = new Set([TYPE.A, TYPE.AAAA, TYPE.TXT, TYPE.RRSIG]);

/** A pointer to the name of the question (RFC 1035 section 4.1.4). */
const QUESTION_POINTER = 0xc000 | HEADER_BYTES;

/** A template with signatures is used at most so long, and less if they are short-lived. */
const SIGNED_SECONDS_MAX = 60;
const SIGNED_PART = 1 / 8;

/** Where the expiration stands in the data of an RRSIG record (RFC 4034 section 3.1). */
const EXPIRATION_AT = 8;

/**
 * Makes a template of an answer that stands in `answer` (P). Undefined if it has something that
 * cannot be used again: further records behind the answer, an extended code, or TC.
 */
export function templateOf(
  answer: Uint8Array,
  outcome: Outcome,
  { questionEnd, optStart, hasOpt }: AnswerSpan,
  nowSeconds: number,
): Template | undefined {
  const flags = wordAt(answer, 2) & ~(FLAG.RD | FLAG.CD);
  const additional = wordAt(answer, 10);
  const isUsual = outcome.failure === undefined && !outcome.truncated && outcome.rcode < 16;
  if (!isUsual || additional !== (hasOpt ? 1 : 0)) return undefined;
  const answers = wordAt(answer, 6);
  const authorities = wordAt(answer, 8);
  const records = readRecords(answer, questionEnd, optStart, answers + authorities);
  if (records === undefined) return undefined;
  const left = Math.floor((records.expiration - nowSeconds) * SIGNED_PART);
  const isSigned = Number.isFinite(records.expiration);
  return {
    flags,
    answers,
    authorities,
    body: answer.slice(questionEnd, optStart),
    optFlags: hasOpt ? wordAt(answer, optStart + 7) & (0x8000 | EDNS_COMPACT_OK) : 0,
    isCaseFree: records.isCaseFree,
    staleAt: isSigned ? nowSeconds + Math.min(SIGNED_SECONDS_MAX, left) : Number.POSITIVE_INFINITY,
    kind: kindOf(outcome, answer),
    outcome: { ...outcome },
    count: 0,
  };
}

/** What kind of answer stands in `out` (P). */
export function kindOf({ rcode, truncated }: Outcome, out: Uint8Array): AnswerKind {
  if (rcode === RCODE.NXDOMAIN) return ANSWER_KIND.NXDOMAIN;
  if (rcode !== RCODE.NOERROR) return ANSWER_KIND.ERROR;
  if (truncated || wordAt(out, 6) > 0) return ANSWER_KIND.ANSWER;
  const isAuthoritative = (wordAt(out, 2) & FLAG.AA) !== 0;
  return isAuthoritative ? ANSWER_KIND.NODATA : ANSWER_KIND.REFERRAL;
}

/** What its records say about how long, and for which spellings, an answer can be used. */
function readRecords(answer: Uint8Array, start: number, end: number, count: number) {
  const reader = new Reader(answer, start, end);
  let isCaseFree = true;
  let expiration = Number.POSITIVE_INFINITY;
  for (let i = 0; i < count; i += 1) {
    const owner = reader.position;
    reader.skipName();
    const isQuestion = reader.position === owner + 2 && wordAt(answer, owner) === QUESTION_POINTER;
    const type = reader.uint16();
    reader.skip(6);
    const length = reader.uint16();
    const data = reader.position;
    reader.skip(length);
    if (reader.failed) return undefined;
    isCaseFree &&= isQuestion && FIXED_TYPES.has(type);
    if (type !== TYPE.RRSIG) continue;
    const seconds = new DataView(answer.buffer, answer.byteOffset + data).getUint32(EXPIRATION_AT);
    expiration = Math.min(expiration, seconds);
  }
  return reader.remaining === 0 ? { isCaseFree, expiration } : undefined;
}

/** True if both hold the same octets in their first `length`. */
export function isSame(left: Uint8Array, right: Uint8Array, length: number): boolean {
  for (let i = 0; i < length; i += 1) if (octetAt(left, i) !== right[i]) return false;
  return true;
}
