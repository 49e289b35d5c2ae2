import { contentRangeOf } from "../http/content-range.ts";
import { parseHttpDate } from "../http/date.ts";
import { entityTagOf } from "../http/etag.ts";
import {
  combinedField,
  type FieldLine,
  type FieldLines,
  hasField,
  singleField,
} from "../http/fields.ts";
import type { StoredResponse } from "./stored.ts";

/** How a large body is cut: slices of `sliceBytes`, counted from 0, the last one shorter. */
export interface Slicing {
  readonly sliceBytes: number;
  /** Complete length of the body. */
  readonly bodyBytes: number;
}

/** How a stored body is cut, or undefined if it is kept whole (P). */
export function slicingOf({ sliceBytes, bodyBytes }: StoredResponse): Slicing | undefined {
  if (sliceBytes === undefined || bodyBytes === undefined) return undefined;
  return { sliceBytes, bodyBytes };
}

/** How many slices a body has (P). */
export function sliceCount({ sliceBytes, bodyBytes }: Slicing): number {
  return Math.ceil(bodyBytes / sliceBytes);
}

/** How many bytes a slice has (P). */
export function sliceLength({ sliceBytes, bodyBytes }: Slicing, index: number): number {
  return Math.min(sliceBytes, bodyBytes - index * sliceBytes);
}

/**
 * The validator that tells one version of a body from every other, as `If-Range` takes it (P). RFC
 * 9110 sections 8.8.1 and 8.8.2.2.
 *
 * A strong ETag; or Last-Modified when there is no ETag at all and it lies at least a second before
 * Date, so that a second change within the same second cannot hide. Undefined when there is
 * neither: pieces of such a body may belong to different versions, and are never put together.
 * `fields` are those of the origin, `receivedAt` is when they arrived.
 */
export function strongValidator(fields: FieldLines, receivedAt: number): string | undefined {
  if (hasField(fields, "etag")) {
    const etag = entityTagOf(fields);
    return etag === undefined || etag.weak ? undefined : singleField(fields, "etag");
  }
  const modified = singleField(fields, "last-modified");
  const date = singleField(fields, "date");
  if (modified === undefined || date === undefined) return undefined;
  const modifiedAt = parseHttpDate(modified, receivedAt);
  const sentAt = parseHttpDate(date, receivedAt);
  if (modifiedAt === undefined || sentAt === undefined) return undefined;
  return modifiedAt <= sentAt - 1000 ? modified : undefined;
}

/** What is known of a version, to hold an answer of the origin against. */
export interface KnownVersion {
  /** As `strongValidator` gave it. */
  readonly validator: string;
  /** Complete length. */
  readonly bodyBytes: number;
  readonly contentEncoding: string | undefined;
}

/** What must be the same in all pieces of a stored response; undefined without a validator (P). */
export function versionOf(fields: FieldLines, bodyBytes: number, receivedAt: number) {
  const validator = strongValidator(fields, receivedAt);
  if (validator === undefined) return undefined;
  return { validator, bodyBytes, contentEncoding: combinedField(fields, "content-encoding") };
}

/** What an answer to a request for some slices is. */
export type SliceAnswer =
  /** Bytes `first` to `last`, both included, of the version that was asked for. */
  | { readonly kind: "part"; readonly first: number; readonly last: number }
  /** All of it, from byte 0: the origin ignores Range (RFC 9110 section 14.2 allows it). */
  | { readonly kind: "whole" }
  /** Another version, or none any more. */
  | { readonly kind: "changed" }
  /** The origin cannot answer now, or what it says makes no sense. */
  | { readonly kind: "failed"; readonly detail: string };

/**
 * Judges an answer to `Range` with `If-Range` (P). RFC 9110 sections 13.1.5, 14.4 and 15.3.7.
 *
 * `first` is the first byte that was asked for; the origin may send fewer bytes than asked. A 206
 * without a validator is not taken: section 15.3.7 has it repeat the ETag, and without one nothing
 * shows that it is not another version. A 5xx or 429 says nothing about the version.
 */
export function judgeSliceAnswer(
  answer: { readonly status: number; readonly fields: FieldLines },
  first: number,
  known: KnownVersion,
): SliceAnswer {
  const { status, fields } = answer;
  if (status >= 500 || status === 429) return { kind: "failed", detail: `status ${status}` };
  if (status !== 200 && status !== 206) return { kind: "changed" };
  if (!isVersion(fields, known)) return { kind: "changed" };
  if (status === 200) {
    const length = singleField(fields, "content-length");
    return Number(length) === known.bodyBytes ? { kind: "whole" } : { kind: "changed" };
  }
  const range = contentRangeOf(fields);
  if (range === undefined || range.first !== first) {
    return { kind: "failed", detail: "a 206 with another range than was asked for" };
  }
  if (range.length !== known.bodyBytes) return { kind: "changed" };
  return { kind: "part", first, last: range.last };
}

function isVersion(fields: FieldLines, { validator, contentEncoding }: KnownVersion): boolean {
  const name = validator.startsWith('"') ? "etag" : "last-modified";
  if (singleField(fields, name) !== validator) return false;
  if (name === "last-modified" && hasField(fields, "etag")) return false;
  const coding = combinedField(fields, "content-encoding");
  return coding === undefined || coding === contentEncoding;
}

/** What the origin is asked for when a client wants a range of what is not stored. */
export interface AskedRange {
  /** The value of Range. */
  readonly value: string;
  /** The first byte asked for; undefined for so many bytes from the end. */
  readonly first: number | undefined;
}

const ONE_RANGE = /^bytes[ \t]*=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/i;

/**
 * The range that is rounded out to whole slices (P). Undefined for a request that is better
 * answered by asking for everything: without a range, with several or a wrong one, and with one
 * from the first byte to the end.
 *
 * Of a suffix the length is not known, nor where its slices begin: it gets almost one slice more,
 * so that the slice in which it begins is complete whatever the length.
 */
export function rangeToAsk(requestFields: FieldLines, sliceBytes: number): AskedRange | undefined {
  const match = ONE_RANGE.exec(combinedField(requestFields, "range") ?? "");
  if (match === null) return undefined;
  const [, from = "", to = ""] = match;
  if (from === "") {
    if (to === "") return undefined;
    return { value: `bytes=-${Number(to) + sliceBytes - 1}`, first: undefined };
  }
  const first = Math.floor(Number(from) / sliceBytes) * sliceBytes;
  if (to === "") return first === 0 ? undefined : { value: `bytes=${first}-`, first };
  if (Number(to) < Number(from)) return undefined;
  const last = (Math.floor(Number(to) / sliceBytes) + 1) * sliceBytes - 1;
  return { value: `bytes=${first}-${last}`, first };
}

/** A 206 in the form of the 200 that it is a part of. */
export interface PartOfWhole {
  readonly first: number;
  readonly last: number;
  readonly length: number;
  /** The fields that the 200 would have. */
  readonly fields: FieldLine[];
}

/**
 * Reads the 206 that came for an asked range (P). RFC 9111 section 3.4: a 206 with everything in it
 * is as good as a 200. Undefined if it is not what was asked for, or does not say what it is.
 */
export function partOfWhole(fields: FieldLines, asked: AskedRange): PartOfWhole | undefined {
  const range = contentRangeOf(fields);
  if (range === undefined) return undefined;
  const { first, last, length } = range;
  const expected = asked.first === undefined ? last === length - 1 : first === asked.first;
  const announced = singleField(fields, "content-length");
  if (!expected || (announced !== undefined && Number(announced) !== last - first + 1)) {
    return undefined;
  }
  const kept = fields.filter(([name]) => name !== "content-range" && name !== "content-length");
  return { ...range, fields: [...kept, ["content-length", String(length)]] };
}

/** True if it is all there is (P). */
export function isComplete({ first, last, length }: PartOfWhole): boolean {
  return first === 0 && last === length - 1;
}

/** A response that might be kept in slices. */
export interface SlicingQuestion {
  readonly status: number;
  readonly fields: FieldLines;
  readonly receivedAt: number;
  /** Slice size of the site; undefined if it wants none, or the origin is known to ignore Range. */
  readonly sliceBytes: number | undefined;
}

/**
 * How a response would be cut, or undefined if it stays whole (P): it is no larger than a slice,
 * its length is not known, nothing names its version, or the origin serves no ranges.
 */
export function slicingFor(question: SlicingQuestion): Slicing | undefined {
  const { status, fields, receivedAt, sliceBytes } = question;
  if (sliceBytes === undefined || status !== 200 || hasField(fields, "transfer-encoding")) {
    return undefined;
  }
  const bodyBytes = Number(singleField(fields, "content-length") ?? Number.NaN);
  if (!Number.isSafeInteger(bodyBytes) || bodyBytes <= sliceBytes) return undefined;
  if (singleField(fields, "accept-ranges")?.toLowerCase() === "none") return undefined;
  return strongValidator(fields, receivedAt) === undefined ? undefined : { sliceBytes, bodyBytes };
}
