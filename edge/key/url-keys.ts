import type { SiteRule } from "../../common/config/rule.ts";
import type { Site } from "../../common/config/site.ts";
import { type KeyRules, keyRulesOf } from "./key-rules.ts";
import { HTTPS_MARK, joinKey, normalHost, normalTarget } from "./primary.ts";
import { keyTarget } from "./query.ts";
import { possibleRules } from "./rule.ts";

/** Where the objects are that something names. */
export interface NamedKeys {
  /** Keys as they stand. */
  readonly keys: readonly string[];
  /** Beginnings of keys. */
  readonly prefixes: readonly string[];
}

/** Host, and path with query, of an absolute http: or https: URL; else undefined. */
function partsOf(url: string): { readonly host: string; readonly target: string } | undefined {
  const [, scheme, host, target = ""] = /^(https?):\/\/([^/?#]+)([^#]*)/i.exec(url) ?? [];
  if (host === undefined || scheme === undefined) return undefined;
  const isHttps = scheme.toLowerCase() === "https";
  const normal = normalHost(host, isHttps ? "https" : "http");
  return { host: normal, target: normalTarget(target) };
}

/**
 * Every key under which a request for a URL could be answered, whatever its fields and cookies (P);
 * undefined if it is not an absolute http: or https: URL.
 *
 * Both schemes are one: who says that a URL is out of date means what is there. The URL goes
 * through the key rules of each rule that such a request might match. Where these tell
 * requests for one URL apart, all of them are named by what their keys begin with.
 */
export function keysOfUrl(site: Site, url: string): NamedKeys | undefined {
  const parts = partsOf(url);
  if (parts === undefined) return undefined;
  const { host, target } = parts;
  const keys = new Set<string>();
  const prefixes = new Set<string>();
  for (const rules of possibleKeyRules(site, host, target)) {
    const base = joinKey(site.name, rules.onlyHost ?? host, keyTarget(target, rules.query));
    keys.add(base);
    keys.add(base + HTTPS_MARK);
    if (tellsApart(rules)) prefixes.add(`${base} `);
  }
  return { keys: [...keys], prefixes: [...prefixes] };
}

/**
 * What the keys of all URLs begin with that begin with a prefix (P); undefined if that is not the
 * beginning of an absolute http: or https: URL.
 *
 * A prefix that ends inside the query says nothing about a key that has lost or moved parameters:
 * then all of its path is named. More than is asked for may be named, never less.
 */
export function keysOfPrefix(site: Site, prefix: string): NamedKeys | undefined {
  const parts = partsOf(prefix);
  if (parts === undefined) return undefined;
  const all = [undefined, ...site.rules].map((rule) => keyRulesOf(site, rule));
  const hosts = new Set([parts.host, ...all.flatMap(({ onlyHost }) => onlyHost ?? [])]);
  const mark = parts.target.indexOf("?");
  const changesQueries = all.some(({ query }) => query.keeps !== undefined || query.sorts);
  if (mark === -1 || !changesQueries) {
    const prefixes = [...hosts].map((host) => joinKey(site.name, host, parts.target));
    return { keys: [], prefixes };
  }
  const keys = [...hosts].map((host) => joinKey(site.name, host, parts.target.slice(0, mark)));
  return { keys, prefixes: keys.flatMap((key) => [`${key}?`, `${key} `]) };
}

function possibleKeyRules(site: Site, host: string, target: string): Set<KeyRules> {
  const rules: readonly (SiteRule | undefined)[] = possibleRules(site, { host, target });
  return new Set(rules.map((rule) => keyRulesOf(site, rule)));
}

/** True if these key rules may give different keys to two requests for one URL (P). */
export function tellsApart({ cookies, headers, mark }: KeyRules): boolean {
  return cookies !== undefined || headers !== undefined || mark !== "";
}

/**
 * What the keys of a site depend on, as text (P). Two sites with the same text give every request
 * the same key.
 */
export function keyFingerprint(site: Site): string {
  const all = [undefined, ...site.rules].map((rule) => keyRulesOf(site, rule));
  const isPlain = all.every(
    (rules) =>
      !tellsApart(rules) &&
      rules.onlyHost === undefined &&
      rules.query.keeps === undefined &&
      !rules.query.sorts,
  );
  if (isPlain) return "";
  const { key, hosts, rules } = site;
  return JSON.stringify([key, hosts[0], rules.map((rule) => [rule.match, rule.key])]);
}
