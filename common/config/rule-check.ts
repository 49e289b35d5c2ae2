import type { KeyOptions } from "./key.ts";
import type { SiteRule } from "./rule.ts";
import { reachOf } from "./rule-reach.ts";

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
      ...uselessProblems(rule).map(({ path, message }) => ({
        path: ["rules", index, ...path],
        message,
      })),
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
const ABOUT_STORING = ["ttl", "key"] as const;

function uselessProblems(rule: SiteRule): RuleProblem[] {
  if (rule.cache) return [];
  return ABOUT_STORING.filter((name) => rule[name] !== undefined).map((name) => ({
    path: [name],
    message: "has no meaning where `cache` is false: leave one of them out",
  }));
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
