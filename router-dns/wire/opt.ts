import { EDNS_COMPACT_OK, EDNS_DNSSEC_OK, OPTION, TYPE } from "./codes.ts";
import type { Edns } from "./edns.ts";
import { ROOT } from "./name.ts";
import { octetAt } from "./octets.ts";
import { type MessageWriter, SECTION } from "./writer.ts";

/** What the OPT record of an answer says. */
export interface OptAnswer {
  /** Octets that we take over UDP. */
  readonly udpBytes: number;
  /** The whole response code; its upper eight bits go here (RFC 6891 section 6.1.3). */
  readonly rcode: number;
  /** Bits of the client subnet that the answer depends on (RFC 7871 section 7.2.1). */
  readonly scopePrefixLength: number;
  /** An extended DNS error without text (RFC 8914 section 2). */
  readonly extendedError: number | undefined;
  /** The CO bit: what does not exist is denied as RFC 9824 says. */
  readonly isCompact: boolean;
  readonly extras: OptExtras | undefined;
}

/**
 * Options that depend on more than the query: on who we are, who asks, and how. Each goes only to
 * clients that have asked for it.
 */
export interface OptExtras {
  /** Client and server cookie of 24 octets (RFC 9018), for who has sent a cookie. */
  readonly cookie: Uint8Array | undefined;
  /** Who answers (RFC 5001). */
  readonly nsid: Uint8Array | undefined;
  /** How long a connection may be idle, in units of 100 ms (RFC 7828 section 3.1). */
  readonly keepalive: number | undefined;
  /** The message becomes a multiple of this many octets (RFC 8467); 0: it is not padded. */
  readonly paddingBlock: number;
}

/** Owner, type, class, TTL and data length of an OPT record. */
const OPT_FIXED_BYTES = 11;

/** Code and length of an option. */
const OPTION_HEAD_BYTES = 4;

/** Octets of the data of a keepalive option in an answer. */
const KEEPALIVE_BYTES = 2;

/** Octets of the OPT record that answers `edns`, without an extended error and padding (P). */
export function optBytes(edns: Edns | undefined, extras: OptExtras | undefined): number {
  if (edns === undefined) return 0;
  const subnet = edns.clientSubnet;
  return (
    OPT_FIXED_BYTES +
    (subnet === undefined ? 0 : OPTION_HEAD_BYTES + subnet.length) +
    (extras === undefined ? 0 : extraBytes(edns, extras))
  );
}

function extraBytes(edns: Edns, { cookie, nsid, keepalive }: OptExtras): number {
  let bytes = 0;
  if (edns.cookie !== undefined && cookie !== undefined) bytes += OPTION_HEAD_BYTES + cookie.length;
  if (edns.asksNsid && nsid !== undefined) bytes += OPTION_HEAD_BYTES + nsid.length;
  if (edns.asksKeepalive && keepalive !== undefined) bytes += OPTION_HEAD_BYTES + KEEPALIVE_BYTES;
  return bytes;
}

/**
 * Writes the OPT record that answers `edns` (P, but for the writer). The client subnet is echoed as
 * `packet` has it, with the scope filled in. False if the record does not fit.
 */
export function putOpt(
  writer: MessageWriter,
  packet: Uint8Array,
  edns: Edns,
  answer: OptAnswer,
): boolean {
  const flags = (edns.isDnssecOk ? EDNS_DNSSEC_OK : 0) | (answer.isCompact ? EDNS_COMPACT_OK : 0);
  const ttl = ((answer.rcode >> 4) << 24) | flags;
  writer.beginRecord({ owner: ROOT, type: TYPE.OPT, ttl, rrclass: answer.udpBytes });
  const subnet = edns.clientSubnet;
  if (subnet !== undefined) {
    writer.uint16(OPTION.CLIENT_SUBNET);
    writer.uint16(subnet.length);
    writer.uint16(subnet.family);
    writer.uint8(subnet.sourcePrefixLength);
    writer.uint8(answer.scopePrefixLength);
    // Octet by octet: views made for each query are what the garbage collector would notice.
    const end = subnet.start + subnet.length;
    for (let at = subnet.start + 4; at < end; at += 1) writer.uint8(octetAt(packet, at));
  }
  if (answer.extendedError !== undefined) {
    writer.uint16(OPTION.EXTENDED_ERROR);
    writer.uint16(2);
    writer.uint16(answer.extendedError);
  }
  if (answer.extras !== undefined) putExtras(writer, edns, answer.extras);
  return writer.endRecord(SECTION.ADDITIONAL);
}

function putExtras(writer: MessageWriter, edns: Edns, extras: OptExtras): void {
  const { cookie, nsid, keepalive, paddingBlock } = extras;
  if (edns.cookie !== undefined && cookie !== undefined) putOption(writer, OPTION.COOKIE, cookie);
  if (edns.asksNsid && nsid !== undefined) putOption(writer, OPTION.NSID, nsid);
  if (edns.asksKeepalive && keepalive !== undefined) {
    writer.uint16(OPTION.TCP_KEEPALIVE);
    writer.uint16(KEEPALIVE_BYTES);
    writer.uint16(keepalive);
  }
  if (edns.asksPadding && paddingBlock > 0) putPadding(writer, paddingBlock);
}

function putOption(writer: MessageWriter, code: number, data: Uint8Array): void {
  writer.uint16(code);
  writer.uint16(data.length);
  writer.bytes(data);
}

/**
 * Fills up to the next multiple of the block, or as far as the message may go. It has to come last:
 * RFC 7830 section 3 wants zeros, and the length is what an eavesdropper sees.
 */
function putPadding(writer: MessageWriter, block: number): void {
  const length = writer.length + OPTION_HEAD_BYTES;
  if (length > writer.limit) return;
  const wanted = Math.ceil(length / block) * block - length;
  const count = Math.min(wanted, writer.limit - length);
  writer.uint16(OPTION.PADDING);
  writer.uint16(count);
  for (let i = 0; i < count; i += 1) writer.uint8(0);
}
