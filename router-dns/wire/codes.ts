/** Record types that the product knows by name (IANA "Resource Record (RR) TYPEs"). */
export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
  DNAME: 39,
  OPT: 41,
  DS: 43,
  SSHFP: 44,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  TLSA: 52,
  SMIMEA: 53,
  CDS: 59,
  CDNSKEY: 60,
  OPENPGPKEY: 61,
  SVCB: 64,
  HTTPS: 65,
  NXNAME: 128,
  TKEY: 249,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  MAILB: 253,
  MAILA: 254,
  ANY: 255,
  URI: 256,
  CAA: 257,
  /** No type of the wire, which has 16 bits: a name that has the addresses of another one. */
  ALIAS: 65_536,
} as const;

/** The class of everything that zones have. */
export const CLASS_IN = 1;

/** The class of what a server says about itself (RFC 4892 section 2). */
export const CLASS_CH = 3;

/** The only opcode that is served: a standard query. */
export const OPCODE_QUERY = 0;

/** The opcode of a notice that a zone has changed (RFC 1996 section 3.2). */
export const OPCODE_NOTIFY = 4;

/** Octets of the header (RFC 1035 section 4.1.1). */
export const HEADER_BYTES = 12;

/** Bits of the second 16-bit word of the header (RFC 1035 section 4.1.1; CD: RFC 4035). */
export const FLAG = {
  QR: 0x8000,
  OPCODE: 0x7800,
  AA: 0x0400,
  TC: 0x0200,
  RD: 0x0100,
  CD: 0x0010,
} as const;

/** Bits of the flags word of an OPT record: DO (RFC 3225 section 3). */
export const EDNS_DNSSEC_OK = 0x8000;

/** Bits of the flags word of an OPT record: CO, compact answers OK (RFC 9824 section 5.1). */
export const EDNS_COMPACT_OK = 0x4000;

/**
 * Response codes (RFC 1035 section 4.1.1; YXDOMAIN: RFC 6672; BADVERS: RFC 6891; BADCOOKIE: RFC
 * 7873).
 */
export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  YXDOMAIN: 6,
  BADVERS: 16,
  BADCOOKIE: 23,
} as const;

/** EDNS option numbers. */
export const OPTION = {
  NSID: 3,
  CLIENT_SUBNET: 8,
  COOKIE: 10,
  TCP_KEEPALIVE: 11,
  PADDING: 12,
  EXTENDED_ERROR: 15,
} as const;

/** Extended DNS errors (RFC 8914 section 4) that answers here carry. */
export const EDE = {
  OTHER: 0,
  NOT_READY: 14,
  PROHIBITED: 18,
  NOT_AUTHORITATIVE: 20,
  NOT_SUPPORTED: 21,
  INVALID_QUERY_TYPE: 30,
} as const;

const TYPE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(TYPE).map(([name, code]) => [code, name]),
);

const RCODE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(RCODE).map(([name, code]) => [code, name]),
);

/** A type as text: its name, or `TYPE65280` for one without (P). RFC 3597 section 5. */
export function typeName(type: number): string {
  return TYPE_NAMES.get(type) ?? `TYPE${type}`;
}

/** A response code as text: its name, or `RCODE23` for one without (P). */
export function rcodeName(rcode: number): string {
  return RCODE_NAMES.get(rcode) ?? `RCODE${rcode}`;
}
