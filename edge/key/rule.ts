import type { Site, SiteRule } from "../../common/config/site.ts";

/** A rule whose pattern has been split at its stars. */
interface CompiledRule {
  readonly rule: SiteRule;
  readonly pieces: readonly string[];
}

const compiled = new WeakMap<readonly SiteRule[], readonly CompiledRule[]>();

/**
 * The first rule of a site that fits a path, or undefined (P). A query in `path` is not looked at.
 *
 * `*` stands for any run of characters, also across slashes and also empty; all else is literal;
 * the whole path must fit. Patterns are split once per site; matching takes time in proportion to
 * pattern times path at worst, with no backtracking over more than one star.
 */
export function ruleFor(site: Site, path: string): SiteRule | undefined {
  let rules = compiled.get(site.rules);
  if (rules === undefined) {
    rules = site.rules.map((rule) => ({ rule, pieces: rule.match.split("*") }));
    compiled.set(site.rules, rules);
  }
  const query = path.indexOf("?");
  const bare = query === -1 ? path : path.slice(0, query);
  return rules.find(({ pieces }) => fits(pieces, bare))?.rule;
}

function fits(pieces: readonly string[], path: string): boolean {
  const first = pieces[0] ?? "";
  const last = pieces.at(-1) ?? "";
  if (pieces.length === 1) return path === first;
  if (!path.startsWith(first) || !path.endsWith(last)) return false;
  const end = path.length - last.length;
  let at = first.length;
  // The earliest place of each piece leaves most room to those behind it.
  for (const piece of pieces.slice(1, -1)) {
    const found = path.indexOf(piece, at);
    if (found === -1) return false;
    at = found + piece.length;
  }
  return at <= end;
}
