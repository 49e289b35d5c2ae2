import { formatIp } from "../../common/ip.ts";
import { typeName } from "./codes.ts";
import { formatName } from "./name.ts";
import { octetAt, wordAt } from "./octets.ts";
import { type RdataField, rdataFields } from "./rdata-layout.ts";
import { PARAM } from "./svcb.ts";

/**
 * Record data as a zone file writes it (P), names in full. What is not well-formed, or of a type
 * without a name, is written as octets: `\# 2 0A0B` (RFC 3597 section 5).
 */
export function formatRdata(type: number, data: Uint8Array): string {
  const fields = rdataFields(type, data);
  if (fields === undefined) return `\\# ${data.length} ${hexOf(data)}`.trimEnd();
  return fields
    .map(formatField)
    .filter((text) => text !== "")
    .join(" ");
}

function formatField({ kind, octets }: RdataField): string {
  switch (kind) {
    case "u8":
    case "u16":
    case "u32":
      return String(numberOf(octets));
    case "ip4":
    case "ip6":
      return formatIp(octets);
    case "name":
    case "target":
      return formatName(octets);
    case "string":
      return quoted(octets.subarray(1));
    case "strings":
      return stringsOf(octets).map(quoted).join(" ");
    case "tag":
      return Buffer.from(octets.subarray(1)).toString("latin1");
    case "text":
    case "uri":
      return quoted(octets);
    case "hex":
      return hexOf(octets);
    case "base64":
      return Buffer.from(octets).toString("base64");
    case "type":
      return typeName(numberOf(octets));
    case "time":
      return timeOf(numberOf(octets));
    case "types":
      return typesOf(octets).map(typeName).join(" ");
    default:
      return paramsOf(octets).join(" ");
  }
}

function numberOf(octets: Uint8Array): number {
  return octets.reduce((value, octet) => value * 256 + octet, 0);
}

function hexOf(octets: Uint8Array): string {
  return Buffer.from(octets).toString("hex").toUpperCase();
}

/** RFC 1035 section 5.1: what is not printable as three digits. */
function quoted(octets: Uint8Array): string {
  return `"${Array.from(octets, escaped).join("")}"`;
}

function escaped(octet: number): string {
  if (octet === 0x22 || octet === 0x5c) return `\\${String.fromCharCode(octet)}`;
  if (octet >= 0x20 && octet < 0x7f) return String.fromCharCode(octet);
  return `\\${String(octet).padStart(3, "0")}`;
}

function stringsOf(octets: Uint8Array): readonly Uint8Array[] {
  const strings: Uint8Array[] = [];
  for (let at = 0; at < octets.length; at += 1 + octetAt(octets, at)) {
    strings.push(octets.subarray(at + 1, at + 1 + octetAt(octets, at)));
  }
  return strings;
}

/** RFC 4034 section 3.2: `20260101000000`, in UTC. */
function timeOf(seconds: number): string {
  return new Date(seconds * 1000)
    .toISOString()
    .replace(/\.\d+Z$/, "")
    .replace(/[-:T]/g, "");
}

function typesOf(octets: Uint8Array): readonly number[] {
  const types: number[] = [];
  for (let at = 0; at < octets.length; at += 2 + octetAt(octets, at + 1)) {
    const window = octetAt(octets, at) * 256;
    const bits = octets.subarray(at + 2, at + 2 + octetAt(octets, at + 1));
    for (let bit = 0; bit < bits.length * 8; bit += 1) {
      if ((octetAt(bits, bit >> 3) & (0x80 >> (bit & 7))) !== 0) types.push(window + bit);
    }
  }
  return types;
}

const PARAM_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(PARAM).map(([name, key]) => [key, name]),
);

/** RFC 9460 section 2.1. */
function paramsOf(octets: Uint8Array): readonly string[] {
  const params: string[] = [];
  for (let at = 0; at < octets.length; at += 4 + wordAt(octets, at + 2)) {
    const key = wordAt(octets, at);
    const value = octets.subarray(at + 4, at + 4 + wordAt(octets, at + 2));
    const text = value.length === 0 ? "" : `=${paramValue(key, value)}`;
    params.push(`${PARAM_NAMES.get(key) ?? `key${key}`}${text}`);
  }
  return params;
}

function paramValue(key: number, value: Uint8Array): string {
  switch (key) {
    case PARAM.mandatory:
      return chunks(value, 2)
        .map((word) => PARAM_NAMES.get(numberOf(word)) ?? `key${numberOf(word)}`)
        .join();
    case PARAM.alpn:
      return alpnText(stringsOf(value));
    case PARAM.port:
      return String(numberOf(value));
    case PARAM.ipv4hint:
      return chunks(value, 4).map(formatIp).join();
    case PARAM.ipv6hint:
      return chunks(value, 16).map(formatIp).join();
    case PARAM.ech:
      return Buffer.from(value).toString("base64");
    default:
      return quoted(value);
  }
}

/** RFC 9460 appendix A.1: a comma or backslash inside a protocol's name is escaped twice. */
function alpnText(protocols: readonly Uint8Array[]): string {
  const isPlain = protocols.every((protocol) =>
    protocol.every((octet) => octet > 0x20 && octet < 0x7f && ![0x22, 0x2c, 0x5c].includes(octet)),
  );
  if (isPlain) return protocols.map((each) => Buffer.from(each).toString("latin1")).join();
  const list = protocols
    .map((each) =>
      [...each].flatMap((octet) => (octet === 0x2c || octet === 0x5c ? [0x5c, octet] : [octet])),
    )
    .flatMap((octets, index) => (index === 0 ? octets : [0x2c, ...octets]));
  return quoted(Uint8Array.from(list));
}

/** Pieces of that many octets; a last one that is shorter is left out. */
function chunks(value: Uint8Array, bytes: number): readonly Uint8Array[] {
  return Array.from({ length: Math.floor(value.length / bytes) }, (_, index) =>
    value.subarray(index * bytes, (index + 1) * bytes),
  );
}
