import type { SiteRule } from "../../common/config/rule.ts";
import {
  type CompiledMatch,
  compileMatch,
  couldMatch,
  matches,
  type RequestFacts,
} from "../../common/config/rule-match.ts";
import type { Site } from "../../common/config/site.ts";
import type { FieldLines } from "../http/fields.ts";
import { hostName } from "./site.ts";

/** A rule and what it asks, ready for many requests. */
interface CompiledRule {
  readonly rule: SiteRule;
  readonly match: CompiledMatch;
}

const compiled = new WeakMap<readonly SiteRule[], readonly CompiledRule[]>();

/** A request as far as rules may depend on it. */
export interface RuledRequest {
  readonly method: string;
  /** As the client sent it, or in the form of the key. */
  readonly host: string;
  /** Path and query as sent. */
  readonly target: string;
  readonly fields: FieldLines;
}

/**
 * The first rule of a site that a request matches, or undefined (P).
 *
 * An origin may take a path for another one: it may undo escapes, resolve dot segments, merge
 * slashes and drop what follows a semicolon, or an escaped NUL, line end, `?` or `#`. Where that
 * other path has another rule, whichever says `cache: false` counts, and else none:
 * `/static/..%2faccount` must not live as long as `/static/*`.
 */
export function ruleFor(site: Site, request: RuledRequest): SiteRule | undefined {
  const [asSent, ...others] = rulesFor(site, request);
  if (others.length === 0 || asSent?.cache === false) return asSent;
  return others.find((rule) => rule?.cache === false);
}

/**
 * The rule that a request matches as it was sent, and the one that it matches as an origin may take
 * it, if that is another one (P); undefined stands for none.
 */
export function rulesFor(site: Site, request: RuledRequest): readonly (SiteRule | undefined)[] {
  const rules = compiledRules(site);
  if (rules.length === 0) return NO_RULE;
  const facts = factsOf(request);
  const asSent = firstMatch(rules, facts);
  if (!DOUBTFUL.test(facts.path)) return [asSent];
  const asTaken = firstMatch(rules, { ...facts, path: plainPath(facts.path) });
  return asSent === asTaken ? [asSent] : [asSent, asTaken];
}

const NO_RULE: readonly undefined[] = [undefined];

/**
 * The rules that requests for a URL may be answered by, whatever their methods, fields and cookies;
 * undefined among them stands for none (P).
 */
export function possibleRules(
  site: Site,
  url: Pick<RuledRequest, "host" | "target">,
): (SiteRule | undefined)[] {
  const rules = compiledRules(site);
  const facts = factsOf({ ...url, method: "", fields: [] });
  const asSent = possibleMatches(rules, facts);
  if (rules.length === 0 || !DOUBTFUL.test(facts.path)) return asSent;
  const asTaken = possibleMatches(rules, { ...facts, path: plainPath(facts.path) });
  return [...new Set([...asSent, ...asTaken, undefined])];
}

function possibleMatches(
  rules: readonly CompiledRule[],
  facts: RequestFacts,
): (SiteRule | undefined)[] {
  const possible: SiteRule[] = [];
  for (const { rule, match } of rules) {
    const verdict = couldMatch(match, facts);
    if (verdict !== "no") possible.push(rule);
    if (verdict === "certain") return possible;
  }
  return [...possible, undefined];
}

/** The rules of a site, made ready once (P). */
function compiledRules({ rules }: Site): readonly CompiledRule[] {
  let ready = compiled.get(rules);
  if (ready === undefined) {
    ready = rules.map((rule) => ({ rule, match: compileMatch(rule) }));
    compiled.set(rules, ready);
  }
  return ready;
}

function firstMatch(rules: readonly CompiledRule[], facts: RequestFacts): SiteRule | undefined {
  return rules.find(({ match }) => matches(match, facts))?.rule;
}

function factsOf({ method, host, target, fields }: RuledRequest): RequestFacts {
  const mark = target.indexOf("?");
  return {
    method,
    host: hostName(host),
    path: mark === -1 ? target : target.slice(0, mark),
    query: mark === -1 ? undefined : target.slice(mark + 1),
    fields,
  };
}

/** What some origin could take for something else. */
const DOUBTFUL = /[%;\\]|\/\/|\/\.\.?(?:\/|$)/;

/** Origins undo escapes once, and again where what they hand a path on to does; no more often. */
const DECODINGS_MAX = 3;

/** Where an origin may take a path to end once escapes are undone: in C, a URL, a line. */
const END_OF_PATH = /[\0\r\n?#].*$/s;

/** The shortest way to write what an origin could take a path for (P). */
export function plainPath(path: string): string {
  let decoded = path;
  for (let i = 0; i < DECODINGS_MAX && decoded.includes("%"); i += 1) {
    decoded = decoded.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  }
  decoded = decoded.replace(END_OF_PATH, "");
  const kept: string[] = [];
  for (const segment of decoded.split(/[/\\]/).map((text) => text.replace(/;.*$/s, ""))) {
    if (segment === "..") kept.pop();
    else if (segment !== "" && segment !== ".") kept.push(segment);
  }
  return `/${kept.join("/")}${/[/\\]$/.test(decoded) && kept.length > 0 ? "/" : ""}`;
}
