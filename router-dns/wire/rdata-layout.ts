import { TYPE } from "./codes.ts";
import { LABEL_BYTES_MAX, NAME_BYTES_MAX } from "./name.ts";
import { octetAt, wordAt } from "./octets.ts";
import { fixedRdata, type Rdata } from "./rdata.ts";

/**
 * What a field of record data is, which says how long it is and how it is written as text. Names of
 * kind `name` may be compressed in messages (RFC 3597 section 4), those of kind `target` never.
 */
export type FieldKind =
  | "u8"
  | "u16"
  | "u32"
  | "ip4"
  | "ip6"
  | "name"
  | "target"
  /** One character string, and one or more to the end. */
  | "string"
  | "strings"
  /** A CAA tag: letters and digits behind their number. */
  | "tag"
  /** To the end, and how it is written; all but the first have at least one octet. */
  | "text"
  | "uri"
  | "hex"
  | "base64"
  /** A record type, and a moment in seconds since 1970. */
  | "type"
  | "time"
  /** NSEC type bit maps; SVCB parameters. */
  | "types"
  | "params";

/** A field and its octets. */
export interface RdataField {
  readonly kind: FieldKind;
  readonly octets: Uint8Array;
}

const DS: readonly FieldKind[] = ["u16", "u8", "u8", "hex"];
const DNSKEY: readonly FieldKind[] = ["u16", "u8", "u8", "base64"];
const TLSA: readonly FieldKind[] = ["u8", "u8", "u8", "hex"];
const SVCB: readonly FieldKind[] = ["u16", "target", "params"];

/** The fields of the types that have a name, in their order. */
const LAYOUTS: ReadonlyMap<number, readonly FieldKind[]> = new Map([
  [TYPE.A, ["ip4"]],
  [TYPE.AAAA, ["ip6"]],
  [TYPE.NS, ["name"]],
  [TYPE.CNAME, ["name"]],
  [TYPE.PTR, ["name"]],
  [TYPE.DNAME, ["target"]],
  [TYPE.SOA, ["name", "name", "u32", "u32", "u32", "u32", "u32"]],
  [TYPE.MX, ["u16", "name"]],
  [TYPE.TXT, ["strings"]],
  [TYPE.HINFO, ["string", "string"]],
  [TYPE.SRV, ["u16", "u16", "u16", "target"]],
  [TYPE.NAPTR, ["u16", "u16", "string", "string", "string", "target"]],
  [TYPE.CAA, ["u8", "tag", "text"]],
  [TYPE.URI, ["u16", "u16", "uri"]],
  [TYPE.DS, DS],
  [TYPE.CDS, DS],
  [TYPE.DNSKEY, DNSKEY],
  [TYPE.CDNSKEY, DNSKEY],
  [TYPE.SSHFP, ["u8", "u8", "hex"]],
  [TYPE.TLSA, TLSA],
  [TYPE.SMIMEA, TLSA],
  [TYPE.OPENPGPKEY, ["base64"]],
  [TYPE.SVCB, SVCB],
  [TYPE.HTTPS, SVCB],
  [TYPE.NSEC, ["target", "types"]],
  [TYPE.RRSIG, ["type", "u8", "u8", "u32", "time", "time", "u16", "target", "base64"]],
]);

/**
 * Cuts the data of a record into its fields (P), names in full. Undefined if it is not well-formed,
 * or if the type has no name here.
 */
export function rdataFields(type: number, data: Uint8Array): readonly RdataField[] | undefined {
  const layout = LAYOUTS.get(type);
  if (layout === undefined) return undefined;
  const fields: RdataField[] = [];
  let at = 0;
  for (const kind of layout) {
    const end = fieldEnd(kind, data, at);
    if (end === undefined || end > data.length) return undefined;
    fields.push({ kind, octets: data.subarray(at, end) });
    at = end;
  }
  return at === data.length ? fields : undefined;
}

/**
 * Record data from its octets (P), so that its names are compressed like those of others. Undefined
 * if the type has a name and they are not well-formed; other types can have any.
 */
export function rdataOfOctets(type: number, data: Uint8Array): Rdata | undefined {
  const fields = rdataFields(type, data);
  if (fields === undefined) return LAYOUTS.has(type) ? undefined : fixedRdata(data);
  const names = fields.filter(({ kind }) => kind === "name").map(({ octets }) => octets);
  if (names.length === 0) return fixedRdata(data);
  const first = fields.findIndex(({ kind }) => kind === "name");
  const prefixBytes = bytesOf(fields.slice(0, first));
  const suffixBytes = bytesOf(fields.slice(first + names.length));
  return {
    prefix: data.subarray(0, prefixBytes),
    names,
    suffix: data.subarray(data.length - suffixBytes),
  };
}

function bytesOf(fields: readonly RdataField[]): number {
  return fields.reduce((sum, { octets }) => sum + octets.length, 0);
}

/** Where a field ends that starts at `at`; undefined, or beyond the end, if it is broken. */
function fieldEnd(kind: FieldKind, data: Uint8Array, at: number): number | undefined {
  switch (kind) {
    case "u8":
      return at + 1;
    case "u16":
    case "type":
      return at + 2;
    case "u32":
    case "time":
    case "ip4":
      return at + 4;
    case "ip6":
      return at + 16;
    case "name":
    case "target":
      return nameEnd(data, at);
    case "string":
      return stringEnd(data, at);
    case "tag": {
      const end = stringEnd(data, at);
      const tag = Buffer.from(data.subarray(at + 1, end)).toString("latin1");
      return /^[A-Za-z0-9]+$/.test(tag) ? end : undefined;
    }
    case "strings":
      return stringsEnd(data, at);
    case "text":
      return data.length;
    case "types":
      return typesEnd(data, at);
    case "params":
      return paramsEnd(data, at);
    default:
      return at < data.length ? data.length : undefined;
  }
}

function stringEnd(data: Uint8Array, at: number): number | undefined {
  return at < data.length ? at + 1 + octetAt(data, at) : undefined;
}

function stringsEnd(data: Uint8Array, start: number): number | undefined {
  let at = start;
  do {
    const end = stringEnd(data, at);
    if (end === undefined || end > data.length) return undefined;
    at = end;
  } while (at < data.length);
  return at;
}

/** A name in full: pointers lead out of the data, and mean nothing there. */
function nameEnd(data: Uint8Array, start: number): number | undefined {
  for (let at = start; at < data.length && at - start < NAME_BYTES_MAX; ) {
    const length = octetAt(data, at);
    if (length === 0) return at + 1;
    if (length > LABEL_BYTES_MAX) return undefined;
    at += 1 + length;
  }
  return undefined;
}

/** RFC 4034 section 4.1.2: windows in ascending order, of 1 to 32 octets each. */
function typesEnd(data: Uint8Array, start: number): number | undefined {
  let before = -1;
  let at = start;
  while (at < data.length) {
    if (at + 2 > data.length) return undefined;
    const window = octetAt(data, at);
    const length = octetAt(data, at + 1);
    if (window <= before || length === 0 || length > 32) return undefined;
    before = window;
    at += 2 + length;
  }
  return at;
}

/** RFC 9460 section 2.2: keys in ascending order, each with its length. */
function paramsEnd(data: Uint8Array, start: number): number | undefined {
  let before = -1;
  let at = start;
  while (at < data.length) {
    if (at + 4 > data.length) return undefined;
    const key = wordAt(data, at);
    if (key <= before) return undefined;
    before = key;
    at += 4 + wordAt(data, at + 2);
  }
  return at;
}
