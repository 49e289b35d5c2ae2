import { TYPE } from "../wire/codes.ts";
import {
  addressRdata,
  caaRdata,
  fixedRdata,
  mxRdata,
  nameRdata,
  type Rdata,
  soaRdata,
  srvRdata,
  txtRdata,
} from "../wire/rdata.ts";
import type { FieldReader } from "./field-reader.ts";

/** A record type that zone files can have: its number, and how its data is read. */
export interface TypeSyntax {
  readonly type: number;
  readonly read: (fields: FieldReader) => Rdata;
}

const UINT8_MAX = 255;
const UINT16_MAX = 65_535;
const UINT32_MAX = 2 ** 32 - 1;

/** Most octets of a CAA value that leave room for the rest of a message. */
const CAA_VALUE_BYTES_MAX = 4096;

/** The record types of zone files that have a name. */
const TYPE_SYNTAX: ReadonlyMap<string, TypeSyntax> = new Map<string, TypeSyntax>([
  ["A", { type: TYPE.A, read: (fields) => addressRdata(fields.address(4)) }],
  ["AAAA", { type: TYPE.AAAA, read: (fields) => addressRdata(fields.address(6)) }],
  ["NS", { type: TYPE.NS, read: (fields) => nameRdata(fields.name("a name server")) }],
  ["CNAME", { type: TYPE.CNAME, read: (fields) => nameRdata(fields.name("the canonical name")) }],
  ["PTR", { type: TYPE.PTR, read: (fields) => nameRdata(fields.name("a name")) }],
  ["SOA", { type: TYPE.SOA, read: readSoa }],
  ["MX", { type: TYPE.MX, read: readMx }],
  ["TXT", { type: TYPE.TXT, read: readTxt }],
  ["SRV", { type: TYPE.SRV, read: readSrv }],
  ["CAA", { type: TYPE.CAA, read: readCaa }],
  ["DS", { type: TYPE.DS, read: readDs }],
]);

/** What can stand where a record type is expected, for those who wrote something else. */
export const TYPE_WORDS = `${[...TYPE_SYNTAX.keys()].join(", ")}, and TYPE65 for type 65`;

const SYNTAX_BY_NUMBER: ReadonlyMap<number, TypeSyntax> = new Map(
  [...TYPE_SYNTAX.values()].map((syntax) => [syntax.type, syntax]),
);

/** Types that would have to be acted on, not only served: DNAME, and what signs a zone. */
const ACTIVE_TYPES: readonly number[] = [24, 30, 39, 46, 47, 50];

/** Types below are for queries and messages, or reserved (RFC 6895 section 3.1). */
const isDataType = (type: number) =>
  (type > 0 && type < 128 && type !== TYPE.OPT) || (type > 255 && type < 65_535);

/** How the data of a type is read (P): one of a name, or of a number as in RFC 3597 section 5. */
export function findTypeSyntax(word: string): TypeSyntax | undefined {
  const named = TYPE_SYNTAX.get(word);
  if (named !== undefined) return named;
  const digits = /^TYPE(\d{1,5})$/.exec(word)?.[1];
  if (digits === undefined) return undefined;
  const type = Number(digits);
  if (!isDataType(type) || ACTIVE_TYPES.includes(type)) return undefined;
  return SYNTAX_BY_NUMBER.get(type) ?? { type, read: readUnknown };
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
    fields.string("the value", CAA_VALUE_BYTES_MAX);
    return caaRdata({ flags, tag: "", value: new Uint8Array(0) });
  }
  return caaRdata({ flags, tag, value: fields.string("the value", CAA_VALUE_BYTES_MAX) });
}
