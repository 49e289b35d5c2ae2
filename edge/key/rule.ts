import type { Site, SiteRule } from "../../common/config/site.ts";

/** A rule whose pattern has been split at its stars; without any, there is no `last`. */
interface CompiledRule {
  readonly rule: SiteRule;
  readonly first: string;
  readonly middle: readonly string[];
  readonly last: string | undefined;
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
    rules = site.rules.map(compile);
    compiled.set(site.rules, rules);
  }
  const query = path.indexOf("?");
  const bare = query === -1 ? path : path.slice(0, query);
  return rules.find((rule) => fits(rule, bare))?.rule;
}

function compile(rule: SiteRule): CompiledRule {
  const [first = "", ...middle] = rule.match.split("*");
  const last = middle.pop();
  return { rule, first, middle, last };
}

function fits({ first, middle, last }: CompiledRule, path: string): boolean {
  if (last === undefined) return path === first;
  if (!path.startsWith(first) || !path.endsWith(last)) return false;
  let at = first.length;
  // The earliest place of each piece leaves most room to those behind it.
  for (const piece of middle) {
    const found = path.indexOf(piece, at);
    if (found === -1) return false;
    at = found + piece.length;
  }
  return at <= path.length - last.length;
}
