import type { IpBytes } from "../../common/ip.ts";
import { FLAG, HEADER_BYTES, OPCODE_NOTIFY, RCODE, TYPE } from "../wire/codes.ts";
import { decodeQuery } from "../wire/message.ts";
import type { NameKey } from "../wire/name.ts";
import { octetAt, wordAt } from "../wire/octets.ts";
import type { OutgoingZones, TransferResult } from "./outgoing.ts";
import {
  checkTsig,
  signMessage,
  TSIG_ERROR,
  type TsigKeys,
  type TsigVerdict,
  tsigBytes,
  withTsigError,
} from "./tsig.ts";

/** RFC 8945 section 5.2: the code of an answer to a signature that is not good. */
const NOTAUTH = 9;

/** A packet, and who sent it how. */
export interface Arrived {
  readonly packet: Uint8Array;
  readonly peer: IpBytes;
  /** More than one message can be the answer. */
  readonly isStream: boolean;
  /** Seconds since 1970. */
  readonly now: number;
  /**
   * Answers it as a plain question, and leaves `reservedBytes` for a signature; undefined says
   * nothing.
   */
  readonly answer: (reservedBytes: number) => Uint8Array | undefined;
}

/** Who is told of a notice. */
export interface NoticeReceiver {
  /** True if `peer` may say that the zone has changed; it has been told then. */
  notified(zone: NameKey, peer: IpBytes): boolean;
}

/** What is answered to what is more than a question for records. */
export interface ServiceOptions {
  readonly keys: TsigKeys;
  readonly outgoing: OutgoingZones;
  readonly notices: NoticeReceiver;
  readonly onTransfer: (result: TransferResult) => void;
}

/**
 * True if a packet may be for the service (P): a transfer, a notice, or signed. Every packet is
 * asked about, so it looks at few octets; a plain question that it picks is answered all the same.
 */
export function isForTransfers(packet: Uint8Array): boolean {
  if (packet.length < HEADER_BYTES) return false;
  if (opcodeOf(packet) === OPCODE_NOTIFY) return true;
  let at = HEADER_BYTES;
  while (at < packet.length && octetAt(packet, at) !== 0) at += 1 + octetAt(packet, at);
  if (at + 3 > packet.length) return false;
  const qtype = wordAt(packet, at + 1);
  if (qtype === TYPE.AXFR || qtype === TYPE.IXFR) return true;
  // An OPT record is owned by the root, and most questions have nothing else behind them.
  const additional = wordAt(packet, 10);
  return additional > 1 || (additional === 1 && packet[at + 5] !== 0);
}

/**
 * Answers transfers, notices and signed questions (RFC 5936, 1995, 1996, 8945). Gives the messages
 * of the answer, which are made when they are asked for; none means: say nothing.
 */
export class TransferService {
  readonly #options: ServiceOptions;

  constructor(options: ServiceOptions) {
    this.#options = options;
  }

  answer(arrived: Arrived): Iterable<Uint8Array> {
    const { packet, now } = arrived;
    if (packet.length < HEADER_BYTES || (wordAt(packet, 2) & FLAG.QR) !== 0) return [];
    const verdict = checkTsig(packet, { keys: this.#options.keys, now });
    switch (verdict.kind) {
      case "malformed":
        return [codeOnly(packet, RCODE.FORMERR)];
      case "refused":
        return [this.#refused(packet, verdict, now)];
      case "signed":
      case "unsigned":
        return this.#trusted(arrived, verdict);
    }
  }

  #trusted(
    arrived: Arrived,
    verdict: Extract<TsigVerdict, { kind: "signed" | "unsigned" }>,
  ): Iterable<Uint8Array> {
    const { outgoing, onTransfer } = this.#options;
    const { packet, peer, isStream, now } = arrived;
    const signature = verdict.kind === "signed" ? verdict : undefined;
    const isNotice = opcodeOf(packet) === OPCODE_NOTIFY;
    const query = isNotice ? undefined : decodeQuery(packet);
    // RFC 5936 section 4.2: AXFR over UDP is not defined; it is refused like what is no transfer.
    if (query?.rcode === RCODE.NOERROR && isTransfer(query.qtype, isStream)) {
      const { questionEnd, qname: zone, qtype } = query;
      const question = { packet, questionEnd, zone, qtype, peer, isStream, now, signature };
      const { result, messages } = outgoing.answer(question);
      onTransfer(result);
      return messages;
    }
    const reservedBytes = signature === undefined ? 0 : tsigBytes(signature.key);
    const answer = isNotice ? this.#notice(arrived) : arrived.answer(reservedBytes);
    if (answer === undefined) return [];
    if (signature === undefined) return [answer];
    const { key, mac: priorMac } = signature;
    return [signMessage(answer, { key, now, priorMac }).message];
  }

  /** RFC 1996 section 4.7: the answer repeats the question; who is no primary gets REFUSED. */
  #notice({ packet, peer }: Arrived): Uint8Array {
    const notice = decodeQuery(packet);
    if (notice === undefined || notice.questionEnd === HEADER_BYTES) {
      return codeOnly(packet, RCODE.FORMERR);
    }
    const isKnown = notice.qtype === TYPE.SOA && this.#options.notices.notified(notice.qname, peer);
    return codeOnly(packet, isKnown ? RCODE.NOERROR : RCODE.REFUSED, isKnown ? FLAG.AA : 0);
  }

  /** RFC 8945 section 5.3.2: only that the clocks differ is told with a signature. */
  #refused(
    packet: Uint8Array,
    { error, tsig, key }: Extract<TsigVerdict, { kind: "refused" }>,
    now: number,
  ): Uint8Array {
    const message = codeOnly(packet, NOTAUTH);
    if (key === undefined || error !== TSIG_ERROR.BADTIME) {
      return withTsigError(message, tsig, error);
    }
    return signMessage(message, { key, now, priorMac: tsig.mac, error }).message;
  }
}

function isTransfer(qtype: number, isStream: boolean): boolean {
  return qtype === TYPE.IXFR || (qtype === TYPE.AXFR && isStream);
}

/** An answer that has the question and a code. */
function codeOnly(packet: Uint8Array, rcode: number, more = 0): Uint8Array {
  const questionEnd = decodeQuery(packet)?.questionEnd ?? HEADER_BYTES;
  const message = Uint8Array.from(packet.subarray(0, questionEnd));
  const flags = FLAG.QR | (wordAt(packet, 2) & (FLAG.OPCODE | FLAG.RD)) | more | rcode;
  const count = questionEnd > HEADER_BYTES ? 1 : 0;
  message.set([flags >> 8, flags & 0xff, 0, count, 0, 0, 0, 0, 0, 0], 2);
  return message;
}

function opcodeOf(packet: Uint8Array): number {
  return (wordAt(packet, 2) & FLAG.OPCODE) >> 11;
}
