import { formatDurationMs } from "../units.ts";
import type { HeaderEdits } from "./header-edits.ts";
import type { KeyOptions } from "./key.ts";
import type { Match, SiteRule } from "./rule.ts";

/** A rule on one line for people (P): what it asks, and what it does. */
export function ruleText(rule: SiteRule): string {
  const effects = effectTexts(rule);
  return `${matchText(rule)}: ${effects.length === 0 ? "as the origin says" : effects.join("; ")}`;
}

/** What a rule does, in words, one thing each (P). */
function effectTexts(rule: SiteRule): string[] {
  const { redirect, rewrite, requestHeaders, responseHeaders, key, override = [] } = rule;
  const { staleWhileRevalidate, staleIfError, setCookie } = rule;
  const timed = (text: string, ms: number | undefined) =>
    ms === undefined ? [] : [`${text} ${formatDurationMs(ms)}`];
  return [
    ...(redirect === undefined ? [] : [`sends to ${redirect.to} (${redirect.status})`]),
    ...(rule.cache ? [] : ["never cached"]),
    ...lifetimeTexts("fresh for", rule.ttl),
    ...lifetimeTexts("for clients", rule.clientTtl),
    ...timed("stale while refreshed for", staleWhileRevalidate),
    ...timed("stale on errors for", staleIfError),
    ...(override.length === 0 ? [] : [`overrides ${override.join(", ")}`]),
    ...(setCookie === undefined ? [] : [`Set-Cookie: ${setCookie}`]),
    ...(key === undefined ? [] : keyTexts(key)),
    ...(rewrite === undefined ? [] : [`asks the origin for ${rewrite}`]),
    ...editTexts("to origin", requestHeaders),
    ...editTexts("to clients", responseHeaders),
    ...(rule.compress === false ? ["not encoded"] : []),
  ];
}

function lifetimeTexts(what: string, lifetimes: SiteRule["ttl"]): string[] {
  if (lifetimes === undefined) return [];
  if (typeof lifetimes === "number") return [`${what} ${formatDurationMs(lifetimes)}`];
  const entries = Object.entries(lifetimes).map(([key, ms]) => `${key} ${formatDurationMs(ms)}`);
  return [`${what} ${entries.join(", ")}`];
}

/** Names only: values may be secrets that an origin asks for. */
function editTexts(where: string, edits: HeaderEdits | undefined): string[] {
  if (edits === undefined) return [];
  const texts = [
    ...Object.keys(edits.set ?? {}).map((name) => `=${name}`),
    ...Object.keys(edits.add ?? {}).map((name) => `+${name}`),
    ...(edits.remove ?? []).map((name) => `-${name}`),
  ];
  return [`${where} ${texts.join(" ")}`];
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
