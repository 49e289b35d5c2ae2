import type { IpBytes } from "../../common/ip.ts";
import type { Refusal } from "../policy/query-policy.ts";
import type { Signing, ZoneSigner } from "../signing.ts";
import type { SteerAnswer, Steering } from "../steering.ts";
import type { Transport } from "../transport/answer.ts";
import type { Query } from "../wire/message.ts";
import type { NameKey } from "../wire/name.ts";
import type { OptExtras } from "../wire/opt.ts";
import type { MessageWriter, Owner, Section } from "../wire/writer.ts";
import type { Rrset, ZoneTable } from "../zone/zone.ts";
import type { AnswerRecorder, RecordSource } from "./recorder.ts";

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
  /** Told why records are there; left out: nobody wants to know. */
  readonly recorder?: AnswerRecorder;
  /** Data of the TXT records that we have of ourselves, class CH (RFC 4892). */
  readonly chaos?: ReadonlyMap<NameKey, Uint8Array>;
}

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
  readonly steered?: {
    readonly site: string;
    readonly answer: SteerAnswer;
    /** True if the site ignores client subnets; left out: it does not. */
    readonly isByResolver?: boolean;
  };
  /** Set if the answer is SERVFAIL because of a mistake of ours: what was thrown. */
  readonly failure?: unknown;
}

/** One query on its way to its answer: the facts, and what has been decided so far. */
export interface Exchange {
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
export type Step = Place | undefined;

/** A name of the answer: as records are owned by it, and as it is looked up. */
export interface Place {
  readonly owner: Owner;
  readonly key: NameKey;
}

/** Takes back what has been written and answers with a code only. */
export function refuse(exchange: Exchange, refusal: Refusal): void {
  exchange.writer.clear();
  exchange.context.recorder?.cleared();
  exchange.rcode = refusal.rcode;
  exchange.extendedError = refusal.extendedError;
  exchange.isAuthoritative = false;
  exchange.scopePrefixLength = 0;
  exchange.signer = undefined;
}

/** True if the client wants signatures and the zone that is answering has them. */
export function isSigned({ query, signer }: Exchange): boolean {
  return signer !== undefined && query.edns?.isDnssecOk === true;
}

/** RFC 2181 section 9: half an RRset is worth nothing, so the client gets TC and no records. */
export function truncate(exchange: Exchange): void {
  exchange.writer.clear();
  exchange.context.recorder?.cleared();
  exchange.isTruncated = true;
}

/** Tells who wants to know where the records come from that have just been written. */
export function note(
  { context, writer }: Exchange,
  section: Section,
  source: RecordSource,
  rrset?: Rrset,
): void {
  context.recorder?.wrote(section, writer.count(section), source, rrset);
}
