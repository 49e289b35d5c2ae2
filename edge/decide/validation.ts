import { type FieldLine, type FieldLines, hasField, singleField } from "../http/fields.ts";
import { fieldsToStore, withoutLimited } from "./storable.ts";
import type { StoredResponse, StoredTimes } from "./stored.ts";

/**
 * Fields that a 304 or HEAD response never changes: they describe the stored bytes, which stay as
 * they are. RFC 9111 section 3.2.
 */
const DESCRIBE_THE_BODY: ReadonlySet<string> = new Set([
  "content-digest",
  "content-encoding",
  "content-length",
  "content-md5",
  "content-range",
  "content-type",
  "repr-digest",
]);

/**
 * The request fields that ask the origin whether a stored response still holds (P). RFC 9111
 * section 4.3.1.
 *
 * The stored ETag and Last-Modified byte for byte, malformed or not, for the origin knows its own;
 * one that is given twice is not used. Empty when there is nothing to validate with.
 */
export function conditionalFields(stored: StoredResponse): FieldLine[] {
  const conditions: FieldLine[] = [];
  const etag = singleField(stored.fields, "etag");
  if (etag !== undefined && etag !== "") conditions.push(["if-none-match", etag]);
  const modified = singleField(stored.fields, "last-modified");
  if (modified !== undefined && modified !== "") conditions.push(["if-modified-since", modified]);
  return conditions;
}

/**
 * The stored response after a 304 has confirmed it (P). RFC 9111 sections 3.2 and 4.3.4.
 *
 * Every field of the 304 replaces all stored lines of its name, but for those that describe the
 * body; others stay. Age and Date are always those of the confirmation. `times` are those of the
 * exchange that brought the 304. A Set-Cookie is for the client whose request asked, so it is only
 * taken over by a response that was stored with one. A 304 whose validators are not the stored ones
 * changes nothing, not even the times: new fields, or a new ETag, must never stand over old bytes.
 * The new fields may forbid storing: whoever keeps the result asks `judgeStorable` again (until
 * then `decideReuse` never serves it unasked).
 */
export function freshen(
  stored: StoredResponse,
  fields304: FieldLines,
  times: StoredTimes,
): StoredResponse {
  if (!identifies(fields304, stored)) return stored;
  const takesCookies = hasField(stored.fields, "set-cookie");
  const news = fieldsToStore(fields304, times.responseTime).filter(
    ([name]) => !DESCRIBE_THE_BODY.has(name) && (takesCookies || name !== "set-cookie"),
  );
  const replaced = new Set(["age", ...news.map(([name]) => name)]);
  const kept = stored.fields.filter(([name]) => !replaced.has(name));
  return { ...stored, fields: withoutLimited([...kept, ...news]), times };
}

/**
 * True if a 304 is about this stored response (P). RFC 9111 section 4.3.4: it has no validators, or
 * the same ones. An ETag decides where both have one, else Last-Modified.
 */
export function identifies(fields304: FieldLines, stored: StoredResponse): boolean {
  const etag = singleField(fields304, "etag");
  const storedEtag = singleField(stored.fields, "etag");
  if (etag !== undefined && storedEtag !== undefined) {
    // Servers weaken a tag on the way; a strong one never stands for what was only stored as weak.
    return etag === storedEtag || etag === `W/${storedEtag}`;
  }
  const modified = singleField(fields304, "last-modified");
  if (modified !== undefined) return modified === singleField(stored.fields, "last-modified");
  return etag === undefined;
}

/** What a HEAD response says about a stored GET response. */
export type HeadVerdict =
  | { readonly kind: "freshened"; readonly stored: StoredResponse }
  /** It describes something else: what is stored must be taken as stale. */
  | { readonly kind: "outdated" };

/**
 * Brings a stored response up to date with a 200 answer to HEAD (P). RFC 9111 section 4.3.5.
 *
 * It holds only if the validators and the length that the answer gives are the stored ones.
 */
export function freshenFromHead(
  stored: StoredResponse,
  headFields: FieldLines,
  times: StoredTimes,
): HeadVerdict {
  for (const name of ["etag", "last-modified", "content-length"]) {
    const value = singleField(headFields, name);
    if (value === undefined) continue;
    const before = singleField(stored.fields, name) ?? knownLength(name, stored);
    if (before !== value) return { kind: "outdated" };
  }
  return { kind: "freshened", stored: freshen(stored, headFields, times) };
}

/** A body that came in chunks has a length too, once it is all there. */
function knownLength(name: string, stored: StoredResponse): string | undefined {
  const { bodyBytes } = stored;
  return name === "content-length" && bodyBytes !== undefined ? String(bodyBytes) : undefined;
}
