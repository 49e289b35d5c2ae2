import type { KeyOptions } from "./key.ts";
import { patternOf } from "./location.ts";
import { loopProblem } from "./redirect-loop.ts";
import type { SiteRule } from "./rule.ts";
import { reachOf } from "./rule-reach.ts";
import { placesProblem, starsOf } from "./template.ts";

/** Something wrong with a site, at a path from its root. */
export interface RuleProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** The parts of a site that its rules have to do with. */
export interface RuledSite {
  readonly hosts: readonly string[];
  readonly key?: KeyOptions | undefined;
  readonly rules: readonly SiteRule[];
}

/** What is wrong with the rules of a site that no single key shows (P). */
export function ruleProblems(site: RuledSite): RuleProblem[] {
  return [
    ...hostlessProblems(site),
    ...site.rules.flatMap((rule, index) => [
      ...reachProblems(site.rules, index),
      ...[...uselessProblems(rule), ...textProblems(rule), ...loopProblems(site, index)].map(
        ({ path, message }) => ({
          path: ["rules", index, ...path],
          message,
        }),
      ),
    ]),
  ];
}

/** Somebody has to stand for all hosts. */
function hostlessProblems({ hosts, key, rules }: RuledSite): RuleProblem[] {
  if (hosts.length > 0) return [];
  const message = "needs a host of the site's own, for which the origin is asked: set `hosts`";
  return [
    ...(key?.host === false ? [{ path: ["key", "host"], message }] : []),
    ...rules.flatMap((rule, index) =>
      rule.key?.host === false ? [{ path: ["rules", index, "key", "host"], message }] : [],
    ),
  ];
}

/** What says something about storing, in a rule under which nothing is stored. */
const ABOUT_STORING = [
  "ttl",
  "staleWhileRevalidate",
  "staleIfError",
  "setCookie",
  "override",
  "key",
] as const;

/** What says something about the origin, in a rule that does not ask it. */
const ABOUT_ORIGIN = [
  ...ABOUT_STORING,
  "clientTtl",
  "requestHeaders",
  "rewrite",
] as const satisfies readonly (keyof SiteRule)[];

function uselessProblems(rule: SiteRule): RuleProblem[] {
  const [names, where] =
    rule.redirect === undefined
      ? [rule.cache ? [] : ABOUT_STORING, "`cache` is false"]
      : [ABOUT_ORIGIN, "`redirect` answers"];
  return names
    .filter((name) => rule[name] !== undefined)
    .map((name) => ({
      path: [name],
      message: `has no meaning where ${where}: leave one of them out`,
    }));
}

function loopProblems(site: RuledSite, index: number): RuleProblem[] {
  const message = loopProblem(site, index);
  return message === undefined ? [] : [{ path: ["redirect", "to"], message }];
}

function textProblems(rule: SiteRule): RuleProblem[] {
  const stars = starsOf(patternOf(rule));
  const { redirect, rewrite, clientTtl, responseHeaders } = rule;
  const to = redirect === undefined ? undefined : placesProblem(redirect.to, stars);
  const path = rewrite === undefined ? undefined : rewriteProblem(rewrite, stars);
  const lifetime = [responseHeaders?.set ?? {}, responseHeaders?.add ?? {}].some(
    (lines) => clientTtl !== undefined && "cache-control" in lines,
  );
  return [
    ...(to === undefined ? [] : [{ path: ["redirect", "to"], message: to }]),
    ...(path === undefined ? [] : [{ path: ["rewrite"], message: path }]),
    ...(lifetime
      ? [{ path: ["clientTtl"], message: "says what `responseHeaders` says about Cache-Control" }]
      : []),
  ];
}

function rewriteProblem(rewrite: string, stars: number): string | undefined {
  if (rewrite.includes("{host}")) return "{host} can only stand in `redirect.to`";
  return placesProblem(rewrite, stars);
}

function reachProblems(rules: readonly SiteRule[], index: number): RuleProblem[] {
  const reach = reachOf(rules, index);
  const path = ["rules", index, "match"];
  switch (reach.kind) {
    case "reachable":
      return [];
    case "contradictory":
      return [{ path, message: "can never match: no path has both that form and that extension" }];
    case "shadowed": {
      const who =
        reach.by === undefined
          ? "the rules before it together match"
          : `rules[${reach.by}] before it matches`;
      return [{ path, message: `can never match: ${who} all that it could` }];
    }
  }
}

/**
 * The hosts that rules ask for and the site does not have (P). `cdnHost` is its name below the
 * CDN's domain.
 */
export function ruleHostProblems(site: RuledSite, cdnHost: string): RuleProblem[] {
  const hosts = [...site.hosts, cdnHost];
  return site.rules.flatMap(({ match }, r) => {
    const named = typeof match === "string" ? [] : (match.host ?? []);
    return named.flatMap((host) =>
      hosts.includes(host)
        ? []
        : [
            {
              path: ["rules", r, "match", "host"],
              message: `"${host}" is not a host of the site: ${hosts.join(", ")}`,
            },
          ],
    );
  });
}
