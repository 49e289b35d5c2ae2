import type { KeyOptions } from "../../common/config/key.ts";
import type { SiteRule } from "../../common/config/rule.ts";
import { cookiesOf } from "../../common/config/rule-match.ts";
import { wishTexts } from "../../common/config/rule-text.ts";
import type { Site } from "../../common/config/site.ts";
import { meantName } from "../../common/field-names.ts";
import { combinedField, type FieldLine, type FieldLines } from "../http/fields.ts";
import { PerRule } from "./header-edits.ts";
import { HTTPS_MARK, joinKey, type Scheme } from "./primary.ts";
import { compileQueryRules, keyTarget, type QueryRules } from "./query.ts";

/** The longest value of a field or cookie that becomes part of a key, in characters. */
export const KEY_VALUE_LENGTH_MAX = 256;

/** What tells stored responses apart under one rule of a site, ready for many requests. */
export interface KeyRules {
  readonly query: QueryRules;
  readonly cookies: KeyParts | undefined;
  readonly headers: KeyParts | undefined;
  /** The host that stands for all of the site. */
  readonly onlyHost: string | undefined;
  /**
   * What a rule asks beyond what the key holds. Requests that another rule answers otherwise must
   * not find what is stored under this one: a client chooses its fields and cookies.
   */
  readonly mark: string;
}

/** Names, and for each the values that count; `true` for all. */
type KeyParts = ReadonlyMap<string, ReadonlySet<string> | true>;

const known = new PerRule(compileKeyRules);

/** The key rules under a rule of a site, or where no rule matches (P: made once). */
export function keyRulesOf(site: Site, rule: SiteRule | undefined): KeyRules {
  return known.of(site, rule);
}

function compileKeyRules(site: Site, rule: SiteRule | undefined): KeyRules {
  const { query, cookies, headers, host }: KeyOptions = { ...site.key, ...rule?.key };
  const onlyHost = host === false ? site.hosts[0] : undefined;
  const rules = { query: compileQueryRules(query), onlyHost };
  return {
    ...rules,
    cookies: partsOf(cookies),
    headers: partsOf(headers),
    mark: rule === undefined ? "" : markOf(rule, rules),
  };
}

function partsOf(parts: KeyOptions["cookies"]): KeyParts | undefined {
  if (parts === undefined) return undefined;
  return new Map(
    Object.entries(parts)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, values]) => [name, values === true ? true : new Set(values)]),
  );
}

function markOf(
  { match }: SiteRule,
  { query, onlyHost }: Pick<KeyRules, "query" | "onlyHost">,
): string {
  if (typeof match === "string") return "";
  const texts = [
    ...(query.keeps === undefined ? [] : wishTexts("query", match.query)),
    ...wishTexts("header", match.header),
    ...wishTexts("cookie", match.cookie),
    ...(onlyHost === undefined ? [] : (match.host ?? []).map((host) => `host:${host}`)),
  ];
  return texts.map((text) => ` if-${text}`).join("");
}

/** A request as far as its key depends on it: host and target in their one form. */
export interface KeyedRequest {
  readonly scheme: Scheme;
  readonly host: string;
  readonly target: string;
  readonly fields: FieldLines;
}

/** A key, and what the origin is asked so that its answer is what the key says. */
export interface RequestKey {
  readonly key: string;
  /** Site, host, path and query. Everything in the key behind them begins with a space. */
  readonly base: string;
  readonly host: string;
  readonly target: string;
  readonly fields: FieldLines;
}

/**
 * The key of a request under key rules (P); undefined if a value would make it too long.
 *
 * `site host/path?query`, and behind it, each after a space, what tells requests for one URL
 * apart: ` https` for those that came over TLS, because the origin is told (X-Forwarded-Proto) and
 * may answer otherwise, ` cookie:name=value`, ` header:name=value`, without `=` where there is
 * none that counts. No target has a space, and values are percent-encoded, so nothing that a
 * client sends can look like another part.
 */
export function requestKey(
  site: string,
  rules: KeyRules,
  request: KeyedRequest,
): RequestKey | undefined {
  const host = rules.onlyHost ?? request.host;
  const target = keyTarget(request.target, rules.query);
  const base = joinKey(site, host, target);
  const { cookies, headers, mark } = rules;
  let fields = request.fields;
  let key = (request.scheme === "https" ? base + HTTPS_MARK : base) + mark;
  if (cookies !== undefined) {
    const selected = selectedValues(cookies, (name) => firstCookie(fields, name));
    const cookie = selected.flatMap(([name, value]) =>
      value === undefined ? [] : `${name}=${value}`,
    );
    fields = fields.filter(([name]) => meantName(name) !== "cookie");
    if (cookie.length > 0) fields = [...fields, ["cookie", cookie.join("; ")]];
    const part = keyPart("cookie", selected);
    if (part === undefined) return undefined;
    key += part;
  }
  if (headers !== undefined) {
    const selected = selectedValues(headers, (name) => combinedField(request.fields, name));
    const lines = selected.flatMap(([name, value]): FieldLine[] =>
      value === undefined ? [] : [[name, value]],
    );
    fields = [...fields.filter(([name]) => !headers.has(meantName(name))), ...lines];
    const part = keyPart("header", selected);
    if (part === undefined) return undefined;
    key += part;
  }
  return { key, base, host, target, fields };
}

type SelectedValues = readonly (readonly [name: string, value: string | undefined])[];

/** The value of each part, if it is one that counts. */
function selectedValues(
  parts: KeyParts,
  valueOf: (name: string) => string | undefined,
): SelectedValues {
  return [...parts].map(([name, values]) => {
    const value = valueOf(name);
    const counts = value !== undefined && (values === true || values.has(value));
    return [name, counts ? value : undefined];
  });
}

function keyPart(of: "cookie" | "header", selected: SelectedValues): string | undefined {
  let part = "";
  for (const [name, value] of selected) {
    if (value !== undefined && value.length > KEY_VALUE_LENGTH_MAX) return undefined;
    const text = value === undefined ? "" : `=${encodeURIComponent(value)}`;
    part += ` ${of}:${encodeURIComponent(name)}${text}`;
  }
  return part;
}

function firstCookie(fields: FieldLines, wanted: string): string | undefined {
  return cookiesOf(fields).find(([name]) => name === wanted)?.[1];
}
