import type { Answer, Ask, Body } from "./answer.ts";

/** A whole representation with its validators, before preconditions and ranges are looked at. */
export interface Representation {
  readonly fields: Readonly<Record<string, string>>;
  /** A strong entity tag, quotes included. */
  readonly etag?: string;
  readonly modified?: number;
  readonly length: number;
  /** Makes the bytes `first` to `last`, both included. */
  readonly piece: (first: number, last: number) => Body;
}

/**
 * Answers GET or HEAD for a representation: 200, 206, 304 or 416 (P). RFC 9110 sections 13 and 14.
 * Several ranges at once are answered with the whole, which section 14.2 allows.
 */
export function conditionalAnswer(ask: Ask, representation: Representation): Answer {
  const { etag, modified, length } = representation;
  const fields: Record<string, string> = { ...representation.fields, "accept-ranges": "bytes" };
  if (etag !== undefined) fields["etag"] = etag;
  if (modified !== undefined) fields["last-modified"] = new Date(modified).toUTCString();
  if (isNotModified(ask, etag, modified)) return { status: 304, fields, body: { kind: "none" } };
  const range = mayUseRange(ask, etag) ? parseByteRange(ask.field("range"), length) : "ignore";
  if (range === "ignore") {
    return { status: 200, fields, body: representation.piece(0, length - 1) };
  }
  if (range === "unsatisfiable") {
    fields["content-range"] = `bytes */${length}`;
    return { status: 416, fields, body: { kind: "none" } };
  }
  fields["content-range"] = `bytes ${range.first}-${range.last}/${length}`;
  return { status: 206, fields, body: representation.piece(range.first, range.last) };
}

/** Positions of the first and last byte, both included. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * Reads a Range field against a representation of `length` bytes (P). RFC 9110 section 14.1.2.
 * Anything but one well-formed byte range is "ignore", which means: send the whole.
 */
export function parseByteRange(
  value: string | undefined,
  length: number,
): ByteRange | "ignore" | "unsatisfiable" {
  const match = /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/i.exec(value ?? "");
  const [from, to] = [match?.[1] ?? "", match?.[2] ?? ""];
  if (from === "" && to === "") return "ignore";
  if (from === "") {
    const suffix = Math.min(Number(to), length);
    return suffix === 0 ? "unsatisfiable" : { first: length - suffix, last: length - 1 };
  }
  const first = Number(from);
  const last = to === "" ? length - 1 : Math.min(Number(to), length - 1);
  if (to !== "" && Number(to) < first) return "ignore";
  return first >= length ? "unsatisfiable" : { first, last };
}

function isNotModified(ask: Ask, etag: string | undefined, modified: number | undefined): boolean {
  const ifNoneMatch = ask.field("if-none-match");
  // RFC 9110 s.13.2.2: the date only counts where there is no If-None-Match.
  if (ifNoneMatch !== undefined) return etag !== undefined && listsTag(ifNoneMatch, etag);
  const since = Date.parse(ask.field("if-modified-since") ?? "");
  return modified !== undefined && Math.floor(modified / 1000) * 1000 <= since;
}

/** RFC 9110 s.13.1.2: weak comparison, so a `W/` in front does not matter. */
function listsTag(list: string, etag: string): boolean {
  return (
    list.trim() === "*" || list.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag)
  );
}

/** RFC 9110 s.13.1.5: If-Range wants the very same strong tag; a date is not good enough here. */
function mayUseRange(ask: Ask, etag: string | undefined): boolean {
  const ifRange = ask.field("if-range");
  return ask.method === "GET" && (ifRange === undefined || ifRange.trim() === etag);
}
