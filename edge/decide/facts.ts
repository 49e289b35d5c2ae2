import type { CacheDirectives } from "../http/cache-control.ts";
import type { FieldLines } from "../http/fields.ts";
import { type EffectiveDirectives, effectiveDirectives } from "../http/targeted-cache-control.ts";

const known = new WeakMap<FieldLines, EffectiveDirectives>();

/**
 * The directives of a response, read once for each list of fields (P: lists never change, so
 * remembering what was read cannot be seen from outside). A hit must not pay for parsing again.
 */
export function directivesOf(fields: FieldLines): EffectiveDirectives {
  let directives = known.get(fields);
  if (directives === undefined) {
    directives = effectiveDirectives(fields);
    known.set(fields, directives);
  }
  return directives;
}

/**
 * True if the response may not be given to anybody but the client that asked (P): `private`, or
 * `no-store` that `must-understand` does not undo. RFC 9111 sections 5.2.2.3, 5.2.2.5 and 5.2.2.7.
 * A stored response can come to say so by a 304.
 */
export function forbidsSharing(fields: FieldLines): boolean {
  return restrictsSharing(directivesOf(fields).directives);
}

/** The same of directives (P). */
export function restrictsSharing(directives: CacheDirectives): boolean {
  return directives.private === true || (directives.noStore && !directives.mustUnderstand);
}
