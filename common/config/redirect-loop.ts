import { redirectTarget } from "./location.ts";
import type { SiteRule } from "./rule.ts";
import { compileMatch, matches, type RequestFacts } from "./rule-match.ts";
import { reachOf } from "./rule-reach.ts";

/** Browsers give up after some twenty redirects; whoever needs ten has made a mistake. */
const HOPS_MAX = 10;

/**
 * What is wrong with the place that a rule sends to, if a client that goes there is sent back, or
 * on and on (P). Seen are redirects of one site over plain HTTP; what other servers do is not.
 */
export function loopProblem(
  site: { readonly hosts: readonly string[]; readonly rules: readonly SiteRule[] },
  index: number,
): string | undefined {
  const { rules } = site;
  if (rules[index]?.redirect === undefined) return undefined;
  const reach = reachOf(rules, index);
  if (reach.kind !== "reachable") return undefined;
  const compiled = rules.map((rule) => ({ rule, match: compileMatch(rule) }));
  const seen = new Set<number>();
  let request: RequestFacts | undefined = reach.witness;
  for (let hop = 0; hop < HOPS_MAX && request !== undefined; hop += 1) {
    const facts: RequestFacts = request;
    const winner = compiled.findIndex(({ match }) => matches(match, facts));
    const rule = rules[winner];
    if (rule?.redirect === undefined) return undefined;
    if (seen.has(winner)) {
      return winner === index
        ? "sends clients to where this rule sends them again"
        : `sends clients to rules[${winner}], which sends them round for ever`;
    }
    seen.add(winner);
    request = followed(rule, facts, site.hosts);
  }
  return request === undefined ? undefined : `sends clients on more than ${HOPS_MAX} times`;
}

/** The request of a client that does as it is told; undefined if that leads elsewhere. */
function followed(
  rule: SiteRule,
  request: RequestFacts,
  hosts: readonly string[],
): RequestFacts | undefined {
  const place = redirectTarget(rule, request);
  const [, scheme, host = request.host, path = "/", query] =
    /^(?:(https?):\/\/([^/?#]+))?([^?#]*)(?:\?([^#]*))?/i.exec(place ?? "") ?? [];
  if (place === undefined || scheme?.toLowerCase() === "https") return undefined;
  if (host !== request.host && !hosts.includes(host.toLowerCase())) return undefined;
  return {
    ...request,
    // RFC 9110 section 15.4.4: what comes after a 303 is a GET.
    method: rule.redirect?.status === 303 && request.method !== "HEAD" ? "GET" : request.method,
    host: host.toLowerCase(),
    path: decodedMarks(path),
    query,
  };
}

/** The texts that stand for any in a witness are not ASCII, and come back percent-encoded. */
function decodedMarks(path: string): string {
  return path.replaceAll(/%EF%A3%BF/gi, "\u{f8ff}");
}
