import { acceptedCodings, codingOf, codingWeight } from "../http/accept-encoding.ts";
import { entityTagOf } from "../http/etag.ts";
import type { FieldLine, FieldLines } from "../http/fields.ts";
import { singleField } from "../http/fields.ts";
import { dateValue } from "./age.ts";
import type { StoredResponse } from "./stored.ts";

/** Entity tags in one request: enough for languages and codings, short enough for any origin. */
export const ALTERNATIVES_MAX = 16;

/**
 * The stored responses of a key that the origin may name instead of sending one anew, when none of
 * them matches a request by its Vary (P). RFC 9111 section 4.3.1.
 *
 * Output: indexes into `stored`, the most recent Date first, at most ALTERNATIVES_MAX, one for each
 * entity tag. Only complete 200 responses with a strong tag, for a weak one does not say that the
 * bytes are the same (RFC 9110 section 8.8.1). And only in a content coding that the client takes:
 * origins exist that give all codings the same tag.
 */
export function alternatives(
  stored: readonly StoredResponse[],
  requestFields: FieldLines,
): readonly number[] {
  const accepted = acceptedCodings(requestFields);
  const tags = new Set<string>();
  return stored
    .map((response, index) => ({ response, index, tag: strongTag(response) }))
    .filter(({ response }) => codingWeight(accepted, codingOf(response.fields)) > 0)
    .toSorted((a, b) => generatedAt(b.response) - generatedAt(a.response))
    .filter(({ tag }) => tag !== undefined && !tags.has(tag) && tags.add(tag))
    .slice(0, ALTERNATIVES_MAX)
    .map(({ index }) => index);
}

/** The condition that asks whether one of these responses will do (P). RFC 9111 section 4.3.1. */
export function anyOfThese(responses: readonly StoredResponse[]): FieldLine[] {
  const tags = responses.flatMap((response) => strongTag(response) ?? []);
  return tags.length === 0 ? [] : [["if-none-match", tags.join(", ")]];
}

/**
 * Which of these responses a 304 names, by exactly its one strong entity tag; undefined when it
 * names none of them (P). RFC 9111 section 4.3.4.
 */
export function namedBy304<T extends { readonly response: StoredResponse }>(
  fields304: FieldLines,
  candidates: readonly T[],
): T | undefined {
  const tag = entityTagOf(fields304)?.weak === false ? singleField(fields304, "etag") : undefined;
  return tag === undefined
    ? undefined
    : candidates.find(({ response }) => strongTag(response) === tag);
}

/** The strong entity tag of a complete 200 response, as it stood on the wire. */
function strongTag({ status, fields, method, sliceBytes }: StoredResponse): string | undefined {
  if (status !== 200 || method !== "GET" || sliceBytes !== undefined) return undefined;
  return entityTagOf(fields)?.weak === false ? singleField(fields, "etag") : undefined;
}

function generatedAt({ fields, times }: StoredResponse): number {
  return dateValue(fields, times.responseTime);
}
