import { CLASS_IN, EDE, RCODE, TYPE } from "../wire/codes.ts";
import type { Query } from "../wire/message.ts";

/** A query that gets a code instead of an answer. */
export interface Refusal {
  readonly rcode: number;
  /** An extended DNS error that tells the client more (RFC 8914), if there is one. */
  readonly extendedError: number | undefined;
}

const NOT_SUPPORTED: Refusal = { rcode: RCODE.NOTIMP, extendedError: EDE.NOT_SUPPORTED };
const NOT_OUR_CLASS: Refusal = { rcode: RCODE.REFUSED, extendedError: EDE.NOT_SUPPORTED };
const NO_TRANSFER: Refusal = { rcode: RCODE.REFUSED, extendedError: EDE.PROHIBITED };

/** No zone of ours encloses the name. */
export const NOT_AUTHORITATIVE: Refusal = {
  rcode: RCODE.REFUSED,
  extendedError: EDE.NOT_AUTHORITATIVE,
};

/** A zone that we ought to have has not come from its primary yet, or has expired. */
export const NOT_READY: Refusal = { rcode: RCODE.SERVFAIL, extendedError: EDE.NOT_READY };

/** An alias leads nowhere: its target is not served, or not any more. */
export const BROKEN_ALIAS: Refusal = { rcode: RCODE.SERVFAIL, extendedError: EDE.OTHER };

/** Answering failed by a mistake of ours. */
export const OUR_FAULT: Refusal = { rcode: RCODE.SERVFAIL, extendedError: EDE.OTHER };

/**
 * What a type that is no record type gets (RFC 6895 section 3.1): zone transfers are refused, types
 * that belong in other sections are errors, and the mailbox types of 1983 are not implemented.
 */
const META_TYPES: ReadonlyMap<number, Refusal> = new Map([
  [TYPE.OPT, { rcode: RCODE.FORMERR, extendedError: undefined }],
  // RFC 9824 section 2: it stands in type bit maps and nowhere else.
  [TYPE.NXNAME, { rcode: RCODE.FORMERR, extendedError: EDE.INVALID_QUERY_TYPE }],
  [TYPE.TKEY, NOT_SUPPORTED],
  [TYPE.TSIG, { rcode: RCODE.FORMERR, extendedError: undefined }],
  [TYPE.IXFR, NO_TRANSFER],
  [TYPE.AXFR, NO_TRANSFER],
  [TYPE.MAILB, NOT_SUPPORTED],
  [TYPE.MAILA, NOT_SUPPORTED],
]);

/** Decides whether a query is looked up at all (P). Undefined means: go on. */
export function judgeQuery(query: Query): Refusal | undefined {
  if (query.rcode === RCODE.NOTIMP) return NOT_SUPPORTED;
  if (query.rcode !== RCODE.NOERROR) return { rcode: query.rcode, extendedError: undefined };
  if (query.qclass !== CLASS_IN) return NOT_OUR_CLASS;
  return query.qtype >= TYPE.NXNAME || query.qtype === TYPE.OPT
    ? META_TYPES.get(query.qtype)
    : undefined;
}
