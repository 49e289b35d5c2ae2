import { compileGlob, type Glob, globFits } from "../../common/config/glob.ts";
import type { KeyOptions } from "../../common/config/key.ts";
import { decoded } from "../../common/config/rule-match.ts";

/** What of a query is part of the key, ready for many requests. */
export interface QueryRules {
  /** Undefined: every parameter. */
  readonly keeps: ((name: string) => boolean) | undefined;
  readonly sorts: boolean;
}

/** Every query as it is. */
export const WHOLE_QUERY: QueryRules = { keeps: undefined, sorts: false };

/** Makes what a configuration says of queries ready (P). */
export function compileQueryRules(query: KeyOptions["query"] = "all"): QueryRules {
  if (query === "all") return WHOLE_QUERY;
  if (query === "none") return { keeps: () => false, sorts: false };
  const { ignore, pick, sort = false } = query;
  if (pick !== undefined) return { keeps: matcher(pick), sorts: sort };
  if (ignore === undefined) return { keeps: undefined, sorts: sort };
  const ignores = matcher(ignore);
  return { keeps: (name) => !ignores(name), sorts: sort };
}

function matcher(patterns: readonly string[]): (name: string) => boolean {
  const names = new Set(patterns.filter((pattern) => !pattern.includes("*")));
  const globs: readonly Glob[] = patterns
    .filter((pattern) => pattern.includes("*"))
    .map(compileGlob);
  return (name) => names.has(name) || globs.some((glob) => globFits(glob, name));
}

/**
 * The part of a target that is in the key (P): path, and what stays of the query.
 *
 * Names are compared with their escapes undone; what is kept stays as it was written. Parameters of
 * one name keep their order. A query of which nothing stays goes with its `?`.
 */
export function keyTarget(target: string, { keeps, sorts }: QueryRules): string {
  const mark = target.indexOf("?");
  if (mark === -1 || (keeps === undefined && !sorts)) return target;
  const parameters = target
    .slice(mark + 1)
    .split("&")
    .filter((text) => text !== "")
    .map((text) => ({ text, name: decoded(text.split("=", 1)[0] ?? "") }));
  const kept = keeps === undefined ? parameters : parameters.filter(({ name }) => keeps(name));
  if (sorts) kept.sort((a, b) => (a.name === b.name ? 0 : a.name < b.name ? -1 : 1));
  const path = target.slice(0, mark);
  return kept.length === 0 ? path : `${path}?${kept.map(({ text }) => text).join("&")}`;
}
