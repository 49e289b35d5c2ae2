import { TYPE } from "../wire/codes.ts";
import {
  addressRdata,
  caaRdata,
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

/** The record types of zone files, by name. */
export const TYPE_SYNTAX: ReadonlyMap<string, TypeSyntax> = new Map<string, TypeSyntax>([
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
]);

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
