import type { CompressOptions } from "../../common/config/compress.ts";
import type { SiteRule } from "../../common/config/rule.ts";
import type { Site } from "../../common/config/site.ts";
import { codingOf } from "../http/accept-encoding.ts";
import { type FieldLines, fieldMembers, hasField, singleField } from "../http/fields.ts";

/** Why a response is not encoded here. A closed set. */
export type NotEligibleReason =
  /** The site does not ask for it, or a rule says `compress: false`. */
  | "off"
  /** Only a 200 is a whole representation of what was asked for. */
  | "status"
  /** It has a Content-Encoding, or is a part of something. */
  | "encoded"
  /** RFC 9111 section 5.2.2.6. */
  | "no-transform"
  /** Its media type is not on the site's list, or is known to be compressed. */
  | "type"
  | "too-small"
  | "too-large"
  /** Its body is kept in slices. */
  | "sliced";

/** A response, as far as encoding is concerned. */
export interface EncodingFacts {
  readonly status: number;
  readonly fields: FieldLines;
  /** Undefined while it is not known. */
  readonly bodyBytes: number | undefined;
  readonly sliceBytes?: number;
}

/** What a site asks for on the paths of a rule; undefined: to encode nothing (P). */
export function compressionFor(
  site: Site | undefined,
  rule: SiteRule | undefined,
): CompressOptions | undefined {
  return rule?.compress === false ? undefined : site?.compress;
}

interface Verdict {
  readonly options: CompressOptions;
  readonly reason: NotEligibleReason | undefined;
}

const verdicts = new WeakMap<EncodingFacts, Verdict>();

/**
 * Why a response may not be encoded; undefined when it may (P: worked out once for each response).
 * RFC 9110 section 7.7, RFC 9111 section 5.2.2.6.
 *
 * Of a response whose length is not known yet this says whether it may come to be encoded: then its
 * Vary has to say so from the start.
 */
export function notEligible(
  options: CompressOptions | undefined,
  facts: EncodingFacts,
): NotEligibleReason | undefined {
  if (options === undefined) return "off";
  const before = verdicts.get(facts);
  if (before?.options === options) return before.reason;
  const reason = judge(options, facts);
  verdicts.set(facts, { options, reason });
  return reason;
}

function judge(options: CompressOptions, facts: EncodingFacts): NotEligibleReason | undefined {
  const { status, fields, bodyBytes, sliceBytes } = facts;
  if (status !== 200) return "status";
  if (codingOf(fields) !== "identity" || hasField(fields, "content-range")) return "encoded";
  if (forbidsTransform(fields)) return "no-transform";
  if (!fitsTypes(options.types, singleField(fields, "content-type"))) return "type";
  if (bodyBytes === undefined) return undefined;
  if (bodyBytes < options.min) return "too-small";
  if (bodyBytes > options.max) return "too-large";
  return sliceBytes === undefined ? undefined : "sliced";
}

/** Fields that may say `no-transform`. One that speaks to caches alone is obeyed as well. */
const DIRECTIVE_FIELDS = [
  "cache-control",
  "cdn-cache-control",
  "meridian-cache-control",
  "surrogate-control",
];

/** True if a request or response says `no-transform` (P). RFC 9111 sections 5.2.1.6, 5.2.2.6. */
export function forbidsTransform(fields: FieldLines): boolean {
  return DIRECTIVE_FIELDS.some((field) =>
    fieldMembers(fields, field).some((member) => /^no-transform(?:=|$)/i.test(member)),
  );
}

/**
 * Types whose bytes are compressed already. A pattern such as `image/*` does not mean them; who
 * names one in full has a reason.
 */
const COMPRESSED = [
  /^image\/(?!svg\+xml$|bmp$|x-icon$|vnd\.microsoft\.icon$)/,
  /^(?:audio|video)\//,
  /^font\/woff/,
  /^application\/(?:epub\+zip|font-woff2?|gzip|java-archive|pdf|vnd\.rar|zip|zstd)$/,
  /^application\/x-(?:7z-compressed|bzip2?|gzip|xz)$/,
];

function fitsTypes(patterns: readonly string[], contentType: string | undefined): boolean {
  const type = (contentType ?? "").toLowerCase().replace(/[;,\s].*$/s, "");
  if (patterns.includes(type)) return true;
  if (COMPRESSED.some((compressed) => compressed.test(type))) return false;
  return patterns.some((pattern) =>
    pattern.startsWith("*+")
      ? type.endsWith(pattern.slice(1))
      : pattern.endsWith("/*") && type.startsWith(pattern.slice(0, -1)),
  );
}
