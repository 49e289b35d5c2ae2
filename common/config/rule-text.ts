import { formatDurationMs } from "../units.ts";
import type { KeyOptions } from "./key.ts";
import type { Match, SiteRule } from "./rule.ts";

/** A rule on one line for people (P): what it asks, and what it does. */
export function ruleText(rule: SiteRule): string {
  const effects = effectTexts(rule);
  return `${matchText(rule)}: ${effects.length === 0 ? "as the origin says" : effects.join("; ")}`;
}

/** What a rule does, in words, one thing each (P). */
function effectTexts({ ttl, cache, key, compress }: SiteRule): string[] {
  const effects: string[] = [];
  if (!cache) effects.push("never cached");
  if (ttl !== undefined) effects.push(`fresh for ${formatDurationMs(ttl)}`);
  if (key !== undefined) effects.push(...keyTexts(key));
  if (compress === false) effects.push("not encoded");
  return effects;
}

function keyTexts({ query, cookies, headers, host }: KeyOptions): string[] {
  const parts = [...Object.keys(cookies ?? {}), ...Object.keys(headers ?? {})];
  return [
    ...(query === undefined ? [] : [queryText(query)]),
    ...(parts.length === 0 ? [] : [`told apart by ${parts.join(", ")}`]),
    ...(host === undefined ? [] : ["one key for all hosts"]),
  ];
}

function queryText(query: NonNullable<KeyOptions["query"]>): string {
  if (query === "all") return "query as it is";
  if (query === "none") return "without query";
  const { ignore, pick, sort } = query;
  return [
    "query",
    ...(ignore === undefined ? [] : [`without ${ignore.join(", ")}`]),
    ...(pick === undefined ? [] : [`only ${pick.join(", ")}`]),
    ...(sort === true ? ["sorted"] : []),
  ].join(" ");
}

/**
 * What a rule asks, on one line for people, such as `/*.css GET cookie:session` (P). Two rules that
 * ask different things have different texts.
 */
export function matchText({ match }: Pick<SiteRule, "match">): string {
  if (typeof match === "string") return match;
  const { path, host, method, extension, query, header, cookie } = match;
  return [
    ...(path === undefined ? [] : [path]),
    ...(method ?? []),
    ...listed("host", host),
    ...listed("extension", extension),
    ...wishTexts("query", query),
    ...wishTexts("header", header),
    ...wishTexts("cookie", cookie),
  ].join(" ");
}

function listed(what: string, entries: readonly string[] | undefined): string[] {
  return entries === undefined ? [] : [`${what}:${entries.join("|")}`];
}

/** The texts of conditions, in the order of their names (P). */
export function wishTexts(what: string, wishes: Match["query"]): string[] {
  return Object.entries(wishes ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, wish]) => {
      const label = `${what}:${encodeURIComponent(name.toWellFormed())}`;
      if (typeof wish === "boolean") return wish ? label : `!${label}`;
      const values = wish.map((value) =>
        encodeURIComponent(value.toWellFormed()).replaceAll("%2A", "*"),
      );
      return `${label}=${values.join("|")}`;
    });
}
