import { type FieldLines, fieldLinesFromRaw } from "../http/fields.ts";
import { withoutListedFields } from "../http/hop-by-hop.ts";

/** The longest head that the lane reads; longer ones are for `node:http` to judge. */
export const LANE_HEAD_BYTES_MAX = 16_384;

/** The longest path and query that the lane takes. */
const TARGET_BYTES_MAX = 8_192;

/** The field lines of a request, read once and kept while the next requests have the same. */
export interface FieldBlock {
  /** As they stood on the wire, without the empty line. */
  readonly text: string;
  /** All of such a head that stands behind the target. */
  readonly repeated: string;
  /** Names and values in turn, as Node gives them. */
  readonly raw: string[];
  /** As `ClientExchange` sees them. */
  readonly fields: FieldLines;
  /** The client did not say `Connection: close`. */
  readonly keepAlive: boolean;
}

/** A request without a body, in origin-form, over HTTP/1.1, of which nothing is unusual. */
export interface RequestHead {
  readonly method: "GET" | "HEAD";
  readonly target: string;
  readonly block: FieldBlock;
}

/** What stands at one place of what a client has sent. */
export type HeadVerdict =
  /** `end` is the place behind it. */
  | { readonly kind: "head"; readonly head: RequestHead; readonly end: number }
  /** The beginning of a head that may become one. */
  | { readonly kind: "more" }
  /** Anything else: another method, a body, an odd spelling, bytes that are not HTTP. */
  | { readonly kind: "other" };

const MORE: HeadVerdict = { kind: "more" };
const OTHER: HeadVerdict = { kind: "other" };

/** Visible ASCII from a slash on, without a fragment. RFC 9112 section 3.2.1. */
const TARGET = /^\/[!"$-~]*$/;

/** RFC 9112 section 5: no space before the colon, no folding, no controls; also no obs-text. */
const FIELD_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*([\t -~]*)$/;

/** What no head has that this lane takes: controls, obs-text, line ends that are not whole. */
const SUSPICIOUS = /[^\t\r\n -~]|\r[^\n]|[^\r]\n/;

/** Fields of requests that have a body, change the protocol or want more than an answer. */
const UNUSUAL_FIELDS: ReadonlySet<string> = new Set([
  "content-length",
  "expect",
  "http2-settings",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * Reads the request head that begins at a place of a text of one character per byte (P). RFC 9112
 * sections 2 to 5.
 *
 * Only what every server reads alike is a head; whatever could be read in two ways is `other`.
 * `before` is the block of the request before this one on the connection: clients repeat their
 * fields, and what is the same need not be read again. Never throws, never looks behind the text.
 */
export function readHead(text: string, from: number, before: FieldBlock | undefined): HeadVerdict {
  const repeated = readRepeated(text, from, before);
  if (repeated !== undefined) return repeated;
  const end = text.indexOf("\r\n\r\n", from);
  if (end === -1) return judgeBeginning(text.slice(from));
  if (end - from > LANE_HEAD_BYTES_MAX) return OTHER;
  const isGet = text.startsWith("GET ", from);
  if (!isGet && !text.startsWith("HEAD ", from)) return OTHER;
  const targetStart = from + (isGet ? 4 : 5);
  const targetEnd = text.indexOf(" ", targetStart);
  if (targetEnd === -1 || !text.startsWith("HTTP/1.1\r\n", targetEnd + 1)) return OTHER;
  const target = text.slice(targetStart, targetEnd);
  if (target.length > TARGET_BYTES_MAX || !TARGET.test(target)) return OTHER;
  // The line end behind the version may already be the empty line's: then there is no Host.
  const blockStart = targetEnd + "HTTP/1.1\r\n".length + 1;
  if (blockStart > end) return OTHER;
  const block = readBlock(text.slice(blockStart, end), before);
  if (block === undefined) return OTHER;
  const method = isGet ? "GET" : "HEAD";
  return { kind: "head", head: { method, target, block }, end: end + 4 };
}

/** A GET with the fields of the request before it, which is most of them; else undefined. */
function readRepeated(
  text: string,
  from: number,
  block: FieldBlock | undefined,
): HeadVerdict | undefined {
  if (block === undefined || !text.startsWith("GET /", from)) return undefined;
  const targetEnd = text.indexOf(" ", from + 5);
  const end = targetEnd + block.repeated.length;
  // Slices are compared as memory, `startsWith` character by character.
  if (targetEnd === -1 || text.slice(targetEnd, end) !== block.repeated) return undefined;
  const target = text.slice(from + 4, targetEnd);
  if (target.length > TARGET_BYTES_MAX || !TARGET.test(target)) return undefined;
  if (end - from > LANE_HEAD_BYTES_MAX) return undefined;
  return { kind: "head", head: { method: "GET", target, block }, end };
}

/** What has come of a head that has not come whole. */
function judgeBeginning(text: string): HeadVerdict {
  if (text.length > LANE_HEAD_BYTES_MAX || SUSPICIOUS.test(text)) return OTHER;
  const isPlain = ["GET /", "HEAD /"].some(
    (start) => text.startsWith(start) || start.startsWith(text),
  );
  return isPlain ? MORE : OTHER;
}

/** Undefined if something in it is unusual. */
function readBlock(text: string, before: FieldBlock | undefined): FieldBlock | undefined {
  if (before?.text === text) return before;
  const raw: string[] = [];
  for (const line of text.split("\r\n")) {
    const [, name, value] = FIELD_LINE.exec(line) ?? [];
    if (name === undefined || value === undefined) return undefined;
    raw.push(name, value);
  }
  const lines = fieldLinesFromRaw(raw);
  if (lines.some(([name]) => UNUSUAL_FIELDS.has(name))) return undefined;
  const [connection, another] = lines.filter(([name]) => name === "connection");
  const option = connection?.[1].toLowerCase() ?? "keep-alive";
  if (another !== undefined || (option !== "keep-alive" && option !== "close")) return undefined;
  const repeated = ` HTTP/1.1\r\n${text}\r\n\r\n`;
  return {
    text,
    repeated,
    raw,
    fields: withoutListedFields(lines),
    keepAlive: option === "keep-alive",
  };
}
