import { type FieldLines, fieldMembers, singleField } from "./fields.ts";

/** An entity tag. RFC 9110 section 8.8.3. */
export interface EntityTag {
  readonly weak: boolean;
  /** What stands between the quotes, compared character by character. */
  readonly opaque: string;
}

/** `etagc` is any visible character but the quote, and obs-text; a backslash escapes nothing. */
const ENTITY_TAG = /^(W\/)?"([\x21\x23-\x7e\x80-\uffff]*)"$/;

/** Reads `"abc"` or `W/"abc"` (P). Undefined for anything else. RFC 9110 section 8.8.3. */
export function parseEntityTag(text: string): EntityTag | undefined {
  const match = ENTITY_TAG.exec(text);
  if (match === null) return undefined;
  const [, weak, opaque = ""] = match;
  return { weak: weak !== undefined, opaque };
}

/** The entity tag of a response; undefined when absent, malformed or given twice (P). */
export function entityTagOf(fields: FieldLines): EntityTag | undefined {
  const value = singleField(fields, "etag");
  return value === undefined ? undefined : parseEntityTag(value);
}

/**
 * Reads `If-Match` or `If-None-Match` over all lines (P). RFC 9110 sections 13.1.1 and 13.1.2.
 *
 * Output: `"*"`, the tags (members that are not entity tags are left out: they match nothing), or
 * undefined when the field is absent.
 */
export function entityTagList(
  fields: FieldLines,
  name: "if-match" | "if-none-match",
): readonly EntityTag[] | "*" | undefined {
  if (!fields.some(([lineName]) => lineName === name)) return undefined;
  const members = fieldMembers(fields, name);
  if (members.length === 1 && members[0] === "*") return "*";
  return members.map(parseEntityTag).filter((tag) => tag !== undefined);
}

/** Both strong, and the same (P). RFC 9110 section 8.8.3.2. */
export function matchesStrongly(left: EntityTag, right: EntityTag): boolean {
  return !left.weak && !right.weak && left.opaque === right.opaque;
}

/** The same, weak or not (P). RFC 9110 section 8.8.3.2. */
export function matchesWeakly(left: EntityTag, right: EntityTag): boolean {
  return left.opaque === right.opaque;
}
