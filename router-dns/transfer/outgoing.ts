import { background } from "../../common/background.ts";
import type { Clock } from "../../common/clock.ts";
import { type IpBytes, type IpPrefix, prefixContains } from "../../common/ip.ts";
import type { Logger } from "../../common/log.ts";
import { runInTurns } from "../../common/steps.ts";
import { FLAG, HEADER_BYTES, RCODE, TYPE } from "../wire/codes.ts";
import { formatName, type NameKey, nameKey } from "../wire/name.ts";
import { wordAt } from "../wire/octets.ts";
import type { Zone, ZoneTable } from "../zone/zone.ts";
import { aliasEnds, type Fallback, type TransferZone } from "./content.ts";
import { extendJournal, isEmptyStep, type Journal, stepBetween, stepsSince } from "./journal.ts";
import { readPeerAnswer } from "./message.ts";
import { isNewerSerial, serialOf } from "./serial.ts";
import { changesOnly, transferMessages, wholeZone } from "./stream.ts";
import { signMessage, type TsigKey, tsigBytes } from "./tsig.ts";

/** Who may have a zone. Nobody, where both lists are empty. */
export interface TransferPolicy {
  /** Where they ask from; empty: anywhere, for those who have a key. */
  readonly from: readonly IpPrefix[];
  /** The keys that they sign with; empty: nobody has to sign. */
  readonly keys: ReadonlySet<NameKey>;
}

/** A question for a transfer, its signature already checked. */
export interface TransferQuestion {
  readonly packet: Uint8Array;
  /** Where the question ends. */
  readonly questionEnd: number;
  readonly zone: NameKey;
  readonly qtype: number;
  readonly peer: IpBytes;
  readonly isStream: boolean;
  /** Seconds since 1970. */
  readonly now: number;
  readonly signature: { readonly key: TsigKey; readonly mac: Uint8Array } | undefined;
}

/** How it was answered: the label values of `dns_transfers_out_total{result}`. */
export type TransferResult = "whole" | "changes" | "current" | "refused";

/** An answer in as many messages as it takes; they are made when they are asked for. */
export interface TransferAnswer {
  readonly result: TransferResult;
  readonly messages: Iterable<Uint8Array>;
}

interface Kept {
  readonly source: TransferZone;
  readonly journal: Journal;
}

/** True if a policy lets somebody have the zone (P). */
export function maySend(policy: TransferPolicy, peer: IpBytes, key: NameKey | undefined): boolean {
  const { from, keys } = policy;
  if (from.length === 0 && keys.size === 0) return false;
  const isFrom = from.length === 0 || from.some((prefix) => prefixContains(prefix, peer));
  return isFrom && (keys.size === 0 || (key !== undefined && keys.has(key)));
}

/** What outgoing zones need, and whom they tell. */
export interface OutgoingOptions {
  readonly fallback: Fallback;
  readonly steeredTtlSeconds: number;
  /** All records of a zone with their signatures; undefined: it is not signed. */
  readonly signedOf: (zone: Zone) => Uint8Array | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** There is a newer version of a zone than before. */
  readonly onNewer: (source: TransferZone) => void;
}

/**
 * The zones that may be transferred, and what changed in them lately. What differs between two
 * versions is found in turns; until that is done the older one is sent.
 */
export class OutgoingZones {
  #policies: ReadonlyMap<NameKey, TransferPolicy> = new Map();
  readonly #options: OutgoingOptions;
  readonly #kept = new Map<NameKey, Kept>();
  /** Versions that have not been compared with those before them. */
  readonly #waiting = new Map<NameKey, TransferZone>();
  #isComparing = false;

  constructor(options: OutgoingOptions) {
    this.#options = options;
  }

  /** Takes the zones that are served from now on, and who may have which. */
  take(table: ZoneTable, policies: ReadonlyMap<NameKey, TransferPolicy>): void {
    this.#policies = policies;
    const { fallback, steeredTtlSeconds, signedOf, onNewer, log } = this.#options;
    for (const key of this.#kept.keys()) {
      if (policies.has(key) && table.byApex.has(key)) continue;
      this.#kept.delete(key);
      this.#waiting.delete(key);
    }
    for (const key of policies.keys()) {
      const zone = table.byApex.get(key);
      const kept = this.#kept.get(key);
      if (zone === undefined) continue;
      if (zone === kept?.source.zone) {
        this.#waiting.delete(key);
        continue;
      }
      const signed = signedOf(zone);
      const made = { fallback, steeredTtlSeconds, aliases: aliasEnds(table, zone) };
      const source = { zone, ...made, ...(signed ? { signed } : {}) };
      if (kept === undefined) {
        this.#kept.set(key, { source, journal: [] });
        onNewer(source);
      } else {
        this.#waiting.set(key, source);
      }
    }
    if (!this.#isComparing) background(log, "compare zones", this.#compareAll());
  }

  async #compareAll(): Promise<void> {
    this.#isComparing = true;
    try {
      for (const [key, source] of this.#waiting) {
        this.#waiting.delete(key);
        const kept = this.#kept.get(key);
        if (kept !== undefined) await this.#compare(key, kept, source);
      }
    } finally {
      this.#isComparing = false;
    }
  }

  async #compare(key: NameKey, before: Kept, source: TransferZone): Promise<void> {
    const { clock, log, onNewer } = this.#options;
    const isSigned = source.signed !== undefined || before.source.signed !== undefined;
    const step = await runInTurns(stepBetween(before.source, source), clock);
    // With most signatures made anew, what has changed would be larger than the zone.
    const journal = isSigned
      ? []
      : await runInTurns(extendJournal(before.journal, step, source), clock);
    // The zone may have gone meanwhile.
    if (this.#kept.get(key) !== before) return;
    this.#kept.set(key, { source, journal });
    const { zone } = source;
    if (isNewerSerial(serialOf(zone), serialOf(before.source.zone))) {
      onNewer(source);
    } else if (!isEmptyStep(step)) {
      const name = formatName(zone.origin);
      const reason = `${name} has changed and its serial has not grown: no secondary will notice`;
      log.warn({ event: "serial-not-raised", zone: name }, reason);
    }
  }

  /** Answers AXFR (RFC 5936) and IXFR (RFC 1995). */
  answer(question: TransferQuestion): TransferAnswer {
    const kept = this.#kept.get(question.zone);
    const policy = this.#policies.get(question.zone);
    const { signature } = question;
    const key = signature === undefined ? undefined : nameKey(signature.key.name);
    if (kept === undefined || policy === undefined || !maySend(policy, question.peer, key)) {
      return this.#refuse(question);
    }
    const { source, journal } = kept;
    const serial = question.qtype === TYPE.IXFR ? clientSerial(question.packet) : undefined;
    const steps = serial === undefined ? undefined : stepsSince(journal, source.zone, serial);
    const isCurrent = serial !== undefined && !isNewerSerial(serialOf(source.zone), serial);
    // RFC 1995 section 2: over UDP the present SOA alone makes the client come over TCP.
    if (isCurrent || !question.isStream)
      return this.#send(question, "current", changesOnly(source, []));
    if (steps === undefined) return this.#send(question, "whole", wholeZone(source));
    return this.#send(question, "changes", changesOnly(source, steps));
  }

  #send(
    question: TransferQuestion,
    result: TransferResult,
    records: Parameters<typeof transferMessages>[1],
  ): TransferAnswer {
    const { signature } = question;
    const reserved = signature === undefined ? 0 : tsigBytes(signature.key);
    const messages = transferMessages(question, records, reserved);
    return { result, messages: signature ? signed(messages, signature, question.now) : messages };
  }

  #refuse({ packet, questionEnd, signature, now }: TransferQuestion): TransferAnswer {
    const message = Uint8Array.from(packet.subarray(0, questionEnd));
    const flags = FLAG.QR | (wordAt(packet, 2) & FLAG.RD) | RCODE.REFUSED;
    message.set([flags >> 8, flags & 0xff, 0, 1, 0, 0, 0, 0, 0, 0], 2);
    const messages = [message];
    return {
      result: "refused",
      messages: signature ? signed(messages, signature, now) : messages,
    };
  }
}

/** RFC 8945 section 5.3.1: the first is signed over the question, others over the one before. */
function* signed(
  messages: Iterable<Uint8Array>,
  { key, mac }: NonNullable<TransferQuestion["signature"]>,
  now: number,
): Generator<Uint8Array, void> {
  let priorMac = mac;
  let isFirst = true;
  for (const message of messages) {
    const done = signMessage(message, { key, now, priorMac, ...(isFirst ? {} : { stream: [] }) });
    priorMac = done.mac;
    isFirst = false;
    yield done.message;
  }
}

/** The serial of the version that an IXFR question says the client has (P). RFC 1995 section 3. */
function clientSerial(packet: Uint8Array): number | undefined {
  if (packet.length < HEADER_BYTES) return undefined;
  const soa = readPeerAnswer(packet)?.authority.find(({ type }) => type === TYPE.SOA);
  return soa === undefined ? undefined : serialOf(soa);
}
