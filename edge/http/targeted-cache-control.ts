import { parseDictionary } from "structured-headers";
import {
  type CacheDirectives,
  collectDirectives,
  type DirectiveArgument,
  responseDirectives,
} from "./cache-control.ts";
import { combinedField, type FieldLines } from "./fields.ts";

/**
 * The fields that speak to a cache like this one, the most special first. RFC 9213 section 2.2
 * calls this the target list.
 */
const TARGET_LIST = ["meridian-cache-control", "cdn-cache-control", "surrogate-control"] as const;

/** The field whose directives count for a response. */
export type DirectiveSource = (typeof TARGET_LIST)[number] | "cache-control";

/** Directives that count, and where they come from. */
export interface EffectiveDirectives {
  readonly directives: CacheDirectives;
  /** Expires plays a part only when this is `cache-control` (RFC 9213 section 2.2). */
  readonly source: DirectiveSource;
}

/**
 * What `Surrogate-Control` must say to count. It has other jobs (`content="ESI/1.0"`), and one that
 * does not speak of caching must not switch off a `Cache-Control: private`.
 */
const SURROGATE_DIRECTIVES = ["max-age", "no-store"];

/**
 * The directives that this cache goes by (P). RFC 9213 section 2.2.
 *
 * The first field of the target list that is a valid, non-empty structured dictionary is used
 * alone; then Cache-Control and Expires play no part. A field with any error is as good as absent.
 */
export function effectiveDirectives(fields: FieldLines): EffectiveDirectives {
  for (const source of TARGET_LIST) {
    const value = combinedField(fields, source);
    const members = value === undefined ? undefined : dictionaryMembers(value);
    if (members === undefined || members.size === 0) continue;
    if (source === "surrogate-control" && !SURROGATE_DIRECTIVES.some((name) => members.has(name))) {
      continue;
    }
    return { directives: collectDirectives(members), source };
  }
  return { directives: responseDirectives(fields), source: "cache-control" };
}

function dictionaryMembers(value: string): Map<string, DirectiveArgument> | undefined {
  const members = new Map<string, DirectiveArgument>();
  try {
    for (const [name, [bare]] of parseDictionary(value)) {
      if (bare !== false) members.set(name, directiveArgument(name, bare));
    }
  } catch {
    return undefined;
  }
  return members;
}

const INTEGER_DIRECTIVES: ReadonlySet<string> = new Set([
  "max-age",
  "s-maxage",
  "stale-if-error",
  "stale-while-revalidate",
]);

/**
 * A value of the wrong type (RFC 9213 section 2.1) becomes an argument that cannot be read, which
 * `collectDirectives` takes as the stricter case: `max-age="60"` is 0, `private=1` is all of it.
 */
function directiveArgument(name: string, bare: unknown): DirectiveArgument {
  if (bare === true) return undefined;
  if (typeof bare === "number") return INTEGER_DIRECTIVES.has(name) ? String(bare) : "";
  return typeof bare === "string" && !INTEGER_DIRECTIVES.has(name) ? bare : "";
}
