import { TYPE, typeName } from "../wire/codes.ts";
import {
  addressRdata,
  caaRdata,
  dnameRdata,
  fixedRdata,
  mxRdata,
  nameRdata,
  type Rdata,
  soaRdata,
  srvRdata,
  txtRdata,
} from "../wire/rdata.ts";
import { rdataOfOctets } from "../wire/rdata-layout.ts";
import type { FieldReader } from "./field-reader.ts";
import { readSvcb } from "./svcb-text.ts";

/** A record type that zone files can have: its number, and how its data is read. */
export interface TypeSyntax {
  readonly type: number;
  readonly read: (fields: FieldReader) => Rdata;
}

const UINT8_MAX = 255;
const UINT16_MAX = 65_535;
const UINT32_MAX = 2 ** 32 - 1;

/** Most octets of a CAA value or a URI that leave room for the rest of a message. */
const LONG_TEXT_BYTES_MAX = 4096;

/** The record types of zone files that have a name. */
const TYPE_SYNTAX: ReadonlyMap<string, TypeSyntax> = new Map<string, TypeSyntax>([
  ["A", { type: TYPE.A, read: (fields) => addressRdata(fields.address(4)) }],
  ["AAAA", { type: TYPE.AAAA, read: (fields) => addressRdata(fields.address(6)) }],
  ["NS", { type: TYPE.NS, read: (fields) => nameRdata(fields.name("a name server")) }],
  ["CNAME", { type: TYPE.CNAME, read: (fields) => nameRdata(fields.name("the canonical name")) }],
  ["DNAME", { type: TYPE.DNAME, read: (fields) => dnameRdata(fields.name("the target")) }],
  ["PTR", { type: TYPE.PTR, read: (fields) => nameRdata(fields.name("a name")) }],
  ["SOA", { type: TYPE.SOA, read: readSoa }],
  ["MX", { type: TYPE.MX, read: readMx }],
  ["TXT", { type: TYPE.TXT, read: readTxt }],
  ["SRV", { type: TYPE.SRV, read: readSrv }],
  ["CAA", { type: TYPE.CAA, read: readCaa }],
  ["DS", { type: TYPE.DS, read: readDs }],
  ["CDS", { type: TYPE.CDS, read: readDs }],
  ["DNSKEY", { type: TYPE.DNSKEY, read: readDnskey }],
  ["CDNSKEY", { type: TYPE.CDNSKEY, read: readDnskey }],
  ["HINFO", { type: TYPE.HINFO, read: readHinfo }],
  ["NAPTR", { type: TYPE.NAPTR, read: readNaptr }],
  ["SSHFP", { type: TYPE.SSHFP, read: readSshfp }],
  ["TLSA", { type: TYPE.TLSA, read: readTlsa }],
  ["SMIMEA", { type: TYPE.SMIMEA, read: readTlsa }],
  ["OPENPGPKEY", { type: TYPE.OPENPGPKEY, read: (fields) => fixedRdata(fields.base64("the key")) }],
  ["URI", { type: TYPE.URI, read: readUri }],
  ["SVCB", { type: TYPE.SVCB, read: readSvcb }],
  ["HTTPS", { type: TYPE.HTTPS, read: readSvcb }],
  ["ALIAS", { type: TYPE.ALIAS, read: (fields) => nameRdata(fields.name("the target")) }],
]);

/** What can stand where a record type is expected, for those who wrote something else. */
export const TYPE_WORDS = `${[...TYPE_SYNTAX.keys()].join(", ")}, and TYPE99 for type 99`;

const SYNTAX_BY_NUMBER: ReadonlyMap<number, TypeSyntax> = new Map(
  [...TYPE_SYNTAX.values()].map((syntax) => [syntax.type, syntax]),
);

/** Types that would have to be acted on, not only served: what signs a zone. */
const ACTIVE_TYPES: readonly number[] = [24, 30, 46, 47, 50];

/** Types below are for queries and messages, or reserved (RFC 6895 section 3.1). */
const isDataType = (type: number) =>
  (type > 0 && type < 128 && type !== TYPE.OPT) || (type > 255 && type < 65_535);

/** How the data of a type is read (P): one of a name, or of a number as in RFC 3597 section 5. */
export function findTypeSyntax(word: string): TypeSyntax | undefined {
  const named = TYPE_SYNTAX.get(word);
  if (named !== undefined) return withOctets(named);
  const digits = /^TYPE(\d{1,5})$/.exec(word)?.[1];
  if (digits === undefined) return undefined;
  const type = Number(digits);
  if (!isDataType(type) || ACTIVE_TYPES.includes(type)) return undefined;
  return withOctets(SYNTAX_BY_NUMBER.get(type) ?? { type, read: readUnknown });
}

/** RFC 3597 section 5: the data of any type may be written as octets. */
function withOctets({ type, read }: TypeSyntax): TypeSyntax {
  const isWire = type !== TYPE.ALIAS;
  return {
    type,
    read: (fields) => (isWire && isOctets(fields) ? readOctets(type, fields) : read(fields)),
  };
}

function isOctets(fields: FieldReader): boolean {
  const token = fields.peek();
  return token?.text === "\\#" && !token.isQuoted;
}

function readOctets(type: number, fields: FieldReader): Rdata {
  const token = fields.peek();
  const { prefix } = readUnknown(fields);
  const rdata = rdataOfOctets(type, prefix);
  if (rdata !== undefined) return rdata;
  // What is wrong with the octets themselves has been said.
  if (token !== undefined && fields.problems.length === 0) {
    fields.complain(token, `the octets are no ${typeName(type)} data`);
  }
  return fixedRdata(prefix);
}

function readSoa(fields: FieldReader): Rdata {
  return soaRdata({
    primary: fields.name("the primary name server"),
    hostmaster: fields.mailbox("the mailbox"),
    serial: fields.integer("the serial", UINT32_MAX),
    refreshSeconds: fields.seconds("the refresh interval"),
    retrySeconds: fields.seconds("the retry interval"),
    expireSeconds: fields.seconds("the expiry time"),
    minimumSeconds: fields.seconds("the negative TTL"),
  });
}

function readMx(fields: FieldReader): Rdata {
  const preference = fields.integer("the preference", UINT16_MAX);
  return mxRdata(preference, fields.name("the mail exchange"));
}

function readTxt(fields: FieldReader): Rdata {
  const strings = [fields.string("a text")];
  while (fields.peek() !== undefined) strings.push(fields.string("a text"));
  return txtRdata(strings);
}

function readSrv(fields: FieldReader): Rdata {
  return srvRdata({
    priority: fields.integer("the priority", UINT16_MAX),
    weight: fields.integer("the weight", UINT16_MAX),
    port: fields.integer("the port", UINT16_MAX),
    target: fields.name("the target"),
  });
}

function readDs(fields: FieldReader): Rdata {
  const keyTag = fields.integer("the key tag", UINT16_MAX);
  const algorithm = fields.integer("the algorithm", UINT8_MAX);
  const digestType = fields.integer("the digest type", UINT8_MAX);
  const digest = fields.hex("the digest");
  const head = [keyTag >> 8, keyTag & 0xff, algorithm, digestType];
  return fixedRdata(Uint8Array.from([...head, ...digest]));
}

/** RFC 4034 section 2.2; the CDNSKEY that takes a DS back has the key `AA==` (RFC 8078). */
function readDnskey(fields: FieldReader): Rdata {
  const flags = fields.integer("the flags", UINT16_MAX);
  const protocol = fields.integer("the protocol", UINT8_MAX);
  const algorithm = fields.integer("the algorithm", UINT8_MAX);
  const key = fields.base64("the key");
  return fixedRdata(Uint8Array.from([flags >> 8, flags & 0xff, protocol, algorithm, ...key]));
}

function readHinfo(fields: FieldReader): Rdata {
  return txtRdata([fields.string("the CPU"), fields.string("the operating system")]);
}

/** RFC 3403 section 4.1; the replacement is never compressed. */
function readNaptr(fields: FieldReader): Rdata {
  const order = fields.integer("the order", UINT16_MAX);
  const preference = fields.integer("the preference", UINT16_MAX);
  const flagsToken = fields.peek();
  const strings = [
    fields.string("the flags"),
    fields.string("the services"),
    fields.string("the regular expression"),
  ];
  const replacement = fields.name("the replacement");
  const [flags = new Uint8Array(0), , expression = new Uint8Array(0)] = strings;
  if (flagsToken !== undefined && !/^[A-Za-z0-9]*$/.test(Buffer.from(flags).toString("latin1"))) {
    fields.complain(flagsToken, "the flags of NAPTR are letters and digits");
  }
  if (flagsToken !== undefined && expression.length > 0 && replacement.length > 1) {
    fields.complain(flagsToken, "NAPTR has a regular expression or a replacement, not both");
  }
  const texts = strings.flatMap((string) => [string.length, ...string]);
  const numbers = [order >> 8, order & 0xff, preference >> 8, preference & 0xff];
  return fixedRdata(Uint8Array.from([...numbers, ...texts, ...replacement]));
}

/** RFC 4255 section 3.2. */
function readSshfp(fields: FieldReader): Rdata {
  const algorithm = fields.integer("the algorithm", UINT8_MAX);
  const kind = fields.integer("the fingerprint type", UINT8_MAX);
  return fixedRdata(Uint8Array.from([algorithm, kind, ...fields.hex("the fingerprint")]));
}

/** RFC 6698 section 2.2; SMIMEA has the same form (RFC 8162 section 2). */
function readTlsa(fields: FieldReader): Rdata {
  const head = [
    fields.integer("the certificate usage", UINT8_MAX),
    fields.integer("the selector", UINT8_MAX),
    fields.integer("the matching type", UINT8_MAX),
  ];
  return fixedRdata(Uint8Array.from([...head, ...fields.hex("the certificate data")]));
}

/** RFC 7553 section 4.5: the target is the rest of the data, without a length. */
function readUri(fields: FieldReader): Rdata {
  const priority = fields.integer("the priority", UINT16_MAX);
  const weight = fields.integer("the weight", UINT16_MAX);
  const token = fields.peek();
  const target = fields.string("the URI", LONG_TEXT_BYTES_MAX);
  if (token !== undefined && target.length === 0) fields.complain(token, "the URI is empty");
  const numbers = [priority >> 8, priority & 0xff, weight >> 8, weight & 0xff];
  return fixedRdata(Uint8Array.from([...numbers, ...target]));
}

/** RFC 3597 section 5: `\# 3 0A0B 0C`. */
function readUnknown(fields: FieldReader): Rdata {
  const token = fields.take("\\#");
  if (token !== undefined && token.text !== "\\#") {
    fields.complain(token, `data of a type without a name is \\#, its length, and hexadecimal`);
  }
  const length = fields.integer("the length", UINT16_MAX);
  const bytes = length === 0 ? new Uint8Array(0) : fields.hex("the data");
  if (token !== undefined && bytes.length !== length) {
    fields.complain(token, `there are ${bytes.length} octets, not ${length}`);
  }
  return fixedRdata(bytes);
}

function readCaa(fields: FieldReader): Rdata {
  const flags = fields.integer("the flag octet", UINT8_MAX);
  const token = fields.take("the tag");
  const tag = token?.text ?? "";
  if (token !== undefined && !/^[A-Za-z0-9]{1,255}$/.test(tag)) {
    fields.complain(token, `"${tag}" is not a CAA tag such as issue, issuewild or iodef`);
    fields.string("the value", LONG_TEXT_BYTES_MAX);
    return caaRdata({ flags, tag: "", value: new Uint8Array(0) });
  }
  return caaRdata({ flags, tag, value: fields.string("the value", LONG_TEXT_BYTES_MAX) });
}
