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
