import type { IpBytes } from "../../common/ip.ts";
import type { Snapshot } from "../answer/exchange.ts";
import {
  answerDecoded,
  type Outcome,
  type QueryContext,
  type ReceivedQuery,
  udpBytesMax,
} from "../pipeline.ts";
import { FLAG, HEADER_BYTES, OPTION, TYPE } from "../wire/codes.ts";
import { octetAt, wordAt } from "../wire/octets.ts";
import { ClientMemo } from "./client-memo.ts";
import { PlainQuery, VARIANT, VARIANTS } from "./plain-query.ts";
import { type AnswerSpan, isSame, type Template, templateOf } from "./template.ts";

/** Names and types with answers that are kept; beyond it all are forgotten and learnt again. */
const ENTRIES_MAX = 65_536;

/** Answers that are kept, about 600 octets each; beyond it the same. */
const TEMPLATES_MAX = 65_536;

/** Numbers of entries until they begin again: what the key of a memo has room for. */
const ENTRY_NUMBERS_MAX = 2 ** 21;

/** Questions that have been asked once are remembered in so many places. */
const SEEN_ONCE = 4_096;

const OPT_HEAD_BYTES = 11;
const OPTION_HEAD_BYTES = 4;
/** Client and server cookie (RFC 9018 section 4). */
const COOKIE_BYTES = 24;
const SUBNET_SCOPE_AT = 3;

/** Longest answer that is learnt, and room to make it again. */
const LEARNT_BYTES_MAX = 4_096;

/** A name and a type, and what was answered to them. */
interface Entry {
  readonly name: Uint8Array;
  readonly qtype: number;
  /** From 1; 0 stands for nothing in the memo. */
  readonly number: number;
  /** True if who asks decides about the answer. */
  readonly isSteered: boolean;
  /** True if that is the resolver, whatever subnet it tells of. */
  readonly isByResolver: boolean;
  /** Of answers that are the same for everybody, one for each variant. */
  readonly templates: number[];
  /** The same answers of steered names by what they are. */
  readonly byContent: Map<string, number>;
}

/**
 * Answers again what has been answered before (P: its state is what it has learnt). The slow lane
 * decides everything, and what it has answered is cut into a template; a query for which there is
 * one is answered by copying. Nothing outlives the snapshot that it was learnt from.
 */
export class FastLane {
  readonly query = new PlainQuery();
  readonly #seed: number;
  readonly #maxUdpBytes: number;
  readonly #onCounted: (outcome: Outcome, count: number) => void;
  readonly #memos: { readonly v4: ClientMemo; readonly v6: ClientMemo };
  readonly #entries = new Map<number, Entry>();
  readonly #seenOnce = new Int32Array(SEEN_ONCE);
  readonly #scratch = new Uint8Array(LEARNT_BYTES_MAX);
  #templates: (Template | undefined)[] = [undefined];
  #snapshot: Snapshot | undefined;
  #lastNumber = 0;
  #scope = 0;

  /** `seed` is a secret number of 32 bits; `onCounted` hears how often an outcome came about. */
  constructor(
    options: { readonly seed: number; readonly maxUdpBytes: number },
    onCounted: (outcome: Outcome, count: number) => void,
  ) {
    this.#seed = options.seed;
    this.#maxUdpBytes = options.maxUdpBytes;
    this.#onCounted = onCounted;
    this.#memos = {
      v4: new ClientMemo(options.seed, "v4"),
      v6: new ClientMemo(options.seed, "v6"),
    };
  }

  /** Reads a query in place, into `query`. False if it is none of the usual ones. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    return this.query.read(bytes, start, end, this.#seed);
  }

  /**
   * The template for the query that was read, if there is one that is good now and whose answer
   * the client takes; `hasCookie` if there will be a cookie in it.
   */
  find(
    bytes: Uint8Array,
    from: { readonly peer: IpBytes; readonly snapshot: Snapshot },
    hasCookie: boolean,
    nowSeconds: () => number,
  ): Template | undefined {
    const { query } = this;
    if (this.#snapshot !== from.snapshot) return undefined;
    const entry = this.#entries.get(query.hash);
    if (entry === undefined || entry.qtype !== query.qtype) return undefined;
    if (!query.hasName(bytes, entry.name)) return undefined;
    const template = this.#templates[this.#indexFor(entry, bytes, from.peer)];
    if (template === undefined) return undefined;
    const isLasting = template.staleAt === Number.POSITIVE_INFINITY;
    if (!isLasting && template.staleAt <= nowSeconds()) return undefined;
    if (!template.isCaseFree && !query.isLowerCase) return undefined;
    return this.lengthOf(template, hasCookie) <= this.#limit() ? template : undefined;
  }

  #indexFor(entry: Entry, bytes: Uint8Array, peer: IpBytes): number {
    const { variant } = this.query;
    if (!entry.isSteered) return entry.templates[variant] ?? 0;
    const memo = this.#memoOf(entry, bytes, peer);
    const found = memo.find();
    this.#scope = memo.scope;
    return found;
  }

  /**
   * The memo that is turned to the client. RFC 7871 section 7.1.2: of an empty subnet, the
   * resolver's address is what is known. So it is where a site ignores subnets.
   */
  #memoOf(entry: Entry, bytes: Uint8Array, peer: IpBytes): ClientMemo {
    const { variant, subnetAt, subnetBytes, subnetFamily, subnetBits } = this.query;
    const hasAddress = subnetBits > 0 && !entry.isByResolver;
    const isIpv6 = hasAddress ? subnetFamily === 2 : peer.length === 16;
    const memo = isIpv6 ? this.#memos.v6 : this.#memos.v4;
    const how = (subnetFamily > 0 ? 256 : 0) + (isIpv6 ? 128 : 0) + subnetBits;
    const key = (entry.number * VARIANTS + variant) * 512 + how;
    if (hasAddress) memo.lookAt(key, bytes, subnetAt + 4, subnetBytes - 4);
    else memo.lookAt(key, peer, 0, peer.length);
    return memo;
  }

  /** Octets that the answer may have. */
  #limit(): number {
    const { variant, udpBytes } = this.query;
    return udpBytesMax(variant === VARIANT.PLAIN ? undefined : udpBytes, this.#maxUdpBytes);
  }

  /** Octets of the answer to the query that was read. */
  lengthOf({ body }: Template, hasCookie: boolean): number {
    const { query } = this;
    return query.nameEnd + 4 - query.start + body.length + this.#optBytes(hasCookie);
  }

  /** Octets of the OPT record in that answer. */
  #optBytes(hasCookie: boolean): number {
    const { variant, subnetBytes } = this.query;
    if (variant === VARIANT.PLAIN) return 0;
    return (
      OPT_HEAD_BYTES +
      (subnetBytes > 0 ? OPTION_HEAD_BYTES + subnetBytes : 0) +
      (hasCookie ? OPTION_HEAD_BYTES + COOKIE_BYTES : 0)
    );
  }

  /** Writes the answer to the query that was read into `out`, which has room for it. */
  write(
    bytes: Uint8Array,
    template: Template,
    cookie: Uint8Array | undefined,
    out: Uint8Array,
  ): number {
    const { start, flags, nameEnd, variant } = this.query;
    out[0] = octetAt(bytes, start);
    out[1] = octetAt(bytes, start + 1);
    putWord(out, 2, template.flags | (flags & (FLAG.RD | FLAG.CD)));
    putWord(out, 4, 1);
    putWord(out, 6, template.answers);
    putWord(out, 8, template.authorities);
    putWord(out, 10, variant === VARIANT.PLAIN ? 0 : 1);
    const questionEnd = nameEnd + 4 - start;
    for (let i = HEADER_BYTES; i < questionEnd; i += 1) out[i] = octetAt(bytes, start + i);
    const { body } = template;
    if (body.length > 64) out.set(body, questionEnd);
    else for (let i = 0; i < body.length; i += 1) out[questionEnd + i] = octetAt(body, i);
    const length = questionEnd + body.length;
    return variant === VARIANT.PLAIN
      ? length
      : this.#writeOpt(bytes, template, cookie, out, length);
  }

  #writeOpt(
    bytes: Uint8Array,
    template: Template,
    cookie: Uint8Array | undefined,
    out: Uint8Array,
    start: number,
  ): number {
    const { subnetAt, subnetBytes } = this.query;
    out[start] = 0;
    putWord(out, start + 1, TYPE.OPT);
    putWord(out, start + 3, this.#maxUdpBytes);
    putWord(out, start + 5, 0);
    putWord(out, start + 7, template.optFlags);
    let at = start + OPT_HEAD_BYTES;
    if (subnetBytes > 0) {
      putWord(out, at, OPTION.CLIENT_SUBNET);
      putWord(out, at + 2, subnetBytes);
      at += OPTION_HEAD_BYTES;
      for (let i = 0; i < subnetBytes; i += 1) out[at + i] = octetAt(bytes, subnetAt + i);
      out[at + SUBNET_SCOPE_AT] = template.outcome.steered === undefined ? 0 : this.#scope;
      at += subnetBytes;
    }
    if (cookie !== undefined) {
      putWord(out, at, OPTION.COOKIE);
      putWord(out, at + 2, cookie.length);
      at += OPTION_HEAD_BYTES;
      for (let i = 0; i < cookie.length; i += 1) out[at + i] = octetAt(cookie, i);
      at += cookie.length;
    }
    putWord(out, start + 9, at - start - OPT_HEAD_BYTES);
    return at;
  }

  /**
   * Learns from a query that the slow lane has answered: `out` has the answer, before anybody has
   * decided not to send it. What is learnt is tried at once, and forgotten if it does not give the
   * same octets.
   */
  learn(
    received: ReceivedQuery,
    context: QueryContext,
    { outcome, out }: { readonly outcome: Outcome; readonly out: Uint8Array },
    nowSeconds: number,
  ): void {
    const { packet } = received;
    const { query } = this;
    if (context.transport !== "udp" || !this.read(packet, 0, packet.length)) return;
    const cookie = query.cookie.length > 0 ? context.extras?.cookie : undefined;
    const span = this.#spanOf(outcome, out, cookie !== undefined);
    if (span === undefined || !this.#isFamiliar(context.snapshot)) return;
    const template = templateOf(out, outcome, span, nowSeconds);
    if (template === undefined) return;
    const entry = this.#entryFor(packet, outcome.steered);
    if (entry === undefined) return;
    const index = this.#indexOf(entry, template, received, context);
    if (index === 0) return;
    const scopeAt = span.optStart + OPT_HEAD_BYTES + OPTION_HEAD_BYTES + SUBNET_SCOPE_AT;
    this.#scope = query.subnetBytes > 0 ? octetAt(out, scopeAt) : 0;
    const kept = this.#templates[index];
    if (kept === undefined || !this.#isRight(packet, kept, cookie, { outcome, out })) return;
    if (entry.isSteered) {
      this.#memoOf(entry, packet, context.peer).keep(index, this.#scope);
    } else {
      entry.templates[query.variant] = index;
    }
  }

  #spanOf(outcome: Outcome, out: Uint8Array, hasCookie: boolean): AnswerSpan | undefined {
    const { query } = this;
    const questionEnd = query.nameEnd + 4 - query.start;
    const hasOpt = query.variant !== VARIANT.PLAIN;
    const optStart = outcome.length - this.#optBytes(hasCookie);
    if (optStart < questionEnd || outcome.length > LEARNT_BYTES_MAX) return undefined;
    // Other options than those that were expected: an extended error, perhaps.
    if (hasOpt && wordAt(out, optStart + 1) !== TYPE.OPT) return undefined;
    return { questionEnd, optStart, hasOpt };
  }

  /** A question that is asked for the first time is not worth learning: floods are such. */
  #isFamiliar(snapshot: Snapshot): boolean {
    const { hash } = this.query;
    const isFull = this.#entries.size >= ENTRIES_MAX || this.#templates.length >= TEMPLATES_MAX;
    if (this.#snapshot !== snapshot || isFull) this.#forget(snapshot);
    if (this.#entries.has(hash)) return true;
    const place = hash & (SEEN_ONCE - 1);
    if (this.#seenOnce[place] === hash) return true;
    this.#seenOnce[place] = hash;
    return false;
  }

  #entryFor(packet: Uint8Array, steered: Outcome["steered"]): Entry | undefined {
    const { query } = this;
    const isSteered = steered !== undefined;
    const isByResolver = steered?.isByResolver === true;
    const known = this.#entries.get(query.hash);
    const isKnown = known?.qtype === query.qtype && query.hasName(packet, known.name);
    if (known !== undefined && isKnown) {
      const isSame = known.isSteered === isSteered && known.isByResolver === isByResolver;
      return isSame ? known : undefined;
    }
    if (this.#lastNumber + 1 >= ENTRY_NUMBERS_MAX) {
      this.#lastNumber = 0;
      this.#memos.v4.clear();
      this.#memos.v6.clear();
      this.#forget(this.#snapshot);
    }
    this.#lastNumber += 1;
    const entry: Entry = {
      name: query.copyName(packet),
      qtype: query.qtype,
      number: this.#lastNumber,
      isSteered,
      isByResolver,
      templates: [0, 0, 0, 0],
      byContent: new Map(),
    };
    this.#entries.set(query.hash, entry);
    return entry;
  }

  /** The number of a template with the same content, which is made if there is none; 0: neither. */
  #indexOf(
    entry: Entry,
    template: Template,
    received: ReceivedQuery,
    context: QueryContext,
  ): number {
    const { steered } = template.outcome;
    const body = Buffer.from(template.body).toString("latin1");
    const why = steered === undefined ? "" : `${steered.answer.pop} ${steered.answer.reason}`;
    const content = `${this.query.variant} ${template.flags} ${why} ${body}`;
    const known = entry.byContent.get(content) ?? 0;
    const kept = this.#templates[known];
    if (kept !== undefined && kept.isCaseFree === template.isCaseFree) {
      if (kept.staleAt >= template.staleAt) return known;
      this.#count(kept);
      this.#templates[known] = template;
      return known;
    }
    if (!this.#isWhole(template, received, context)) return 0;
    this.#templates.push(template);
    entry.byContent.set(content, this.#templates.length - 1);
    return this.#templates.length - 1;
  }

  /** True if the answer would be the same with all the room there is: nothing was left out. */
  #isWhole(template: Template, received: ReceivedQuery, context: QueryContext): boolean {
    if (!template.isCaseFree && !this.query.isLowerCase) return false;
    const { length } = template.outcome;
    const free = { ...context, transport: "tcp" as const };
    const again = answerDecoded(received, free, this.#scratch);
    const { body } = template;
    const from = received.query.questionEnd;
    const isLong = again.length === length && !again.truncated;
    return isLong && isSame(this.#scratch.subarray(from), body, body.length);
  }

  #isRight(
    packet: Uint8Array,
    template: Template,
    cookie: Uint8Array | undefined,
    { outcome, out }: { readonly outcome: Outcome; readonly out: Uint8Array },
  ): boolean {
    if (this.lengthOf(template, cookie !== undefined) !== outcome.length) return false;
    const length = this.write(packet, template, cookie, this.#scratch);
    return length === outcome.length && isSame(this.#scratch, out, length);
  }

  /** Tells how often each answer was given since the last time. */
  flush(): void {
    for (const template of this.#templates) if (template !== undefined) this.#count(template);
  }

  #count(template: Template): void {
    if (template.count > 0) this.#onCounted(template.outcome, template.count);
    template.count = 0;
  }

  #forget(snapshot: Snapshot | undefined): void {
    this.flush();
    this.#snapshot = snapshot;
    this.#templates = [undefined];
    this.#entries.clear();
  }
}

function putWord(out: Uint8Array, at: number, value: number): void {
  out[at] = value >>> 8;
  out[at + 1] = value;
}
