import type { SiteRule } from "./rule.ts";
import { reachOf } from "./rule-reach.ts";

/** Something wrong with a site, at a path from its root. */
export interface RuleProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** What is wrong with the rules of a site that no single key shows (P). */
export function ruleProblems(site: { readonly rules: readonly SiteRule[] }): RuleProblem[] {
  return site.rules.flatMap((_, index) => reachProblems(site.rules, index));
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
export function ruleHostProblems(
  site: { readonly hosts: readonly string[]; readonly rules: readonly SiteRule[] },
  cdnHost: string,
): RuleProblem[] {
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
