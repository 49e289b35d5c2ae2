import { unreachable } from "../common/assert.ts";
import type { IpBytes } from "../common/ip.ts";
import {
  judgeQuery,
  NOT_AUTHORITATIVE,
  NOT_READY,
  OUR_FAULT,
  type Refusal,
} from "./policy/query-policy.ts";
import type { SteerAnswer, SteerClient, Steering } from "./steering.ts";
import type { Transport } from "./transport/answer.ts";
import { CLASS_CH, FLAG, HEADER_BYTES, RCODE, TYPE } from "./wire/codes.ts";
import { type SubnetPrefix, subnetPrefix } from "./wire/edns.ts";
import { decodeQuery, type Query } from "./wire/message.ts";
import { type Name, type NameKey, nameKey, replaceAncestor } from "./wire/name.ts";
import { type OptExtras, optBytes, putOpt } from "./wire/opt.ts";
import { nameRdata } from "./wire/rdata.ts";
import { MessageWriter, type Owner, QUESTION_NAME, SECTION, type Section } from "./wire/writer.ts";
import { findZone, isInMissingZone, lookUp } from "./zone/lookup.ts";
import type { Delegation, Glue, Rrset, Zone, ZoneTable } from "./zone/zone.ts";

/** Everything that answers depend on, as it is at one moment. Swapped as a whole, never changed. */
export interface Snapshot {
  readonly zones: ZoneTable;
  readonly steering: Steering;
}

/** What is known about a query beside its packet. */
export interface QueryContext {
  /** Where the packet came from, IPv4 inside IPv6 unmapped. */
  readonly peer: IpBytes;
  readonly transport: Transport;
  readonly snapshot: Snapshot;
  /** Most octets of an answer over UDP, whatever the client would take (RFC 6891 section 6.2.5). */
  readonly maxUdpBytes: number;
  /** Further options of the answer's OPT record. */
  readonly extras?: OptExtras;
  /** Data of the TXT records that we have of ourselves, class CH (RFC 4892). */
  readonly chaos?: ReadonlyMap<NameKey, Uint8Array>;
}

/** Default of `maxUdpBytes`: fits an IPv6 path without fragments (RFC 9715 section 3). */
export const UDP_BYTES_DEFAULT = 1232;

/** What became of a query, for counters and logs. */
export interface Outcome {
  /** Octets of the answer in `out`; 0 means: say nothing. */
  readonly length: number;
  /** Response code with its EDNS part: 0 to 4095. */
  readonly rcode: number;
  /** Type asked for; 0 if the question could not be read. */
  readonly qtype: number;
  /** True if the answer did not fit and the client has to ask again over TCP. */
  readonly truncated: boolean;
  /**
   * What the answer is about: the name asked for if it exists, else the zone that would have it.
   * Undefined if we serve neither.
   */
  readonly subject?: NameKey;
  /** Set if steering was asked: for which site, and what it said. */
  readonly steered?: { readonly site: string; readonly answer: SteerAnswer };
  /** Set if the answer is SERVFAIL because of a mistake of ours: what was thrown. */
  readonly failure?: unknown;
}

/** CNAMEs followed in one answer; a resolver goes on by itself from where we stop. */
export const CNAME_CHAIN_MAX = 8;

/** Octets of a UDP answer to a client without EDNS (RFC 1035 section 4.2.1). */
const PLAIN_UDP_BYTES = 512;

/** Octets of an answer over others: what a length prefix can say (RFC 1035 section 4.2.2). */
const STREAM_BYTES = 65_535;

/** TTL of the answer to ANY (RFC 8482 section 4.2); it depends on nothing. */
const ANY_TTL_SECONDS = 3600;

/** CPU "RFC8482" and an empty OS (RFC 8482 section 4.2). */
const ANY_HINFO = Uint8Array.from([7, ...Buffer.from("RFC8482", "latin1"), 0]);

const DROPPED: Outcome = { length: 0, rcode: RCODE.NOERROR, qtype: 0, truncated: false };

/** One query on its way to its answer: the facts, and what has been decided so far. */
interface Exchange {
  readonly packet: Uint8Array;
  readonly query: Query;
  readonly context: QueryContext;
  readonly writer: MessageWriter;
  rcode: number;
  extendedError: number | undefined;
  isAuthoritative: boolean;
  isTruncated: boolean;
  scopePrefixLength: number;
  subject: NameKey | undefined;
  steered: Outcome["steered"];
  /** DNAMEs in the answer: what a chain meets again is not written again (RFC 2181 section 5). */
  dnames: readonly Rrset[];
}

/** How an answer goes on after one name: done, or with the target of a CNAME. */
type Step = { readonly owner: Owner; readonly key: NameKey } | undefined;

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
}

/** Octets that the answer may have (RFC 6891 section 6.2.3: values below 512 mean 512). */
function bytesMax({ edns }: Query, { transport, maxUdpBytes }: QueryContext): number {
  if (transport !== "udp") return STREAM_BYTES;
  if (edns === undefined) return PLAIN_UDP_BYTES;
  return Math.max(PLAIN_UDP_BYTES, Math.min(edns.udpBytes, maxUdpBytes));
}

/** Takes back what has been written and answers with a code only. */
function refuse(exchange: Exchange, refusal: Refusal): void {
  exchange.writer.clear();
  exchange.rcode = refusal.rcode;
  exchange.extendedError = refusal.extendedError;
  exchange.isAuthoritative = false;
  exchange.scopePrefixLength = 0;
}

/** Answers the question, and the one that each CNAME puts in its place (RFC 1034 section 4.3.2). */
function solve(exchange: Exchange): void {
  const { zones } = exchange.context.snapshot;
  const { qname, qtype } = exchange.query;
  let step: Step = { owner: QUESTION_NAME, key: qname };
  const seen: NameKey[] = [];
  while (step !== undefined && seen.length <= CNAME_CHAIN_MAX && !seen.includes(step.key)) {
    const zone = findZone(zones, step.key, qtype);
    if (zone === undefined) {
      if (seen.length > 0) return;
      refuse(exchange, isInMissingZone(zones, step.key) ? NOT_READY : NOT_AUTHORITATIVE);
      return;
    }
    if (seen.length === 0) exchange.subject = zone.nodes.has(step.key) ? step.key : zone.key;
    seen.push(step.key);
    step = solveName(exchange, zone, step.owner, step.key);
  }
}

/** Writes what one zone has for one name of the chain. */
function solveName(exchange: Exchange, zone: Zone, owner: Owner, key: NameKey): Step {
  const found = lookUp(zone, key, exchange.query.qtype);
  // RFC 1035 section 4.1.1: AA is about the first owner name of the answer.
  if (owner === QUESTION_NAME) exchange.isAuthoritative = found.kind !== "delegation";
  switch (found.kind) {
    case "hit":
      putHit(exchange, zone, owner, found.rrset);
      return undefined;
    case "any":
      putHinfo(exchange, owner);
      return undefined;
    case "steered":
      putSteered(exchange, zone, owner, found);
      return undefined;
    case "follow": {
      putRrset(exchange, SECTION.ANSWER, owner, found.cname);
      const target = exchange.isTruncated ? undefined : found.cname.rdatas[0]?.names[0];
      return target && { owner: target, key: found.target };
    }
    case "dname":
      return putDname(exchange, owner, found);
    case "delegation":
      putReferral(exchange, found.delegation);
      return undefined;
    case "nodata":
      putNegative(exchange, zone, RCODE.NOERROR);
      return undefined;
    case "nxdomain":
      putNegative(exchange, zone, RCODE.NXDOMAIN);
      return undefined;
    default:
      return unreachable(found);
  }
}

/**
 * RFC 6672 section 3.1: the DNAME, and for those who do not know it the CNAME that it makes of this
 * name. Where that would be too long the answer is YXDOMAIN, with the DNAME that is to blame.
 */
function putDname(
  exchange: Exchange,
  owner: Owner,
  found: { readonly owner: Name; readonly dname: Rrset },
): Step {
  if (!exchange.dnames.includes(found.dname)) {
    exchange.dnames = [...exchange.dnames, found.dname];
    putRrset(exchange, SECTION.ANSWER, found.owner, found.dname);
  }
  const target = found.dname.rdatas[0]?.prefix;
  if (exchange.isTruncated || target === undefined) return undefined;
  const name = typeof owner === "number" ? questionName(exchange) : owner;
  const cname = replaceAncestor(name, found.owner, target);
  if (cname === undefined) {
    exchange.rcode = RCODE.YXDOMAIN;
    return undefined;
  }
  const { ttlSeconds } = found.dname;
  putRrset(exchange, SECTION.ANSWER, owner, {
    type: TYPE.CNAME,
    ttlSeconds,
    rdatas: [nameRdata(cname)],
  });
  // RFC 6672 section 3.2: for who asks for the CNAME, this is it.
  const isOver = exchange.isTruncated || exchange.query.qtype === TYPE.CNAME;
  return isOver ? undefined : { owner: cname, key: nameKey(cname) };
}

/** The name that was asked for, in its own case. */
function questionName({ packet, query }: Exchange): Name {
  return packet.subarray(HEADER_BYTES, query.questionEnd - 4);
}

/**
 * RFC 9609 section 4.1: who asks the root for its servers gets their addresses too, and so it is
 * with every zone (RFC 1035 section 3.3.11). They can be asked for: no TC if they do not fit.
 */
function putHit(exchange: Exchange, zone: Zone, owner: Owner, rrset: Rrset): void {
  putRrset(exchange, SECTION.ANSWER, owner, rrset);
  if (rrset.type === TYPE.NS && !exchange.isTruncated) putGlue(exchange, zone.glue);
}

/** RFC 2308 section 2: the SOA says how long the negative answer may be kept. */
function putNegative(exchange: Exchange, zone: Zone, rcode: number): void {
  exchange.rcode = rcode;
  putRrset(exchange, SECTION.AUTHORITY, zone.origin, zone.negativeSoa);
}

function putHinfo(exchange: Exchange, owner: Owner): void {
  const head = { owner, type: TYPE.HINFO, ttl: ANY_TTL_SECONDS };
  if (!exchange.writer.plainRecord(SECTION.ANSWER, head, ANY_HINFO)) truncate(exchange);
}

/** Asks steering for the addresses of this client and writes them, or NODATA if there are none. */
function putSteered(
  exchange: Exchange,
  zone: Zone,
  owner: Owner,
  { site, family }: { readonly site: string; readonly family: 4 | 6 },
): void {
  const { snapshot, peer } = exchange.context;
  const subnet = exchange.query.edns?.clientSubnet;
  // RFC 7871 section 7.1.2: with prefix length 0 the client asks not to be told apart.
  const isTailored = subnet !== undefined && subnet.sourcePrefixLength > 0;
  const prefix = isTailored ? subnetPrefix(exchange.packet, subnet) : undefined;
  const answer = snapshot.steering.steer(site, steerClient(prefix, peer), family);
  exchange.steered = { site, answer };
  if (prefix !== undefined) {
    const scope = answer.scopePrefixLength + prefix.scopeOffset;
    exchange.scopePrefixLength = Math.min(scope, prefix.scopeOffset + prefix.bytes.length * 8);
  }
  if (answer.addresses.length === 0) return putSteeredNodata(exchange, zone, answer.ttlSeconds);
  const head = { owner, type: family === 4 ? TYPE.A : TYPE.AAAA, ttl: answer.ttlSeconds };
  for (const address of answer.addresses) {
    if (!exchange.writer.plainRecord(SECTION.ANSWER, head, address)) return truncate(exchange);
  }
}

/** That there is no edge may be remembered no longer than which edge there is. */
function putSteeredNodata(exchange: Exchange, zone: Zone, ttlSeconds: number): void {
  const soa = zone.negativeSoa;
  const shortened = { ...soa, ttlSeconds: Math.min(soa.ttlSeconds, ttlSeconds) };
  putRrset(exchange, SECTION.AUTHORITY, zone.origin, shortened);
}

function steerClient(prefix: SubnetPrefix | undefined, peer: IpBytes): SteerClient {
  if (prefix === undefined) {
    return { bytes: peer, prefixLength: peer.length * 8, source: "resolver" };
  }
  return { bytes: prefix.bytes, prefixLength: prefix.prefixLength, source: "ecs" };
}

/** RFC 1034 section 4.2.1: the delegation in the authority section, glue in the additional one. */
function putReferral(exchange: Exchange, { owner, ns, glue }: Delegation): void {
  putRrset(exchange, SECTION.AUTHORITY, owner, ns);
  if (exchange.isTruncated) return;
  // RFC 9471 section 3.1: without in-domain glue the referral leads nowhere, so TC; other glue can
  // be asked for.
  exchange.isTruncated = putGlue(exchange, glue).some(({ isInDomain }) => isInDomain);
}

/** Writes addresses of name servers as far as they fit. Gives those that do not. */
function putGlue({ writer }: Exchange, glue: readonly Glue[]): readonly Glue[] {
  return glue.filter(({ owner, rrset }) => {
    const head = { owner, type: rrset.type, ttl: rrset.ttlSeconds };
    return !writer.records(SECTION.ADDITIONAL, head, rrset.rdatas);
  });
}

function putRrset(exchange: Exchange, section: Section, owner: Owner, rrset: Rrset): void {
  const head = { owner, type: rrset.type, ttl: rrset.ttlSeconds };
  if (!exchange.writer.records(section, head, rrset.rdatas)) truncate(exchange);
}

/** RFC 2181 section 9: half an RRset is worth nothing, so the client gets TC and no records. */
function truncate(exchange: Exchange): void {
  exchange.writer.clear();
  exchange.isTruncated = true;
}

function finish(exchange: Exchange, failure: unknown): Outcome {
  const { packet, query, context, writer, rcode, scopePrefixLength, extendedError } = exchange;
  const { maxUdpBytes: udpBytes, extras } = context;
  const opt = { udpBytes, rcode, scopePrefixLength, extendedError, extras };
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
