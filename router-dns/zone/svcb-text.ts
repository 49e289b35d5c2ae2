import { parseIp } from "../../common/ip.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import type { Name } from "../wire/name.ts";
import { fixedRdata, type Rdata } from "../wire/rdata.ts";
import { PARAM } from "../wire/svcb.ts";
import type { FieldReader } from "./field-reader.ts";
import type { Token } from "./zone-lexer.ts";

const UINT16_MAX = 65_535;

/** Most octets of one ALPN protocol name (RFC 7301 section 3.1). */
const PROTOCOL_BYTES_MAX = 255;

type NamedKey = keyof typeof PARAM;

/** One parameter as it stands in the file; `value` is undefined where there is no `=`. */
interface TextParam {
  readonly token: Token;
  readonly key: number;
  readonly value: Uint8Array | undefined;
}

/**
 * Reads the data of an SVCB or HTTPS record (P). RFC 9460 section 2.1 and appendix A: a priority, a
 * target that is never compressed, and parameters `key`, `key=value` or `key="value"`, which come
 * in any order and are written by number. An alias (priority 0) has no parameters.
 */
export function readSvcb(fields: FieldReader): Rdata {
  const priorityToken = fields.peek();
  const priority = fields.integer("the priority", UINT16_MAX);
  const target: Name = fields.name("the target");
  const params = readParams(fields);
  const [first] = params.values();
  if (priority === 0 && first !== undefined && priorityToken !== undefined) {
    fields.complain(first.token, "an alias, whose priority is 0, has no parameters");
  }
  checkTogether(fields, params);
  const wire = [...params.values()]
    .toSorted((left, right) => left.key - right.key)
    .flatMap((param) => {
      const value = encodeValue(param);
      if (value.ok) return [...uint16(param.key), ...uint16(value.value.length), ...value.value];
      fields.complain(param.token, value.error);
      return [];
    });
  return fixedRdata(Uint8Array.from([...uint16(priority), ...target, ...wire]));
}

function readParams(fields: FieldReader): ReadonlyMap<number, TextParam> {
  const params = new Map<number, TextParam>();
  for (let token = fields.peek(); token !== undefined; token = fields.peek()) {
    const param = readParam(fields, token);
    if (param === undefined) continue;
    if (params.has(param.key)) fields.complain(token, `${keyName(param.key)} is given twice`);
    params.set(param.key, param);
  }
  return params;
}

/** A quoted value touches its key: the lexer makes two words of `alpn="h2"`. */
function readParam(fields: FieldReader, token: Token): TextParam | undefined {
  fields.take("a parameter");
  const equals = token.text.indexOf("=");
  const word = equals === -1 ? token.text : token.text.slice(0, equals);
  const key = keyNumber(word);
  const next = fields.peek();
  const isJoined = next?.isQuoted === true && next.line === token.line && touches(token, next);
  let value: Uint8Array | undefined;
  if (equals !== -1 && equals === token.text.length - 1 && isJoined) {
    value = fields.string("the value", UINT16_MAX);
  } else if (equals !== -1) {
    value = fields.stringOf({ ...token, text: token.text.slice(equals + 1) }, UINT16_MAX);
  }
  if (key !== undefined && !token.isQuoted) return { token, key, value };
  const names = Object.keys(PARAM).join(", ");
  fields.complain(token, `"${word}" is not a parameter: there are ${names}, and key65000`);
  return undefined;
}

function touches(word: Token, next: Token): boolean {
  return next.column === word.column + word.text.length;
}

/** RFC 9460 section 2.1: `key667` for 667, without leading zeros; 65535 is reserved. */
function keyNumber(word: string): number | undefined {
  if (Object.hasOwn(PARAM, word)) return PARAM[word as NamedKey];
  const digits = /^key(0|[1-9]\d{0,4})$/.exec(word)?.[1];
  return digits === undefined || Number(digits) >= UINT16_MAX ? undefined : Number(digits);
}

function keyName(key: number): string {
  return Object.entries(PARAM).find(([, number]) => number === key)?.[0] ?? `key${key}`;
}

/** RFC 9460 sections 7.1.1 and 8: what some parameters ask of others. */
function checkTogether(fields: FieldReader, params: ReadonlyMap<number, TextParam>): void {
  const bare = params.get(PARAM["no-default-alpn"]);
  if (bare !== undefined && !params.has(PARAM.alpn)) {
    fields.complain(bare.token, "no-default-alpn needs alpn, for else no protocol is left");
  }
  const mandatory = params.get(PARAM.mandatory);
  if (mandatory?.value === undefined) return;
  for (const word of Buffer.from(mandatory.value).toString("latin1").split(",")) {
    const key = keyNumber(word);
    if (key !== undefined && key !== PARAM.mandatory && !params.has(key)) {
      fields.complain(mandatory.token, `mandatory names ${word}, which is not given`);
    }
  }
}

/** The wire form of a value (RFC 9460 sections 7 and 8; dohpath: RFC 9461 section 5). */
function encodeValue({ key, value }: TextParam): Result<readonly number[], string> {
  const name = keyName(key);
  if (key === PARAM["no-default-alpn"] || key === PARAM.ohttp) {
    return value === undefined ? ok([]) : fail(`${name} has no value`);
  }
  // A parameter without a name may have no value; each of the others is nothing without one.
  if (value === undefined || value.length === 0) {
    return key in NAMED ? fail(`${name} needs a value`) : ok([]);
  }
  switch (key) {
    case PARAM.mandatory:
      return encodeMandatory(value);
    case PARAM.alpn:
      return encodeProtocols(value);
    case PARAM.port:
      return encodePort(value);
    case PARAM.ipv4hint:
      return encodeHints(value, 4);
    case PARAM.ipv6hint:
      return encodeHints(value, 16);
    case PARAM.ech:
      return encodeBase64(value);
    default:
      return ok([...value]);
  }
}

const NAMED: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(PARAM).map(([name, key]) => [key, name]),
);

function encodeMandatory(value: Uint8Array): Result<readonly number[], string> {
  const keys: number[] = [];
  for (const word of Buffer.from(value).toString("latin1").split(",")) {
    const key = keyNumber(word);
    if (key === undefined) return fail(`mandatory names "${word}", which is not a parameter`);
    if (key === PARAM.mandatory) return fail("mandatory does not name itself");
    if (keys.includes(key)) return fail(`mandatory names ${word} twice`);
    keys.push(key);
  }
  return ok(keys.toSorted((left, right) => left - right).flatMap(uint16));
}

function encodeProtocols(value: Uint8Array): Result<readonly number[], string> {
  const wire: number[] = [];
  for (const protocol of splitList(value)) {
    if (protocol.length === 0) return fail("alpn has an empty protocol");
    if (protocol.length > PROTOCOL_BYTES_MAX) {
      return fail(`alpn has a protocol of more than ${PROTOCOL_BYTES_MAX} octets`);
    }
    wire.push(protocol.length, ...protocol);
  }
  return ok(wire);
}

/** RFC 9460 appendix A.1: commas separate, and a backslash takes a comma or itself literally. */
function splitList(value: Uint8Array): number[][] {
  const [COMMA, BACKSLASH] = [0x2c, 0x5c];
  let item: number[] = [];
  const items = [item];
  let isEscaped = false;
  for (const octet of value) {
    if (!isEscaped && octet === COMMA) {
      item = [];
      items.push(item);
    } else if (!isEscaped && octet === BACKSLASH) {
      isEscaped = true;
      continue;
    } else {
      item.push(octet);
    }
    isEscaped = false;
  }
  return items;
}

function encodePort(value: Uint8Array): Result<readonly number[], string> {
  const text = Buffer.from(value).toString("latin1");
  const isPort = /^\d{1,5}$/.test(text) && Number(text) <= UINT16_MAX;
  return isPort ? ok(uint16(Number(text))) : fail(`"${text}" is not a port from 0 to 65535`);
}

function encodeHints(value: Uint8Array, bytes: 4 | 16): Result<readonly number[], string> {
  const wire: number[] = [];
  for (const text of Buffer.from(value).toString("latin1").split(",")) {
    const address = parseIp(text);
    if (!address.ok || address.value.length !== bytes) {
      return fail(`"${text}" is not an IPv${bytes === 4 ? 4 : 6} address`);
    }
    wire.push(...address.value);
  }
  return ok(wire);
}

function encodeBase64(value: Uint8Array): Result<readonly number[], string> {
  const text = Buffer.from(value).toString("latin1");
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? ok([...bytes]) : fail("ech is not base64");
}

function uint16(value: number): number[] {
  return [value >> 8, value & 0xff];
}
