import { type IpBytes, parseIp } from "../../common/ip.ts";
import { isAbsoluteText, type Name, parseName, ROOT, readEscape } from "../wire/name.ts";
import type { TextProblem, Token } from "./zone-lexer.ts";

/** Most seconds that a TTL can say (RFC 2181 section 8). */
const TTL_SECONDS_MAX = 2 ** 31 - 1;

/** Most octets of a character string (RFC 1035 section 3.3). */
const STRING_BYTES_MAX = 255;

const UNIT_SECONDS: Readonly<Record<string, number>> = {
  "": 1,
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
};

/**
 * Reads the fields of one entry from left to right. What is wrong is added to `problems` with its
 * place, and a value of the right type comes back, so that one pass finds everything.
 */
export class FieldReader {
  readonly problems: TextProblem[] = [];
  readonly #tokens: readonly Token[];
  readonly #origin: Name | undefined;
  #next = 0;
  #isCutShort = false;

  /** Relative names are below `origin`; without one they are problems. */
  constructor(tokens: readonly Token[], origin: Name | undefined) {
    this.#tokens = tokens;
    this.#origin = origin;
  }

  /** The next field, without taking it. */
  peek(): Token | undefined {
    return this.#tokens[this.#next];
  }

  /** Takes the next field; `what` names it if it is missing. */
  take(what: string): Token | undefined {
    const token = this.peek();
    if (token !== undefined) {
      this.#next += 1;
    } else if (!this.#isCutShort) {
      // The fields behind the first missing one are missing too: that needs no saying.
      this.#isCutShort = true;
      this.#problem(this.#tokens.at(-1), `${what} is missing`);
    }
    return token;
  }

  name(what: string): Name {
    const token = this.take(what);
    return token === undefined ? ROOT : this.nameOf(token);
  }

  /** The name that a token writes. */
  nameOf(token: Token): Name {
    const name = parseName(token.text, this.#origin ?? ROOT);
    if (!name.ok) {
      this.#problem(token, name.error);
    } else if (this.#origin === undefined && !isAbsoluteText(token.text)) {
      this.#problem(token, `"${token.text}" is relative; end it with a dot or write $ORIGIN first`);
    }
    return name.ok ? name.value : ROOT;
  }

  /** A mailbox as a domain name (RFC 1035 section 8): the first dot stands for the `@`. */
  mailbox(what: string): Name {
    const token = this.peek();
    if (token !== undefined && token.text.length > 1 && token.text.includes("@")) {
      this.#problem(token, `write the @ of "${token.text}" as a dot`);
    }
    return this.name(what);
  }

  /** A whole number from 0 to `max`. */
  integer(what: string, max: number): number {
    const token = this.take(what);
    const isNumber = token !== undefined && /^\d{1,10}$/.test(token.text);
    if (isNumber && Number(token.text) <= max) return Number(token.text);
    if (token !== undefined) {
      this.#problem(token, `${what} is a number from 0 to ${max}, not "${token.text}"`);
    }
    return 0;
  }

  /** Seconds, or a time such as `1h30m`. */
  seconds(what: string): number {
    const token = this.take(what);
    if (token === undefined) return 0;
    const seconds = parseTtlSeconds(token.text);
    if (seconds === undefined) {
      this.#problem(token, `${what} is a time like 3600, 1h or 1d12h, not "${token.text}"`);
    }
    return seconds ?? 0;
  }

  address(family: 4 | 6): IpBytes {
    const bytes = family === 4 ? 4 : 16;
    const token = this.take(`an IPv${family} address`);
    const address = parseIp(token?.text ?? "");
    if (address.ok && address.value.length === bytes) return address.value;
    if (token !== undefined) this.#problem(token, `"${token.text}" is not an IPv${family} address`);
    return new Uint8Array(bytes);
  }

  /** The octets of a character string; text beyond ASCII becomes UTF-8. */
  string(what: string, bytesMax = STRING_BYTES_MAX): Uint8Array {
    const token = this.take(what);
    return token === undefined ? new Uint8Array(0) : this.stringOf(token, bytesMax, what);
  }

  /** The octets of the character string that a token writes. */
  stringOf(token: Token, bytesMax: number, what = "the value"): Uint8Array {
    const bytes = unescapeString(token.text);
    if (bytes === undefined) {
      this.#problem(token, "a backslash is followed by three digits up to 255, or no digit");
    } else if (bytes.length > bytesMax) {
      this.#problem(token, `${what} has ${bytes.length} octets; the most is ${bytesMax}`);
    }
    return bytes ?? new Uint8Array(0);
  }

  /** The octets that all fields to the end write in hexadecimal, at least one. */
  hex(what: string): Uint8Array {
    const { first, text } = this.#rest(what);
    if (first !== undefined && !/^(?:[0-9a-f]{2})+$/i.test(text)) {
      this.#problem(first, `${what} is pairs of hexadecimal digits`);
      return new Uint8Array(0);
    }
    return new Uint8Array(Buffer.from(text, "hex"));
  }

  /** The octets that all fields to the end write in base64 (RFC 4648 section 4), at least one. */
  base64(what: string): Uint8Array {
    const { first, text } = this.#rest(what);
    const bytes = Buffer.from(text, "base64");
    if (first !== undefined && (bytes.length === 0 || bytes.toString("base64") !== text)) {
      this.#problem(first, `${what} is base64, with its = at the end`);
    }
    return new Uint8Array(bytes);
  }

  /** What all fields to the end say together. */
  #rest(what: string): { readonly first: Token | undefined; readonly text: string } {
    const first = this.take(what);
    let text = first?.text ?? "";
    while (this.peek() !== undefined) text += this.take(what)?.text ?? "";
    return { first, text };
  }

  /** Complains about anything that is left. */
  end(): void {
    const token = this.peek();
    if (token !== undefined) this.#problem(token, `"${token.text}" is one field too many`);
  }

  /** Adds a problem at a token. */
  complain(token: Token, message: string): void {
    this.#problem(token, message);
  }

  #problem(token: Token | undefined, message: string): void {
    this.problems.push({ line: token?.line ?? 1, column: token?.column ?? 1, message });
  }
}

/** Reads `3600`, `1h` or `1d12h` as seconds, 0 to 2^31 - 1 (P). Undefined if it is no time. */
export function parseTtlSeconds(text: string): number | undefined {
  if (!/^(?:\d{1,10}[smhdw])*(?:\d{1,10}[smhdw]?)$/i.test(text)) return undefined;
  let seconds = 0;
  for (const [, count, unit = ""] of text.matchAll(/(\d+)([a-z]?)/gi)) {
    seconds += Number(count) * (UNIT_SECONDS[unit.toLowerCase()] ?? 0);
  }
  return seconds <= TTL_SECONDS_MAX ? seconds : undefined;
}

function unescapeString(text: string): Uint8Array | undefined {
  if (!text.includes("\\")) return new Uint8Array(Buffer.from(text));
  const bytes: number[] = [];
  for (let at = 0; at < text.length; ) {
    if (text[at] === "\\") {
      const escape = readEscape(text, at);
      if (escape === undefined) return undefined;
      bytes.push(escape.code);
      at += escape.length;
    } else {
      const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
      bytes.push(...Buffer.from(character));
      at += character.length;
    }
  }
  return Uint8Array.from(bytes);
}
