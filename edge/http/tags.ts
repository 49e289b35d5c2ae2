import { TAG_LENGTH_MAX } from "../../state/limits.ts";
import type { TagSet } from "../../state/purge.ts";
import { type FieldLines, fieldValues } from "./fields.ts";

/** Tags of one object. One with more counts as having them all. */
export const OBJECT_TAGS_MAX = 256;

const NO_TAGS: TagSet = { tags: [], overflow: false };

const known = new WeakMap<FieldLines, TagSet>();

/**
 * The tags of a response, read once for each list of fields (P): members of `Surrogate-Key`,
 * separated by spaces, and of `Cache-Tag`, separated by commas; each once, case kept. What goes
 * beyond OBJECT_TAGS_MAX or TAG_LENGTH_MAX is left out and noted as `overflow`.
 */
export function tagsOf(fields: FieldLines): TagSet {
  let tags = known.get(fields);
  if (tags === undefined) {
    tags = readTags(fields);
    known.set(fields, tags);
  }
  return tags;
}

function readTags(fields: FieldLines): TagSet {
  const all = new Set([
    ...fieldValues(fields, "surrogate-key").flatMap(spaceSeparated),
    ...fieldValues(fields, "cache-tag").flatMap(commaSeparated),
  ]);
  if (all.size === 0) return NO_TAGS;
  const fitting = [...all].filter((tag) => tag.length <= TAG_LENGTH_MAX);
  const tags = fitting.slice(0, OBJECT_TAGS_MAX);
  return { tags, overflow: tags.length < all.size };
}

/** The tags in a `Surrogate-Key` value (P). */
export function spaceSeparated(value: string): string[] {
  return value.split(/[ \t]+/).filter((tag) => tag !== "");
}

/** The tags in a `Cache-Tag` value (P): spaces around a tag do not belong to it. */
export function commaSeparated(value: string): string[] {
  return value.split(/[ \t]*,[ \t]*/).filter((tag) => tag !== "");
}
