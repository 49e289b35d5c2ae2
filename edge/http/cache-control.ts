import { type FieldLines, fieldMembers } from "./fields.ts";

/**
 * The directives of a response that a shared cache acts on. RFC 9111 section 5.2.2, RFC 5861,
 * RFC 8246. A directive that is absent is `undefined` or `false`.
 */
export interface CacheDirectives {
  /** Seconds, 0 to DELTA_SECONDS_MAX; what cannot be read counts as 0, which is stale. */
  readonly maxAge: number | undefined;
  readonly sMaxage: number | undefined;
  readonly staleWhileRevalidate: number | undefined;
  readonly staleIfError: number | undefined;
  readonly noStore: boolean;
  /** True for the whole response; or the fields, in lower case, that it is limited to. */
  readonly noCache: boolean | readonly string[];
  readonly private: boolean | readonly string[];
  readonly public: boolean;
  readonly mustRevalidate: boolean;
  readonly proxyRevalidate: boolean;
  readonly mustUnderstand: boolean;
  /** It does not change while it is fresh. RFC 8246. */
  readonly immutable: boolean;
}

/** What one directive may carry: nothing, or a text that has lost its quotes. */
export type DirectiveArgument = string | undefined;

/** The largest lifetime: larger ones are taken as this. RFC 9111 section 1.2.2. */
export const DELTA_SECONDS_MAX = 2 ** 31;

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const QUOTED_STRING = /^"((?:[^"\\]|\\.)*)"$/s;

/**
 * Reads `Cache-Control` of a response, over all its lines (P). RFC 9111 section 5.2.
 *
 * Names in any case; arguments as token or quoted string, whose inside is opaque. Of a directive
 * that is repeated the first counts (section 4.2.1). Doubt is always settled towards not reusing:
 * `max-age=-1` is 0, and `private=""` or an unfinished quote restricts the whole response.
 */
export function responseDirectives(fields: FieldLines): CacheDirectives {
  return collectDirectives(fieldMembers(fields, "cache-control").map(splitDirective));
}

/** What a request asks of caches. RFC 9111 section 5.2.1. Seconds, 0 to DELTA_SECONDS_MAX. */
export interface RequestDirectives {
  readonly noCache: boolean;
  readonly noStore: boolean;
  readonly onlyIfCached: boolean;
  readonly maxAge: number | undefined;
  readonly minFresh: number | undefined;
  /** Without an argument a response may be stale for any time. */
  readonly maxStale: number | undefined;
}

/**
 * Reads `Cache-Control` of a request over all its lines; where there is none, `Pragma: no-cache`
 * stands for `no-cache` (P). RFC 9111 sections 5.2.1 and 5.4.
 *
 * Of a directive that is repeated the first counts. An argument that cannot be read is taken as the
 * one that allows least: no age, the longest freshness, no staleness.
 */
export function requestDirectives(requestFields: FieldLines): RequestDirectives {
  const members = fieldMembers(requestFields, "cache-control").map(splitDirective);
  const first = firstOfEach(members);
  const pragma = () =>
    fieldMembers(requestFields, "pragma").some((word) => word.toLowerCase() === "no-cache");
  const seconds = (name: string, illegible: number, absent: number) => {
    if (!first.has(name)) return undefined;
    const argument = first.get(name);
    if (argument === undefined) return absent;
    return isDeltaSeconds(argument) ? parseDeltaSeconds(argument) : illegible;
  };
  return {
    noCache: first.has("no-cache") || (members.length === 0 && pragma()),
    noStore: first.has("no-store"),
    onlyIfCached: first.has("only-if-cached"),
    maxAge: seconds("max-age", 0, 0),
    minFresh: seconds("min-fresh", DELTA_SECONDS_MAX, DELTA_SECONDS_MAX),
    maxStale: seconds("max-stale", 0, DELTA_SECONDS_MAX),
  };
}

/** Makes directives of names in lower case and their arguments; the first of each counts (P). */
export function collectDirectives(
  members: Iterable<readonly [name: string, argument: DirectiveArgument]>,
): CacheDirectives {
  const first = firstOfEach(members);
  const seconds = (name: string) =>
    first.has(name) ? parseDeltaSeconds(first.get(name) ?? "") : undefined;
  const limited = (name: string) => (first.has(name) ? fieldNames(first.get(name)) : false);
  return {
    maxAge: seconds("max-age"),
    sMaxage: seconds("s-maxage"),
    staleWhileRevalidate: seconds("stale-while-revalidate"),
    staleIfError: seconds("stale-if-error"),
    noStore: first.has("no-store"),
    noCache: limited("no-cache"),
    private: limited("private"),
    // It only permits, so with an argument, which it does not have, it is another directive.
    public: first.has("public") && first.get("public") === undefined,
    mustRevalidate: first.has("must-revalidate"),
    proxyRevalidate: first.has("proxy-revalidate"),
    mustUnderstand: first.has("must-understand"),
    immutable: first.has("immutable"),
  };
}

function firstOfEach(
  members: Iterable<readonly [name: string, argument: DirectiveArgument]>,
): ReadonlyMap<string, DirectiveArgument> {
  const first = new Map<string, DirectiveArgument>();
  for (const [name, argument] of members) if (!first.has(name)) first.set(name, argument);
  return first;
}

/** Reads delta-seconds: digits only, clamped; anything else is 0, that is, stale (P). */
function parseDeltaSeconds(text: string): number {
  return isDeltaSeconds(text) ? Math.min(Number(text), DELTA_SECONDS_MAX) : 0;
}

function isDeltaSeconds(text: string): boolean {
  return /^\d+$/.test(text);
}

/** The fields that `no-cache` or `private` is limited to; true when it is not, or not legibly. */
function fieldNames(argument: DirectiveArgument): true | readonly string[] {
  const names = (argument ?? "").split(",").map((name) => name.trim().toLowerCase());
  return names.every((name) => TOKEN.test(name)) ? names : true;
}

function splitDirective(member: string): readonly [string, DirectiveArgument] {
  const equals = member.indexOf("=");
  if (equals === -1) return [member.toLowerCase(), undefined];
  const argument = member.slice(equals + 1);
  const quoted = QUOTED_STRING.exec(argument);
  return [
    member.slice(0, equals).toLowerCase(),
    quoted === null ? argument : (quoted[1] ?? "").replaceAll(/\\(.)/gs, "$1"),
  ];
}
