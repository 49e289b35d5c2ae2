import {
  type Exchange,
  isSigned,
  note,
  type Outcome,
  type QueryContext,
  refuse,
  truncate,
} from "./answer/exchange.ts";
import { solve } from "./answer/solve.ts";
import { judgeQuery, NOT_AUTHORITATIVE, OUR_FAULT, type Refusal } from "./policy/query-policy.ts";
import { CLASS_CH, FLAG, RCODE, TYPE } from "./wire/codes.ts";
import { decodeQuery, type Query } from "./wire/message.ts";
import { optBytes, putOpt } from "./wire/opt.ts";
import { MessageWriter, QUESTION_NAME, SECTION } from "./wire/writer.ts";
import type { Rrset } from "./zone/zone.ts";

export type { Outcome, QueryContext, Snapshot } from "./answer/exchange.ts";
export { CNAME_CHAIN_MAX } from "./answer/solve.ts";

/** Default of `maxUdpBytes`: fits an IPv6 path without fragments (RFC 9715 section 3). */
export const UDP_BYTES_DEFAULT = 1232;

/** Octets of a UDP answer to a client without EDNS (RFC 1035 section 4.2.1). */
const PLAIN_UDP_BYTES = 512;

/** Octets of an answer over others: what a length prefix can say (RFC 1035 section 4.2.2). */
const STREAM_BYTES = 65_535;

const DROPPED: Outcome = { length: 0, rcode: RCODE.NOERROR, qtype: 0, truncated: false };

const NO_DNAMES: readonly Rrset[] = [];

/**
 * One writer for all queries: they are answered one after the other and nothing of it is kept, so a
 * new one each time would only be work for the garbage collector.
 */
const WRITER = new MessageWriter();

/**
 * Answers one packet (P, given what `context.snapshot.steering` is). Writes the answer to `out`,
 * which must not overlap `packet`, and never beyond its end; never throws. Packets that may not be
 * answered, and answers that cannot fit `out`, give length 0. RFC 1034 section 4.3, RFC 6891.
 */
export function answerQuery(packet: Uint8Array, context: QueryContext, out: Uint8Array): Outcome {
  const query = decodeQuery(packet);
  return query === undefined ? DROPPED : answerDecoded({ packet, query }, context, out);
}

/** A packet and what it says. */
export interface ReceivedQuery {
  readonly packet: Uint8Array;
  readonly query: Query;
}

/** Answers a query that somebody has decoded already; else the same as `answerQuery`. */
export function answerDecoded(
  received: ReceivedQuery,
  context: QueryContext,
  out: Uint8Array,
): Outcome {
  const exchange = begin(received, context);
  const { query } = received;
  const limit = bytesMax(query, context);
  if (!WRITER.start(out, limit, received.packet, query.questionEnd)) return DROPPED;
  WRITER.limitTo(limit - optBytes(query.edns, context.extras));
  let failure: unknown;
  try {
    const refusal = judgeQuery(query);
    if (isAboutServer(query)) describeServer(exchange, refusal);
    else if (refusal === undefined) solve(exchange);
    else refuse(exchange, refusal);
  } catch (error) {
    // Our mistake, in one query: it is answered, and counted and logged by the caller.
    failure = error ?? new Error("something undefined was thrown");
    refuse(exchange, OUR_FAULT);
  }
  WRITER.limitTo(limit);
  return finish(exchange, failure);
}

/**
 * An answer that says nothing but a code, or that the client shall ask over TCP (P, but for `out`).
 * It is hardly longer than the query.
 */
export function answerShort(
  received: ReceivedQuery,
  context: QueryContext,
  out: Uint8Array,
  answer: { readonly rcode: number; readonly isTruncated: boolean },
): Outcome {
  const exchange = begin(received, context);
  const { packet, query } = received;
  if (!WRITER.start(out, bytesMax(query, context), packet, query.questionEnd)) return DROPPED;
  exchange.rcode = answer.rcode;
  exchange.isTruncated = answer.isTruncated;
  return finish(exchange, undefined);
}

function begin({ packet, query }: ReceivedQuery, context: QueryContext): Exchange {
  return {
    packet,
    query,
    context,
    writer: WRITER,
    rcode: RCODE.NOERROR,
    extendedError: undefined,
    isAuthoritative: false,
    isTruncated: false,
    scopePrefixLength: 0,
    subject: undefined,
    steered: undefined,
    dnames: NO_DNAMES,
    signer: undefined,
  };
}

/** True for what no zone answers: nothing but a cookie (RFC 7873 section 5.4), and class CH. */
function isAboutServer(query: Query): boolean {
  return query.rcode === RCODE.NOERROR && (query.asksNothing || query.qclass === CLASS_CH);
}

/** RFC 4892 section 2: a TXT record of class CH at a name that says what it is. */
function describeServer(exchange: Exchange, refusal: Refusal | undefined): void {
  const { query, context, writer } = exchange;
  if (query.asksNothing) return;
  const text = context.chaos?.get(query.qname);
  if (text === undefined) return refuse(exchange, refusal ?? NOT_AUTHORITATIVE);
  exchange.isAuthoritative = true;
  if (query.qtype !== TYPE.TXT && query.qtype !== TYPE.ANY) return;
  const head = { owner: QUESTION_NAME, type: TYPE.TXT, ttl: 0, rrclass: CLASS_CH };
  if (!writer.plainRecord(SECTION.ANSWER, head, text)) truncate(exchange);
  note(exchange, SECTION.ANSWER, "server");
}

/** Octets that the answer may have. */
function bytesMax({ edns }: Query, { transport, maxUdpBytes }: QueryContext): number {
  return transport === "udp" ? udpBytesMax(edns?.udpBytes, maxUdpBytes) : STREAM_BYTES;
}

/**
 * Octets that an answer over UDP may have (P; RFC 6891 section 6.2.3: values below 512 mean 512).
 * `udpBytes` is what the client takes; undefined: it says nothing by EDNS.
 */
export function udpBytesMax(udpBytes: number | undefined, maxUdpBytes: number): number {
  if (udpBytes === undefined) return PLAIN_UDP_BYTES;
  return Math.max(PLAIN_UDP_BYTES, Math.min(udpBytes, maxUdpBytes));
}

function finish(exchange: Exchange, failure: unknown): Outcome {
  const { packet, query, context, writer, rcode, scopePrefixLength, extendedError } = exchange;
  // RFC 9824 section 5.1: CO in the answer says that we know what it means.
  const isCompact = isSigned(exchange) && query.edns?.isCompactOk === true;
  const { maxUdpBytes: udpBytes, extras } = context;
  const opt = { udpBytes, rcode, scopePrefixLength, extendedError, isCompact, extras };
  if (query.edns !== undefined && !putOpt(writer, packet, query.edns, opt)) return DROPPED;
  const flags =
    FLAG.QR |
    (query.flags & (FLAG.OPCODE | FLAG.RD | FLAG.CD)) |
    (exchange.isAuthoritative ? FLAG.AA : 0) |
    (exchange.isTruncated ? FLAG.TC : 0) |
    (rcode & 0xf);
  return {
    length: writer.finish(query.id, flags),
    rcode,
    qtype: query.qtype,
    truncated: exchange.isTruncated,
    ...(exchange.subject !== undefined && { subject: exchange.subject }),
    ...(exchange.steered && { steered: exchange.steered }),
    ...(failure !== undefined && { failure }),
  };
}
