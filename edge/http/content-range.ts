import { type FieldLines, singleField } from "./fields.ts";

/** What a 206 says it holds: bytes `first` to `last`, both included, of `length` bytes. */
export interface ContentRange {
  readonly first: number;
  readonly last: number;
  readonly length: number;
}

const CONTENT_RANGE = /^bytes[ \t]+(\d{1,15})-(\d{1,15})\/(\d{1,15})$/i;

/**
 * Reads `Content-Range` (P). RFC 9110 section 14.4. Undefined when it is absent, given twice,
 * malformed, without a complete length (`*`), or impossible.
 */
export function contentRangeOf(fields: FieldLines): ContentRange | undefined {
  const match = CONTENT_RANGE.exec(singleField(fields, "content-range") ?? "");
  if (match === null) return undefined;
  const [first, last, length] = [Number(match[1]), Number(match[2]), Number(match[3])];
  return first <= last && last < length ? { first, last, length } : undefined;
}
