import { fail, ok, type Result } from "../../common/result.ts";
import { octetAt } from "./octets.ts";

/**
 * A domain name in wire form without compression: length octet and octets of each label, ended by
 * the zero octet of the root; 1 to 255 octets, letters in the case they were written in.
 */
export type Name = Uint8Array;

/**
 * A name to look things up by: its wire form with ASCII letters in lower case, one character per
 * octet. Two names are the same (RFC 4343) exactly if their keys are equal, and the key of a parent
 * is a suffix of the key of its child.
 */
export type NameKey = string;

/** Most octets in a name, with length octets and the root (RFC 1035 section 2.3.4). */
export const NAME_BYTES_MAX = 255;

/** Most octets in one label (RFC 1035 section 2.3.4). */
export const LABEL_BYTES_MAX = 63;

/** The name of the root. */
export const ROOT: Name = new Uint8Array(1);

/** Where names are put together; one is enough, nothing here calls out meanwhile. */
const SCRATCH = Buffer.alloc(NAME_BYTES_MAX);

const DOT = 0x2e;
const BACKSLASH = 0x5c;

/**
 * Reads the text form of RFC 1035 section 5.1, with `\.` and `\DDD` escapes (P). A name without a
 * final dot gets `origin` behind it. Fails with a sentence that says what is wrong.
 */
export function parseName(text: string, origin: Name = ROOT): Result<Name, string> {
  if (text === "@") return ok(origin);
  if (text === ".") return ok(ROOT);
  const plain = parsePlainName(text, origin);
  if (plain !== undefined) return ok(plain);
  const labels = splitLabels(text);
  if (!labels.ok) return labels;
  const absolute = isAbsoluteText(text);
  const own = absolute ? labels.value.slice(0, -1) : labels.value;
  if (own.some((label) => label.length === 0)) return fail(`"${text}" has an empty label`);
  if (own.some((label) => label.length > LABEL_BYTES_MAX)) {
    return fail(`"${text}" has a label of more than ${LABEL_BYTES_MAX} octets`);
  }
  const bytes = own.flatMap((label) => [label.length, ...label]);
  const name = Uint8Array.from([...bytes, ...(absolute ? ROOT : origin)]);
  if (name.length > NAME_BYTES_MAX) {
    return fail(`"${text}" makes a name of ${name.length} octets; the most is ${NAME_BYTES_MAX}`);
  }
  return ok(name);
}

/**
 * Reads a name without escapes in one pass, which is what zone files are full of (P). Undefined for
 * any other, and for one with a mistake: who has the time to say which mistake reads it again.
 */
function parsePlainName(text: string, origin: Name): Name | undefined {
  if (text === "" || text.length + origin.length >= NAME_BYTES_MAX) return undefined;
  let labelAt = 0;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      const length = i - labelAt;
      if (length === 0 || length > LABEL_BYTES_MAX) return undefined;
      SCRATCH[labelAt] = length;
      labelAt = i + 1;
    } else if (code === BACKSLASH || code <= 0x20 || code > 0x7e) {
      return undefined;
    }
    SCRATCH[i + 1] = code;
  }
  const length = text.length - labelAt;
  if (length > LABEL_BYTES_MAX) return undefined;
  SCRATCH[labelAt] = length;
  if (length === 0) return new Uint8Array(SCRATCH.subarray(0, labelAt + 1));
  const name = new Uint8Array(text.length + 1 + origin.length);
  name.set(SCRATCH.subarray(0, text.length + 1));
  name.set(origin, text.length + 1);
  return name;
}

/** True if the text of a name ends with a dot that is not escaped (P). */
export function isAbsoluteText(text: string): boolean {
  const backslashes = /(\\*)\.$/.exec(text)?.[1];
  return backslashes !== undefined && backslashes.length % 2 === 0;
}

/** Writes a name as text with a final dot, special characters escaped (P). RFC 1035 section 5.1. */
export function formatName(name: Name): string {
  let text = "";
  for (let at = 0; octetAt(name, at) > 0; at += 1 + octetAt(name, at)) {
    const label = name.subarray(at + 1, at + 1 + octetAt(name, at));
    text += `${Array.from(label, formatOctet).join("")}.`;
  }
  return text === "" ? "." : text;
}

/** The key of a name (P). */
export function nameKey(name: Name): NameKey {
  for (let i = 0; i < name.length; i += 1) SCRATCH[i] = lowerCase(octetAt(name, i));
  return SCRATCH.toString("latin1", 0, name.length);
}

/** The key of the name with the first label taken off; the root has none (P). */
export function parentKey(key: NameKey): NameKey | undefined {
  const length = key.charCodeAt(0);
  return length === 0 ? undefined : key.slice(1 + length);
}

/** The name with the first label taken off; the root has none (P). */
export function parentName(name: Name): Name | undefined {
  const length = octetAt(name, 0);
  return length === 0 ? undefined : name.subarray(1 + length);
}

/** Number of labels before the root (P). */
export function countLabels(key: NameKey): number {
  let count = 0;
  for (let at = 0; key.charCodeAt(at) > 0; at += 1 + key.charCodeAt(at)) count += 1;
  return count;
}

/** True if `key` is `ancestor` or lies below it (P). */
export function isAtOrBelow(key: NameKey, ancestor: NameKey): boolean {
  let at = 0;
  while (key.length - at > ancestor.length) at += 1 + key.charCodeAt(at);
  return key.length - at === ancestor.length && key.endsWith(ancestor);
}

/**
 * The name with `ancestor`, at or above it, replaced by `target` (P). RFC 6672 section 2.2. Labels
 * in front keep their case. Undefined if the result would be longer than a name can be.
 */
export function replaceAncestor(name: Name, ancestor: Name, target: Name): Name | undefined {
  const kept = name.length - ancestor.length;
  if (kept + target.length > NAME_BYTES_MAX) return undefined;
  const replaced = new Uint8Array(kept + target.length);
  replaced.set(name.subarray(0, kept));
  replaced.set(target, kept);
  return replaced;
}

/** `A` to `Z` as `a` to `z`, and every other octet as it is (P). RFC 4343 section 3. */
export function lowerCase(octet: number): number {
  return octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet;
}

function splitLabels(text: string): Result<readonly (readonly number[])[], string> {
  if (text === "") return fail("a name is missing");
  let label: number[] = [];
  const labels = [label];
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code > 0x7e || code <= 0x20) {
      return fail(`"${text}" has a character that a name cannot have as it is; use xn-- or \\DDD`);
    }
    if (code === DOT) {
      label = [];
      labels.push(label);
      at += 1;
      continue;
    }
    const octet = code === BACKSLASH ? readEscape(text, at) : { code, length: 1 };
    if (octet === undefined) return fail(`"${text}" has a broken escape; write \\. or \\DDD`);
    label.push(octet.code);
    at += octet.length;
  }
  return ok(labels);
}

/**
 * Reads the escape that starts at `at`: `\DDD` (000 to 255) or `\X` (P). Undefined if it is broken.
 * RFC 1035 section 5.1.
 */
export function readEscape(
  text: string,
  at: number,
): { readonly code: number; readonly length: number } | undefined {
  const digits = /^\d{3}/.exec(text.slice(at + 1, at + 4))?.[0];
  if (digits !== undefined) {
    return Number(digits) <= 255 ? { code: Number(digits), length: 4 } : undefined;
  }
  const code = text.charCodeAt(at + 1);
  const isBroken = Number.isNaN(code) || code > 0x7e || (code >= 0x30 && code <= 0x39);
  return isBroken ? undefined : { code, length: 2 };
}

function formatOctet(octet: number): string {
  if (octet <= 0x20 || octet > 0x7e) return `\\${String(octet).padStart(3, "0")}`;
  const character = String.fromCharCode(octet);
  return '."\\;()@$'.includes(character) ? `\\${character}` : character;
}
