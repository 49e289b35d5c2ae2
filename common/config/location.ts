import { compileGlob, type Glob, globCaptures } from "./glob.ts";
import type { SiteRule } from "./rule.ts";
import { compileTemplate, fillTemplate, type Template } from "./template.ts";

/** The parts of a URL that redirects and rewrites are made of. */
export interface AskedPlace {
  /** Without port. */
  readonly host: string;
  readonly path: string;
  readonly query: string | undefined;
}

interface Compiled {
  readonly pattern: Glob | undefined;
  readonly template: Template;
}

const compiled = new WeakMap<object, Map<string, Compiled>>();

/** The `path` that a rule asks for, split at its stars; undefined when it asks for none (P). */
export function patternOf({ match }: Pick<SiteRule, "match">): Glob | undefined {
  const path = typeof match === "string" ? match : match.path;
  return path === undefined ? undefined : compileGlob(path);
}

/**
 * Where a rule sends a client (P): the value of Location; undefined if the rule does not.
 *
 * What comes from the request is percent-encoded, stands in the path only, and never begins a
 * place of its own: of several slashes at the start of a path without host one is left, for
 * browsers take `//x` for a host.
 */
export function redirectTarget(rule: SiteRule, asked: AskedPlace): string | undefined {
  const { redirect } = rule;
  if (redirect === undefined) return undefined;
  const filled = filledTemplate(rule, redirect.to, asked);
  const place = filled.startsWith("/") ? filled.replace(/^\/+/, "/") : filled;
  if (!redirect.query || asked.query === undefined || asked.query === "") return place;
  const [before = "", ...fragment] = place.split("#");
  const query = asked.query.replaceAll(/[^!$-;=?-Z_a-z~]/g, (character) =>
    encodeURIComponent(character.toWellFormed()),
  );
  const joined = `${before}${before.includes("?") ? "&" : "?"}${query}`;
  return fragment.length === 0 ? joined : `${joined}#${fragment.join("#")}`;
}

/** The path that the origin is asked for under a rule (P): that of the request, or another one. */
export function rewrittenPath(rule: SiteRule | undefined, asked: AskedPlace): string {
  if (rule?.rewrite === undefined) return asked.path;
  return filledTemplate(rule, rule.rewrite, asked).replace(/^\/+/, "/");
}

/** True if an origin may take a part of a path for a way up (P). */
export function climbs(path: string): boolean {
  const decoded = path.replaceAll(/%(?:25)*(2e|2f|5c|3b)/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return /(?:^|[/\\])\.\.?(?:[/\\;]|$)/.test(decoded);
}

function filledTemplate(rule: SiteRule, text: string, asked: AskedPlace): string {
  let known = compiled.get(rule);
  if (known === undefined) {
    known = new Map();
    compiled.set(rule, known);
  }
  let ready = known.get(text);
  if (ready === undefined) {
    ready = { pattern: patternOf(rule), template: compileTemplate(text) };
    known.set(text, ready);
  }
  const { pattern, template } = ready;
  const captures = pattern === undefined ? [] : (globCaptures(pattern, asked.path) ?? []);
  return fillTemplate(template, { ...asked, captures });
}
