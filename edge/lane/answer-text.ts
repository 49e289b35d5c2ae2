import { STATUS_CODES } from "node:http";
import type { EpochMs } from "../../common/clock.ts";
import type { StoredResponse } from "../decide/stored.ts";
import type { ClientEdits } from "../serve/client-edits.ts";
import { hitHead } from "../serve/hit-head.ts";

/** A head without its last lines, which depend on the connection. */
export type HeadText = string;

/** Values that everybody writes alike. */
const CHARACTERS = /^[\t -~]*$/;

/** Fields from which Node draws conclusions about the connection or the framing. */
const FRAMING_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "trailer",
  "transfer-encoding",
]);

/** What is remembered of a stored response that has been hit. */
interface KnownHead {
  readonly edge: string;
  readonly edits: ClientEdits | undefined;
  readonly isPlain: boolean;
  ageSeconds: number;
  ttlSeconds: number;
  /** The second whose Date stands in it, where the origin gave none. */
  second: number | undefined;
  text: HeadText;
  /** The whole answer for a connection that stays open, once it has been asked for. */
  whole: string | undefined;
}

const known = new WeakMap<StoredResponse, KnownHead>();

/** A hit, as far as its head depends on it. */
export interface HitFacts {
  readonly stored: StoredResponse;
  readonly bodyBytes: number;
  readonly edge: string;
  readonly edits: ClientEdits | undefined;
  readonly ageSeconds: number;
  readonly ttlSeconds: number;
  readonly now: EpochMs;
}

/**
 * The head of a full hit as text, written anew when one of its seconds has changed; undefined when
 * it has something that is better left to `node:http`.
 */
export function hitText(facts: HitFacts): HeadText | undefined {
  const head = knownHead(facts);
  return head.isPlain ? head.text : undefined;
}

/**
 * Head, `tail` and a small body of a full hit as one text, for as long as none of its seconds
 * changes. `tail` must be the same each time.
 */
export function wholeText(facts: HitFacts, tail: string, body: Buffer | undefined): string {
  const head = knownHead(facts);
  head.whole ??= head.text + tail + (body?.toString("latin1") ?? "");
  return head.whole;
}

function knownHead(facts: HitFacts): KnownHead {
  const { stored, edge, edits, ageSeconds, ttlSeconds, now } = facts;
  const head = known.get(stored);
  if (head === undefined || head.edge !== edge || head.edits !== edits) return makeHead(facts);
  const isCurrent =
    head.ageSeconds === ageSeconds &&
    head.ttlSeconds === ttlSeconds &&
    (head.second === undefined || head.second === Math.floor(now / 1000));
  if (!isCurrent && head.isPlain) {
    head.ageSeconds = ageSeconds;
    head.ttlSeconds = ttlSeconds;
    head.whole = undefined;
    if (head.second !== undefined) head.second = Math.floor(now / 1000);
    head.text = headText(stored.status, hitHead(stored, edge, facts, edits), now);
  }
  return head;
}

function makeHead(facts: HitFacts): KnownHead {
  const { stored, edge, edits, ageSeconds, ttlSeconds, now } = facts;
  const lines = hitHead(stored, edge, facts, edits);
  const head: KnownHead = {
    edge,
    edits,
    isPlain: isPlainHead(stored.status, lines, facts.bodyBytes),
    ageSeconds,
    ttlSeconds,
    second: hasDate(lines) ? undefined : Math.floor(now / 1000),
    text: headText(stored.status, lines, now),
    whole: undefined,
  };
  known.set(stored, head);
  return head;
}

/**
 * True if a head says how long the body is, and nothing about the connection (P). `lines` has names
 * and values in turn; `bodyBytes` undefined: there is no body, whatever is said of its length.
 */
export function isPlainHead(
  status: number,
  lines: readonly string[],
  bodyBytes: number | undefined,
): boolean {
  const lengths: string[] = [];
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const [name = "", value = ""] = [lines[i]?.toLowerCase(), lines[i + 1]];
    if (FRAMING_FIELDS.has(name) || !CHARACTERS.test(value)) return false;
    if (name === "content-length") lengths.push(value);
  }
  if (bodyBytes === undefined) return true;
  const hasBody = status >= 200 && status !== 204 && status !== 304;
  return hasBody && lengths.length === 1 && lengths[0] === String(bodyBytes);
}

/** Status line and field lines; a Date at the end, where there is none (P). RFC 9110 s.6.6.1. */
export function headText(status: number, lines: readonly string[], now: EpochMs): HeadText {
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "unknown"}\r\n`;
  for (let i = 0; i + 1 < lines.length; i += 2) text += `${lines[i]}: ${lines[i + 1]}\r\n`;
  return hasDate(lines) ? text : `${text}Date: ${new Date(now).toUTCString()}\r\n`;
}

function hasDate(lines: readonly string[]): boolean {
  return lines.some((name, i) => i % 2 === 0 && name.toLowerCase() === "date");
}
