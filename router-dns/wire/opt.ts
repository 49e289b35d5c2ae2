import { EDNS_DNSSEC_OK, OPTION, TYPE } from "./codes.ts";
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
}

/** Owner, type, class, TTL and data length of an OPT record. */
const OPT_FIXED_BYTES = 11;

/** Code and length of an option. */
const OPTION_HEAD_BYTES = 4;

/** Octets of the OPT record that answers `edns`, without an extended error (P). */
export function optBytes(edns: Edns | undefined): number {
  if (edns === undefined) return 0;
  const subnet = edns.clientSubnet;
  return OPT_FIXED_BYTES + (subnet === undefined ? 0 : OPTION_HEAD_BYTES + subnet.length);
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
  const flags = edns.isDnssecOk ? EDNS_DNSSEC_OK : 0;
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
  return writer.endRecord(SECTION.ADDITIONAL);
}
