import { LOGGED_CHARS_MAX } from "./config/access-log.ts";
import { type IpBytes, maskIp } from "./ip.ts";

/** What stands for itself in a JSON string. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** Everything else: quotes, backslashes, controls, and what is not ASCII. */
const SPECIAL = /[^ !#-[\]-~]/g;

/**
 * A JSON string of nothing but printable ASCII (P): whatever a client sends cannot end a line,
 * begin a field or move the cursor of who reads the log in a terminal. Cut at LOGGED_CHARS_MAX.
 */
export function jsonText(text: string): string {
  const cut = text.length > LOGGED_CHARS_MAX ? text.slice(0, LOGGED_CHARS_MAX) : text;
  return PLAIN.test(cut) ? `"${cut}"` : `"${cut.replace(SPECIAL, jsonEscape)}"`;
}

function jsonEscape(char: string): string {
  if (char === '"' || char === "\\") return `\\${char}`;
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/**
 * What stands between quotes in the Combined Log Format (P), escaped as nginx does: quotes,
 * backslashes and all that is not printable ASCII as `\xHH`; nothing at all is a hyphen.
 */
export function combinedText(text: string | undefined): string {
  if (text === undefined || text === "") return "-";
  const cut = text.length > LOGGED_CHARS_MAX ? text.slice(0, LOGGED_CHARS_MAX) : text;
  return PLAIN.test(cut) ? cut : cut.replace(SPECIAL, hexEscape);
}

function hexEscape(char: string): string {
  const hex = (char.charCodeAt(0) & 0xff).toString(16).toUpperCase();
  return `\\x${hex.padStart(2, "0")}`;
}

/** Texts of as many microseconds as their index: most answers take less than 20 ms. */
const MICROSECONDS: string[] = [];
const MICROSECONDS_MAX = 20_000;

/** Seconds as JSON has them, to the microsecond (P). Small ones are written out once. */
export function jsonSeconds(seconds: number): string {
  const micros = Math.round(seconds * 1e6);
  if (micros < 0 || micros >= MICROSECONDS_MAX) return String(micros / 1e6);
  return (MICROSECONDS[micros] ??= (micros / 1e6).toFixed(6));
}

/** Bits of an address that are left when it is anonymised (P). */
export function anonymousBits(bytes: IpBytes): number {
  return bytes.length === 4 ? 24 : 48;
}

/** An address without what tells one client of a network from another (P). */
export function anonymousIp(bytes: IpBytes): IpBytes {
  return maskIp(bytes, anonymousBits(bytes));
}

/** A moment of the clock as text, made once for all lines of the same `unitMs` milliseconds. */
export class TimeText {
  readonly #unitMs: number;
  readonly #format: (date: Date) => string;
  #unit = Number.NaN;
  #text = "";

  constructor(unitMs: number, format: (date: Date) => string) {
    this.#unitMs = unitMs;
    this.#format = format;
  }

  of(now: number): string {
    const unit = Math.floor(now / this.#unitMs);
    if (unit !== this.#unit) {
      this.#unit = unit;
      this.#text = this.#format(new Date(unit * this.#unitMs));
    }
    return this.#text;
  }
}

/** Whole milliseconds in ISO 8601, which JSON lines have. */
export function isoTime(): TimeText {
  return new TimeText(1, (date) => date.toISOString());
}
