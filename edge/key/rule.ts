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
 * An origin may take a path for another one: it may undo escapes, resolve dot segments, merge
 * slashes and drop what follows a semicolon. Where that other path has another rule, whichever says
 * `cache: false` counts, and else none: `/static/..%2faccount` must not live as long as
 * `/static/*`.
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
  if (rules.length === 0) return undefined;
  const query = path.indexOf("?");
  const bare = query === -1 ? path : path.slice(0, query);
  const first = (of: string) => rules.find((rule) => fits(rule, of))?.rule;
  const asSent = first(bare);
  if (!DOUBTFUL.test(bare)) return asSent;
  const asTaken = first(plainPath(bare));
  if (asSent === asTaken || asSent?.cache === false) return asSent;
  return asTaken?.cache === false ? asTaken : undefined;
}

/** What some origin could take for something else. */
const DOUBTFUL = /[%;\\]|\/\/|\/\.\.?(?:\/|$)/;

/** The shortest way to write what an origin could take a path for (P). */
function plainPath(path: string): string {
  const decoded = path.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  const kept: string[] = [];
  for (const segment of decoded.split(/[/\\]/).map((text) => text.replace(/;.*$/s, ""))) {
    if (segment === "..") kept.pop();
    else if (segment !== "" && segment !== ".") kept.push(segment);
  }
  return `/${kept.join("/")}${/[/\\]$/.test(decoded) && kept.length > 0 ? "/" : ""}`;
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
