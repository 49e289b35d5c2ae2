import { compileGlob, type Glob, globFits } from "./glob.ts";
import type { Match, SiteRule } from "./rule.ts";

/** What a rule may ask of a request. */
export interface RequestFacts {
  readonly method: string;
  /** In lower case, without port and final dot. */
  readonly host: string;
  /** Without the query. */
  readonly path: string;
  /** What follows the `?`; undefined when there is none. */
  readonly query: string | undefined;
  /** Names in lower case. */
  readonly fields: readonly (readonly [name: string, value: string])[];
}

/** What a condition asks of something that has a name and any number of values. */
export type Wanted = "present" | "absent" | readonly Glob[];

/** A condition on a query parameter, a request field or a cookie. */
export interface Condition {
  readonly of: "query" | "header" | "cookie";
  readonly name: string;
  readonly wanted: Wanted;
}

/** The `match` of a rule, made ready for many requests. */
export interface CompiledMatch {
  readonly path: Glob | undefined;
  readonly methods: ReadonlySet<string> | undefined;
  readonly hosts: ReadonlySet<string> | undefined;
  /** In lower case, without the dot. */
  readonly extensions: ReadonlySet<string> | undefined;
  readonly conditions: readonly Condition[];
}

/** Makes the `match` of a rule ready (P). */
export function compileMatch(rule: Pick<SiteRule, "match">): CompiledMatch {
  const match: Match = typeof rule.match === "string" ? { path: rule.match } : rule.match;
  const { path, method, host, extension, query, header, cookie } = match;
  return {
    path: path === undefined ? undefined : compileGlob(path),
    methods: method === undefined ? undefined : new Set(method),
    hosts: host === undefined ? undefined : new Set(host),
    extensions: extension === undefined ? undefined : new Set(extension),
    conditions: [
      ...conditionsOf("query", query),
      ...conditionsOf("header", header),
      ...conditionsOf("cookie", cookie),
    ],
  };
}

function conditionsOf(of: Condition["of"], wishes: Match["query"]): Condition[] {
  return Object.entries(wishes ?? {}).map(([name, wish]) => {
    if (typeof wish === "boolean") return { of, name, wanted: wish ? "present" : "absent" };
    return { of, name, wanted: wish.map(compileGlob) };
  });
}

/** True if a request is one that the rule is about (P). */
export function matches(match: CompiledMatch, request: RequestFacts): boolean {
  return (
    placeMatches(match, request.path) &&
    match.methods?.has(request.method) !== false &&
    match.hosts?.has(request.host) !== false &&
    match.conditions.every((condition) => holds(condition, request))
  );
}

/** True if a path is one that the rule is about, as far as paths go (P). */
export function placeMatches({ path, extensions }: CompiledMatch, text: string): boolean {
  if (path !== undefined && !globFits(path, text)) return false;
  return extensions === undefined || extensions.has(extensionOf(text));
}

/**
 * True if requests for a URL may be ones that the rule is about, whatever their methods, fields and
 * cookies; `certain` if all of them are (P).
 */
export function couldMatch(
  match: CompiledMatch,
  url: Pick<RequestFacts, "host" | "path" | "query">,
): "no" | "possible" | "certain" {
  const { methods, hosts, conditions } = match;
  if (!placeMatches(match, url.path) || hosts?.has(url.host) === false) return "no";
  const known = { ...url, method: "", fields: [] };
  if (!conditions.every((wish) => wish.of !== "query" || holds(wish, known))) return "no";
  const isOpen = methods !== undefined || conditions.some(({ of }) => of !== "query");
  return isOpen ? "possible" : "certain";
}

/** True if one of the values is what is asked for (P). An empty list is an absent thing. */
export function satisfies(wanted: Wanted, values: readonly string[]): boolean {
  if (wanted === "present") return values.length > 0;
  if (wanted === "absent") return values.length === 0;
  return values.some((value) => wanted.some((glob) => globFits(glob, value)));
}

function holds({ of, name, wanted }: Condition, { query, fields }: RequestFacts): boolean {
  switch (of) {
    case "query":
      return satisfies(wanted, namedValues(parametersOf(query), name));
    case "header": {
      const values = namedValues(fields, name);
      return satisfies(wanted, values.length > 1 ? [values.join(", ")] : values);
    }
    case "cookie":
      return satisfies(wanted, namedValues(cookiesOf(fields), name));
  }
}

/** The values that stand under a name (P). */
export function namedValues(
  pairs: readonly (readonly [name: string, value: string])[],
  name: string,
): string[] {
  const values: string[] = [];
  for (const [pairName, value] of pairs) if (pairName === name) values.push(value);
  return values;
}

/**
 * The extension of a path, in lower case and without its dot; empty when its last segment has
 * none (P).
 */
function extensionOf(path: string): string {
  const segment = path.slice(path.lastIndexOf("/") + 1);
  const dot = segment.lastIndexOf(".");
  return dot === -1 ? "" : segment.slice(dot + 1).toLowerCase();
}

let knownQuery: { readonly text: string; readonly parameters: Pairs } | undefined;

/**
 * The parameters of a query, split at `&`, with their escapes undone where they can be (P: read
 * once for all conditions on a request, and again when another query has come).
 */
export function parametersOf(query = ""): Pairs {
  if (knownQuery?.text !== query) {
    knownQuery = { text: query, parameters: readParameters(query) };
  }
  return knownQuery.parameters;
}

function readParameters(query: string): Pairs {
  return query.split("&").flatMap((text): [string, string][] => {
    if (text === "") return [];
    const equals = text.indexOf("=");
    return equals === -1
      ? [[decoded(text), ""]]
      : [[decoded(text.slice(0, equals)), decoded(text.slice(equals + 1))]];
  });
}

/** A part of a query as people mean it (P): what is no valid escape stays as it is. */
export function decoded(text: string): string {
  if (!/[%+]/.test(text)) return text;
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

type Pairs = readonly (readonly [name: string, value: string])[];

const knownCookies = new WeakMap<RequestFacts["fields"], Pairs>();

/**
 * The cookies of a request, in order, values as they stand (P: read once for each list of fields).
 * RFC 6265 section 4.2.
 */
export function cookiesOf(fields: RequestFacts["fields"]): Pairs {
  let cookies = knownCookies.get(fields);
  if (cookies === undefined) {
    cookies = readCookies(fields);
    knownCookies.set(fields, cookies);
  }
  return cookies;
}

function readCookies(fields: RequestFacts["fields"]): Pairs {
  return namedValues(fields, "cookie").flatMap((line) =>
    line.split(";").flatMap((pair): [string, string][] => {
      const equals = pair.indexOf("=");
      return equals === -1 ? [] : [[pair.slice(0, equals).trim(), pair.slice(equals + 1).trim()]];
    }),
  );
}
