import { type IpBytes, unmapIpv4 } from "../../common/ip.ts";
import { EDNS_COMPACT_OK, EDNS_DNSSEC_OK, OPTION, RCODE } from "./codes.ts";
import { octetAt, wordAt } from "./octets.ts";
import type { Reader } from "./reader.ts";

/** What a query says in its OPT record (RFC 6891). */
export interface Edns {
  /** Octets that the client takes over UDP, as sent. */
  readonly udpBytes: number;
  readonly version: number;
  /** The DO bit (RFC 3225). */
  readonly isDnssecOk: boolean;
  /** The CO bit (RFC 9824 section 5.1): NXDOMAIN may stand beside the proof of a missing name. */
  readonly isCompactOk: boolean;
  readonly clientSubnet: ClientSubnet | undefined;
  readonly cookie: Cookie | undefined;
  /** The client would like to know which server answers (RFC 5001 section 2.1). */
  readonly asksNsid: boolean;
  /** The client pads, so what it gets back may be padded (RFC 7830 section 4). */
  readonly asksPadding: boolean;
  /** The client would like to know how long a connection may be idle (RFC 7828 section 3.2). */
  readonly asksKeepalive: boolean;
  /** NOERROR, FORMERR (broken options) or BADVERS. */
  readonly rcode: number;
}

/**
 * A cookie option that is well-formed (RFC 7873 section 4), where it stands in the packet: 8 octets
 * of the client's, and 8 to 32 of a server's or none.
 */
export interface Cookie {
  readonly start: number;
  readonly length: number;
}

/**
 * A client subnet option that is well-formed (RFC 7871 section 6), where it stands in the packet.
 */
export interface ClientSubnet {
  /** 1 is IPv4, 2 is IPv6; 0 comes with prefix length 0 only. */
  readonly family: number;
  readonly sourcePrefixLength: number;
  /** Offset in the packet of the option's data, and its length. */
  readonly start: number;
  readonly length: number;
}

/** A client subnet as addresses: IPv4 inside IPv6 unmapped, zero bits beyond the prefix. */
export interface SubnetPrefix {
  readonly bytes: IpBytes;
  readonly prefixLength: number;
  /** Bits to put before a scope that counts bits of `bytes`: 96 if the address was unmapped. */
  readonly scopeOffset: number;
}

/** The fixed fields of an OPT record, which stand where others have class and TTL. */
export interface OptFields {
  readonly udpBytes: number;
  readonly version: number;
  readonly flags: number;
}

const FAMILY_NONE = 0;
const FAMILY_IPV4 = 1;
const FAMILY_IPV6 = 2;
const MAPPED_BITS = 96;

/** Octets of a client subnet option before the address. */
const SUBNET_FIXED_BYTES = 4;

/** Octets of a client cookie, and of what may follow it (RFC 7873 section 4). */
const CLIENT_COOKIE_BYTES = 8;
const SERVER_COOKIE_BYTES_MIN = 8;
const SERVER_COOKIE_BYTES_MAX = 32;

type MutableEdns = { -readonly [K in keyof Edns]: Edns[K] };

/**
 * Reads the options of an OPT record (P); `reader` covers exactly its data. Unknown options are
 * ignored (RFC 6891 section 6.1.2), and of a version that is not ours, all are.
 */
export function decodeEdns(reader: Reader, fields: OptFields): Edns {
  const edns = emptyEdns(fields);
  if (fields.version !== 0) {
    edns.rcode = RCODE.BADVERS;
    return edns;
  }
  while (reader.remaining > 0) {
    const code = reader.uint16();
    const length = reader.uint16();
    const start = reader.position;
    reader.skip(length);
    if (!reader.failed && readOption(edns, reader.bytes, { code, start, length })) continue;
    const broken = emptyEdns(fields);
    broken.rcode = RCODE.FORMERR;
    return broken;
  }
  return edns;
}

function emptyEdns(fields: OptFields): MutableEdns {
  return {
    udpBytes: fields.udpBytes,
    version: fields.version,
    isDnssecOk: (fields.flags & EDNS_DNSSEC_OK) !== 0,
    isCompactOk: (fields.flags & EDNS_COMPACT_OK) !== 0,
    clientSubnet: undefined,
    cookie: undefined,
    asksNsid: false,
    asksPadding: false,
    asksKeepalive: false,
    rcode: RCODE.NOERROR,
  };
}

interface OptionSpan {
  readonly code: number;
  readonly start: number;
  readonly length: number;
}

/** Takes one option. False if it is malformed. */
function readOption(edns: MutableEdns, packet: Uint8Array, option: OptionSpan): boolean {
  const { code, start, length } = option;
  switch (code) {
    case OPTION.CLIENT_SUBNET: {
      // Two subnets would leave open whom the answer is for.
      if (edns.clientSubnet !== undefined) return false;
      const subnet = readClientSubnet(packet, start, length);
      if (subnet === "malformed") return false;
      if (subnet !== "unknown-family") edns.clientSubnet = subnet;
      return true;
    }
    case OPTION.COOKIE:
      if (!isCookieLength(length)) return false;
      // RFC 7873 section 5.2: of several, the first counts.
      edns.cookie ??= { start, length };
      return true;
    case OPTION.NSID:
      edns.asksNsid = true;
      return true;
    case OPTION.PADDING:
      edns.asksPadding = true;
      return true;
    case OPTION.TCP_KEEPALIVE:
      edns.asksKeepalive = true;
      return true;
    default:
      return true;
  }
}

/** RFC 7873 section 5.2.2: any other length is FORMERR. */
function isCookieLength(length: number): boolean {
  const server = length - CLIENT_COOKIE_BYTES;
  return server === 0 || (server >= SERVER_COOKIE_BYTES_MIN && server <= SERVER_COOKIE_BYTES_MAX);
}

/** RFC 7871 section 6: what must hold for an option in a query. */
function readClientSubnet(
  packet: Uint8Array,
  start: number,
  length: number,
): ClientSubnet | "malformed" | "unknown-family" {
  if (length < SUBNET_FIXED_BYTES) return "malformed";
  const family = wordAt(packet, start);
  const sourcePrefixLength = octetAt(packet, start + 2);
  if (family > FAMILY_IPV6) return "unknown-family";
  // "SCOPE PREFIX-LENGTH ... In queries, it MUST be set to 0."
  if (packet[start + 3] !== 0) return "malformed";
  if (sourcePrefixLength > addressBits(family)) return "malformed";
  // "too few or too many ADDRESS octets, or ... non-zero ADDRESS bits set beyond SOURCE
  // PREFIX-LENGTH, SHOULD return FORMERR"
  if (length - SUBNET_FIXED_BYTES !== (sourcePrefixLength + 7) >> 3) return "malformed";
  const spareBits = -sourcePrefixLength & 7;
  const last = octetAt(packet, start + length - 1);
  if (spareBits > 0 && (last & ((1 << spareBits) - 1)) !== 0) return "malformed";
  return { family, sourcePrefixLength, start, length };
}

/** The addresses that a client subnet of family 1 or 2 names (P). */
export function subnetPrefix(packet: Uint8Array, subnet: ClientSubnet): SubnetPrefix {
  const { start, length, sourcePrefixLength } = subnet;
  const bytes = new Uint8Array(subnet.family === FAMILY_IPV4 ? 4 : 16);
  for (let i = SUBNET_FIXED_BYTES; i < length; i += 1) {
    bytes[i - SUBNET_FIXED_BYTES] = octetAt(packet, start + i);
  }
  const unmapped = sourcePrefixLength < MAPPED_BITS ? bytes : unmapIpv4(bytes);
  const scopeOffset = (bytes.length - unmapped.length) * 8;
  return { bytes: unmapped, prefixLength: sourcePrefixLength - scopeOffset, scopeOffset };
}

function addressBits(family: number): number {
  if (family === FAMILY_NONE) return 0;
  return family === FAMILY_IPV4 ? 32 : 128;
}
