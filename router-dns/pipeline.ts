import { unreachable } from "../common/assert.ts";
import type { IpBytes } from "../common/ip.ts";
import {
  judgeQuery,
  NOT_AUTHORITATIVE,
  NOT_READY,
  OUR_FAULT,
  type Refusal,
} from "./policy/query-policy.ts";
import type { Denial, Signing, ZoneSigner } from "./signing.ts";
import type { SteerAnswer, SteerClient, Steering } from "./steering.ts";
import type { Transport } from "./transport/answer.ts";
import { CLASS_CH, FLAG, HEADER_BYTES, RCODE, TYPE } from "./wire/codes.ts";
import { type SubnetPrefix, subnetPrefix } from "./wire/edns.ts";
import { decodeQuery, type Query } from "./wire/message.ts";
import { type Name, type NameKey, nameKey, replaceAncestor } from "./wire/name.ts";
import { type OptExtras, optBytes, putOpt } from "./wire/opt.ts";
import { fixedRdata, nameRdata } from "./wire/rdata.ts";
import { MessageWriter, type Owner, QUESTION_NAME, SECTION, type Section } from "./wire/writer.ts";
import { findZone, isInMissingZone, lookUp, typesAt } from "./zone/lookup.ts";
import {
  type Delegation,
  findRrset,
  type Glue,
  type Rrset,
  type Zone,
  type ZoneTable,
} from "./zone/zone.ts";

/** Everything that answers depend on, as it is at one moment. Swapped as a whole, never changed. */
export interface Snapshot {
  readonly zones: ZoneTable;
  readonly steering: Steering;
  readonly signing: Signing;
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
const ANY_HINFO: Rrset = {
  type: TYPE.HINFO,
  ttlSeconds: ANY_TTL_SECONDS,
  rdatas: [fixedRdata(Uint8Array.from([7, ...Buffer.from("RFC8482", "latin1"), 0]))],
};

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
  /** The signer of the zone that is answering; undefined: it is not signed. */
  signer: ZoneSigner | undefined;
}

/** How an answer goes on after one name: done, or with the target of a CNAME. */
type Step = Place | undefined;

/** A name of the answer: as records are owned by it, and as it is looked up. */
interface Place {
  readonly owner: Owner;
  readonly key: NameKey;
}

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
  exchange.signer = undefined;
}

/** Answers the question, and the one that each CNAME puts in its place (RFC 1034 section 4.3.2). */
function solve(exchange: Exchange): void {
  const { zones, signing } = exchange.context.snapshot;
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
    exchange.signer = signing.signerOf(zone.key);
    step = solveName(exchange, zone, step.owner, step.key);
  }
}

/** Writes what one zone has for one name of the chain. */
function solveName(exchange: Exchange, zone: Zone, owner: Owner, key: NameKey): Step {
  const { qtype } = exchange.query;
  if (exchange.signer !== undefined && putFromSigner(exchange, zone, owner, key)) return undefined;
  const found = lookUp(zone, key, qtype);
  // RFC 1035 section 4.1.1: AA is about the first owner name of the answer.
  if (owner === QUESTION_NAME) exchange.isAuthoritative = found.kind !== "delegation";
  switch (found.kind) {
    case "hit":
      putHit(exchange, zone, owner, found.rrset);
      return undefined;
    case "any":
      putRrset(exchange, SECTION.ANSWER, owner, ANY_HINFO);
      return undefined;
    case "steered":
      putSteered(exchange, zone, { owner, key }, found);
      return undefined;
    case "follow": {
      putRrset(exchange, SECTION.ANSWER, owner, found.cname);
      const target = exchange.isTruncated ? undefined : found.cname.rdatas[0]?.names[0];
      return target && { owner: target, key: found.target };
    }
    case "dname":
      return putDname(exchange, owner, found);
    case "delegation":
      putReferral(exchange, zone, found.delegation);
      return undefined;
    case "nodata":
      putNegative(exchange, zone, { owner, key });
      return undefined;
    case "nxdomain":
      // RFC 9824 section 5: who cannot tell the two apart sees a name without data.
      if (!isDenialCompact(exchange)) exchange.rcode = RCODE.NXDOMAIN;
      putNegative(exchange, zone, { owner, key });
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
  // RFC 6672 section 5.3.1: it has no signature; that of the DNAME is what proves it.
  const head = { owner, type: TYPE.CNAME, ttl: ttlSeconds };
  if (!exchange.writer.record(SECTION.ANSWER, head, nameRdata(cname))) truncate(exchange);
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
  if (rrset.type !== TYPE.NS || exchange.isTruncated) return;
  const missing = putGlue(exchange, zone.glue);
  const { signer } = exchange;
  if (signer === undefined || !isSigned(exchange)) return;
  for (const { owner, rrset } of zone.glue.filter((glue) => !missing.includes(glue))) {
    const key = nameKey(owner);
    if (zone.nodes.get(key)?.cut !== undefined) continue;
    const head = { owner, type: TYPE.RRSIG, ttl: rrset.ttlSeconds };
    // RFC 4035 section 3.1.1: what is additional may go without its signature.
    for (const rrsig of signer.sign(key, rrset)) {
      exchange.writer.plainRecord(SECTION.ADDITIONAL, head, rrsig);
    }
  }
}

/**
 * RFC 2308 section 2: the SOA says how long the negative answer may be kept; `ttlSeconds` shortens
 * that. In a signed zone the NSEC record of the name proves it (RFC 9824).
 */
function putNegative(
  exchange: Exchange,
  zone: Zone,
  { owner, key }: Place,
  { ttlSeconds = zone.negativeSoa.ttlSeconds, except = 0 } = {},
): void {
  const ttl = Math.min(ttlSeconds, zone.negativeSoa.ttlSeconds);
  // RFC 4034 section 3.1.4: signed is the TTL of the zone, whatever is left of it here.
  putRrset(exchange, SECTION.AUTHORITY, zone.origin, zone.soa, ttl);
  if (exchange.signer === undefined || exchange.isTruncated || !isSigned(exchange)) return;
  const types = typesAt(zone, key);
  const held = except === 0 ? types : types?.filter((type) => type !== except);
  putDenial(exchange, SECTION.AUTHORITY, owner, exchange.signer.deny(key, held, ttl));
}

/** Asks steering for the addresses of this client and writes them, or NODATA if there are none. */
function putSteered(
  exchange: Exchange,
  zone: Zone,
  place: Place,
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
  const type = family === 4 ? TYPE.A : TYPE.AAAA;
  const { addresses, ttlSeconds } = answer;
  if (addresses.length === 0) {
    // That there is no edge may be remembered no longer than which edge there is.
    return putNegative(exchange, zone, place, { ttlSeconds, except: type });
  }
  const head = { owner: place.owner, type, ttl: ttlSeconds };
  for (const address of addresses) {
    if (!exchange.writer.plainRecord(SECTION.ANSWER, head, address)) return truncate(exchange);
  }
  if (exchange.signer === undefined || !isSigned(exchange)) return;
  const rrsigs = exchange.signer.signSteered(place.key, { type, ttlSeconds, addresses });
  putRrsigs(exchange, SECTION.ANSWER, head, rrsigs);
}

function steerClient(prefix: SubnetPrefix | undefined, peer: IpBytes): SteerClient {
  if (prefix === undefined) {
    return { bytes: peer, prefixLength: peer.length * 8, source: "resolver" };
  }
  return { bytes: prefix.bytes, prefixLength: prefix.prefixLength, source: "ecs" };
}

/** RFC 1034 section 4.2.1: the delegation in the authority section, glue in the additional one. */
function putReferral(exchange: Exchange, zone: Zone, delegation: Delegation): void {
  const { owner, ns, glue } = delegation;
  const head = { owner, type: ns.type, ttl: ns.ttlSeconds };
  if (!exchange.writer.records(SECTION.AUTHORITY, head, ns.rdatas)) truncate(exchange);
  if (exchange.signer !== undefined && isSigned(exchange)) {
    putDelegationProof(exchange, exchange.signer, zone, delegation);
  }
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

/** RFC 4035 section 3.1.4: the DS of a signed child, or the proof that the child is not signed. */
function putDelegationProof(
  exchange: Exchange,
  signer: ZoneSigner,
  zone: Zone,
  { owner, key }: Delegation,
): void {
  if (exchange.isTruncated) return;
  const ds = findRrset(zone.nodes.get(key), TYPE.DS);
  if (ds !== undefined) return putRrset(exchange, SECTION.AUTHORITY, owner, ds);
  const denial = signer.deny(key, typesAt(zone, key), zone.negativeSoa.ttlSeconds);
  putDenial(exchange, SECTION.AUTHORITY, owner, denial);
}

/**
 * Answers what only a signed zone has: the keys at its apex, and of every name its NSEC record,
 * which is the answer to NSEC, and whose signature is the answer to RRSIG (RFC 9824 section 3).
 * False if the query is for something else.
 */
function putFromSigner(exchange: Exchange, zone: Zone, owner: Owner, key: NameKey): boolean {
  const { signer } = exchange;
  const { qtype } = exchange.query;
  if (signer === undefined) return false;
  const isNsec = qtype === TYPE.NSEC || qtype === TYPE.RRSIG;
  if (isNsec && isOwnName(zone, key, qtype)) {
    const denial = signer.deny(key, typesAt(zone, key), zone.negativeSoa.ttlSeconds);
    if (qtype === TYPE.NSEC) putDenial(exchange, SECTION.ANSWER, owner, denial);
    else
      putRrsigs(exchange, SECTION.ANSWER, { owner, ttl: denial.rrset.ttlSeconds }, denial.rrsigs);
  } else {
    const rrset =
      key === zone.key ? signer.apexRrsets.find(({ type }) => type === qtype) : undefined;
    if (rrset === undefined) return false;
    putRrset(exchange, SECTION.ANSWER, owner, rrset);
  }
  if (owner === QUESTION_NAME) exchange.isAuthoritative = true;
  return true;
}

/** True if the zone itself says what there is at a name, or that there is nothing. */
function isOwnName(zone: Zone, key: NameKey, qtype: number): boolean {
  const { kind } = lookUp(zone, key, qtype);
  return kind !== "delegation" && kind !== "dname";
}

function putDenial(exchange: Exchange, section: Section, owner: Owner, denial: Denial): void {
  const { rrset, rrsigs } = denial;
  const head = { owner, type: rrset.type, ttl: rrset.ttlSeconds };
  if (!exchange.writer.records(section, head, rrset.rdatas)) return truncate(exchange);
  if (isSigned(exchange)) putRrsigs(exchange, section, head, rrsigs);
}

/** True if the client wants signatures and the zone that is answering has them. */
function isSigned({ query, signer }: Exchange): boolean {
  return signer !== undefined && query.edns?.isDnssecOk === true;
}

/** True if a name that does not exist is answered like one without data (RFC 9824 section 5). */
function isDenialCompact(exchange: Exchange): boolean {
  return isSigned(exchange) && exchange.query.edns?.isCompactOk !== true;
}

/**
 * Writes a set and, if the client wants them, its signatures; not if the zone is not signed.
 * `ttlSeconds` is what clients may keep it for, if that is less than what the zone says.
 */
function putRrset(
  exchange: Exchange,
  section: Section,
  owner: Owner,
  rrset: Rrset,
  ttlSeconds: number = rrset.ttlSeconds,
): void {
  const head = { owner, type: rrset.type, ttl: ttlSeconds };
  if (!exchange.writer.records(section, head, rrset.rdatas)) return truncate(exchange);
  if (exchange.signer === undefined || !isSigned(exchange)) return;
  const key = typeof owner === "number" ? exchange.query.qname : nameKey(owner);
  putRrsigs(exchange, section, head, exchange.signer.sign(key, rrset));
}

/** RFC 4034 section 3: signatures have owner and TTL of what they sign. */
function putRrsigs(
  exchange: Exchange,
  section: Section,
  { owner, ttl }: { readonly owner: Owner; readonly ttl: number },
  rrsigs: readonly Uint8Array[],
): void {
  const head = { owner, type: TYPE.RRSIG, ttl };
  for (const rrsig of rrsigs) {
    if (!exchange.writer.plainRecord(section, head, rrsig)) return truncate(exchange);
  }
}

/** RFC 2181 section 9: half an RRset is worth nothing, so the client gets TC and no records. */
function truncate(exchange: Exchange): void {
  exchange.writer.clear();
  exchange.isTruncated = true;
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
