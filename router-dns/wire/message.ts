import { FLAG, HEADER_BYTES, OPCODE_QUERY, RCODE, TYPE } from "./codes.ts";
import { decodeEdns, type Edns } from "./edns.ts";
import { LABEL_BYTES_MAX, lowerCase, NAME_BYTES_MAX, type NameKey } from "./name.ts";
import { octetAt, wordAt } from "./octets.ts";
import { Reader } from "./reader.ts";

/** A query as far as it could be read. */
export interface Query {
  readonly id: number;
  /** The second word of the header, as sent. */
  readonly flags: number;
  /** NOERROR, or the code to answer with because the message is broken or not for us to read. */
  readonly rcode: number;
  /** True if there is no question, and need not be: the client wants a cookie. */
  readonly asksNothing: boolean;
  /** Where the question ends; HEADER_BYTES if it could not be read, and the rest of it is empty. */
  readonly questionEnd: number;
  readonly qname: NameKey;
  readonly qtype: number;
  readonly qclass: number;
  readonly edns: Edns | undefined;
}

interface Question {
  readonly end: number;
  readonly qname: NameKey;
  readonly qtype: number;
  readonly qclass: number;
}

const NO_QUESTION: Question = { end: HEADER_BYTES, qname: "", qtype: 0, qclass: 0 };

const LOWER_CASE = Uint8Array.from({ length: 256 }, (_, octet) => lowerCase(octet));

/** Where names are folded to lower case; one is enough, decoding does not call out. */
const FOLDED = Buffer.alloc(NAME_BYTES_MAX);

/**
 * Reads a packet as a query (P). Undefined means that nothing may be answered: too short for a
 * header, or itself a response, which could start two servers answering each other for ever.
 */
export function decodeQuery(packet: Uint8Array): Query | undefined {
  if (packet.length < HEADER_BYTES) return undefined;
  const id = wordAt(packet, 0);
  const flags = wordAt(packet, 2);
  if ((flags & FLAG.QR) !== 0) return undefined;
  const questions = wordAt(packet, 4);
  const question = questions === 1 ? readQuestion(packet) : NO_QUESTION;
  const hasQuestion = question.end > HEADER_BYTES;
  const edns = hasQuestion || questions === 0 ? readEdns(packet, question.end) : "malformed";
  const known = edns === "malformed" ? undefined : edns;
  // RFC 7873 section 5.4: who only wants a cookie asks nothing.
  const isReadable = edns !== "malformed" && (hasQuestion || edns?.cookie !== undefined);
  return {
    id,
    flags,
    rcode: judge(flags, isReadable, known),
    asksNothing: isReadable && !hasQuestion,
    questionEnd: question.end,
    qname: question.qname,
    qtype: question.qtype,
    qclass: question.qclass,
    edns: known,
  };
}

/** The sections of another opcode mean other things, so its message cannot be called broken. */
function judge(flags: number, isReadable: boolean, edns: Edns | undefined): number {
  if ((flags & FLAG.OPCODE) >> 11 !== OPCODE_QUERY) return RCODE.NOTIMP;
  if (!isReadable) return RCODE.FORMERR;
  return edns === undefined ? RCODE.NOERROR : edns.rcode;
}

/** Nothing stands before the question that a compression pointer in it could point at. */
function readQuestion(packet: Uint8Array): Question {
  let at = HEADER_BYTES;
  for (let length = packet[at]; length !== 0; length = packet[at]) {
    if (length === undefined || length > LABEL_BYTES_MAX) return NO_QUESTION;
    at += 1 + length;
    if (at - HEADER_BYTES >= NAME_BYTES_MAX) return NO_QUESTION;
  }
  const nameBytes = at + 1 - HEADER_BYTES;
  const end = at + 5;
  if (end > packet.length) return NO_QUESTION;
  // Length octets are below 64, so folding them with the letters leaves them as they are.
  for (let i = 0; i < nameBytes; i += 1) {
    FOLDED[i] = octetAt(LOWER_CASE, octetAt(packet, HEADER_BYTES + i));
  }
  const qname = FOLDED.toString("latin1", 0, nameBytes);
  return { end, qname, qtype: wordAt(packet, at + 1), qclass: wordAt(packet, at + 3) };
}

/** Steps over all records behind the question and reads the OPT record if there is one. */
function readEdns(packet: Uint8Array, start: number): Edns | undefined | "malformed" {
  const before = wordAt(packet, 6) + wordAt(packet, 8);
  const total = before + wordAt(packet, 10);
  if (total === 0) return start === packet.length ? undefined : "malformed";
  const reader = new Reader(packet, start);
  let edns: Edns | undefined;
  for (let i = 0; i < total; i += 1) {
    const isRoot = packet[reader.position] === 0;
    reader.skipName();
    const type = reader.uint16();
    const udpBytes = reader.uint16();
    const extended = reader.uint16();
    const flags = reader.uint16();
    const length = reader.uint16();
    const begin = reader.position;
    reader.skip(length);
    if (reader.failed) return "malformed";
    if (type !== TYPE.OPT) continue;
    // RFC 6891 section 6.1.1: at most one, in the additional section, owned by the root.
    if (edns !== undefined || i < before || !isRoot) return "malformed";
    const fields = { udpBytes, version: extended & 0xff, flags };
    edns = decodeEdns(new Reader(packet, begin, begin + length), fields);
  }
  return reader.remaining === 0 ? edns : "malformed";
}
