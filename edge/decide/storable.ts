import type { EpochMs } from "../../common/clock.ts";
import type { SiteRule } from "../../common/config/rule.ts";
import { formatHttpDate } from "../http/date.ts";
import {
  type FieldLine,
  type FieldLines,
  fieldMembers,
  hasField,
  singleField,
  withoutFields,
} from "../http/fields.ts";
import { endToEndFields } from "../http/hop-by-hop.ts";
import { varyNames } from "../key/variant.ts";
import { type BypassReason, hasContent } from "./bypass.ts";
import { directivesOf } from "./facts.ts";
import { explicitLifetimeSeconds, isCacheableByDefault } from "./freshness.ts";
import { lifetimeMs } from "./rule-fields.ts";

/**
 * How far storing goes: `rfc` stores whatever RFC 9111 allows a shared cache to store; `safe` also
 * refuses what has burnt operators.
 */
export type CacheProfile = "safe" | "rfc";

/** Why a response is not stored. */
export type NotStoredReason =
  /** A rule of the site says `cache: false`. */
  | "rule"
  /** Neither GET nor a POST whose answer says that it stands for the same URI. */
  | "method"
  /** A GET with a body: the answer may depend on what the body says, which is not in the key. */
  | "request-body"
  /** What belongs into its key is longer than keys hold: it would stand under another key. */
  | "key-too-long"
  /** The client says `no-store`, and the site honours that. */
  | "request-no-store"
  /** 206: parts are not stored, only complete responses. */
  | "partial"
  /**
   * An interim response or a 304, one that RFC 6585 forbids to store, or one that is only stored
   * when it says for how long.
   */
  | "status"
  /** Profile `safe`: an error for which the request of one client may be to blame. */
  | "request-error"
  /** `must-understand` with a status that this cache does not know. */
  | "must-understand"
  | "no-store"
  | "private"
  /** The request had Authorization, and the response does not allow sharing (section 3.5). */
  | "authorization"
  | "vary-star"
  /** Never fresh, and nothing to validate it with: storing it would only cost memory. */
  | "not-reusable"
  /** A Set-Cookie would be replayed to everybody, and the site does not say that it may be. */
  | "set-cookie"
  /** Profile `safe`: a transfer coding other than chunked. */
  | "transfer-coding";

/** One exchange with the origin, as far as storing depends on it. */
export interface Exchange {
  readonly method: string;
  readonly requestFields: FieldLines;
  readonly status: number;
  /** As they came, hop-by-hop fields included. */
  readonly fields: FieldLines;
  readonly profile: CacheProfile;
  readonly rule: SiteRule | undefined;
  /** Why the request went past the cache, if it did. */
  readonly bypass?: BypassReason | undefined;
  /** What the site wants done with Set-Cookie; left out: what the profile does. */
  readonly setCookie?: SiteRule["setCookie"];
  /**
   * Absolute URI of the request: an answer to a POST is only stored when it says that it is its.
   */
  readonly targetUri: string;
  /** When the head of the response arrived. */
  readonly receivedAt: EpochMs;
  /** What the site gives an answer of this status that states no lifetime: seconds. */
  readonly negativeSeconds?: number | undefined;
}

/** Whether a response is stored, and if not, why. */
export type Storable =
  | { readonly store: true }
  | { readonly store: false; readonly reason: NotStoredReason };

/** Final statuses of RFC 9110 section 15 whose rules this cache implements. */
const UNDERSTOOD_STATUSES: ReadonlySet<number> = new Set([
  200, 201, 202, 203, 204, 205, 300, 301, 302, 303, 307, 308, 400, 401, 402, 403, 404, 405, 406,
  407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 426, 451, 500, 501, 502, 503,
  504, 505,
]);

/** RFC 6585 sections 3 to 6: these MUST NOT be stored by a cache. */
const NEVER_STORED: ReadonlySet<number> = new Set([428, 429, 431, 511]);

/**
 * Errors that speak of the message of whoever asked, by which nothing is known of the resource: one
 * client's odd or long fields would take it away from all (Nguyen et al., "Your Cache Has Fallen:
 * Cache-Poisoned Denial-of-Service Attack", CCS 2019).
 */
const REQUEST_ERRORS: ReadonlySet<number> = new Set([
  400, 406, 408, 411, 412, 413, 415, 416, 417, 421, 422, 425, 426,
]);

/**
 * Whether a shared cache stores this response (P). RFC 9111 sections 3 and 3.5.
 *
 * A rule's `ttl` replaces the lifetime, and counts as one for statuses that are cacheable by
 * default, and for those that it names. It never overrides `no-store`, `private` or the rules on
 * Authorization: that needs an `override` of the rule. A request's own `no-store` is ignored unless
 * the site honours it: request directives are advisory (section 5.2.1), and strangers must not
 * decide what a shared cache holds.
 */
export function judgeStorable(exchange: Exchange): Storable {
  const reason =
    refusedByRequest(exchange) ?? refusedByResponse(exchange) ?? refusedByProfile(exchange);
  return reason === undefined ? { store: true } : { store: false, reason };
}

/**
 * The fields that go into the store (P). RFC 9111 sections 3.1, 5.2.2.4 and 5.2.2.7.
 *
 * Left out: hop-by-hop fields, what `Connection` lists, and the fields that `private` or `no-cache`
 * is limited to. A Date is added when there is none (RFC 9110 section 6.6.1); `receivedAt` is when
 * the head arrived.
 */
export function fieldsToStore(fields: FieldLines, receivedAt: EpochMs): FieldLine[] {
  const kept = withoutLimited(endToEndFields(fields));
  if (!hasField(kept, "date")) kept.push(["date", formatHttpDate(receivedAt)]);
  return kept;
}

/** The lines without the fields that their own `private` or `no-cache` is limited to (P). */
export function withoutLimited(fields: FieldLines): FieldLine[] {
  return withoutFields(fields, limitedFields(fields));
}

function refusedByRequest(exchange: Exchange): NotStoredReason | undefined {
  const { method, fields, rule, targetUri, receivedAt } = exchange;
  if (rule?.cache === false) return "rule";
  const { bypass } = exchange;
  if (bypass === "key-too-long" || bypass === "request-no-store") return bypass;
  if (method === "GET") return hasContent(exchange.requestFields) ? "request-body" : undefined;
  if (method !== "POST") return "method";
  // RFC 9110 section 9.3.3: explicit freshness, and Content-Location equal to the target.
  if (explicitLifetimeSeconds(fields, receivedAt) === undefined) return "method";
  const location = singleField(fields, "content-location");
  if (location === undefined) return "method";
  const named = URL.parse(location, targetUri)?.href;
  return named !== undefined && named === URL.parse(targetUri)?.href ? undefined : "method";
}

function refusedByResponse(exchange: Exchange): NotStoredReason | undefined {
  const { status, fields, requestFields, rule } = exchange;
  const { directives } = directivesOf(fields);
  if (status < 200 || status === 304 || NEVER_STORED.has(status)) return "status";
  if (status === 206) return "partial";
  if (directives.mustUnderstand) {
    if (!UNDERSTOOD_STATUSES.has(status)) return "must-understand";
  } else if (directives.noStore) return "no-store";
  if (directives.private === true) return "private";
  const isShared = rule?.override?.includes("authorization") === true;
  if (!isShared && hasField(requestFields, "authorization")) {
    const { public: shared, mustRevalidate, sMaxage } = directives;
    if (!shared && !mustRevalidate && sMaxage === undefined) return "authorization";
  }
  if (varyNames(fields) === "*") return "vary-star";
  return refusedAsUseless(exchange);
}

function refusedAsUseless(exchange: Exchange): NotStoredReason | undefined {
  const { status, fields, rule, receivedAt, negativeSeconds } = exchange;
  const { directives } = directivesOf(fields);
  const explicit = explicitLifetimeSeconds(fields, receivedAt) ?? negativeSeconds;
  const byDefault = isCacheableByDefault(status);
  const ruled = lifetimeMs(rule?.ttl, status);
  if (explicit === undefined && !directives.public && !byDefault && !isNamed(exchange)) {
    return "status";
  }
  if (hasField(fields, "etag") || hasField(fields, "last-modified")) return undefined;
  if (directives.noCache === true) return "not-reusable";
  const lifetime = ruled ?? explicit ?? 0;
  const extended = Math.max(directives.staleWhileRevalidate ?? 0, directives.staleIfError ?? 0);
  return lifetime > 0 || extended > 0 ? undefined : "not-reusable";
}

function refusedByProfile(exchange: Exchange): NotStoredReason | undefined {
  const { fields, profile } = exchange;
  const keeps =
    exchange.setCookie === undefined ? profile === "rfc" : exchange.setCookie === "keep";
  if (!keeps && hasField(fields, "set-cookie") && !limitedFields(fields).has("set-cookie")) {
    return "set-cookie";
  }
  if (profile === "rfc") return undefined;
  const isWanted = exchange.negativeSeconds !== undefined || isNamed(exchange);
  if (REQUEST_ERRORS.has(exchange.status) && !isWanted) return "request-error";
  const codings = fieldMembers(fields, "transfer-encoding");
  return codings.every((coding) => coding.toLowerCase() === "chunked")
    ? undefined
    : "transfer-coding";
}

/** True if a rule of the site names the status and says how long it lives. */
function isNamed({ rule, status }: Exchange): boolean {
  return typeof rule?.ttl === "object" && lifetimeMs(rule.ttl, status) !== undefined;
}

function limitedFields(fields: FieldLines): ReadonlySet<string> {
  const { directives } = directivesOf(fields);
  const names = (value: boolean | readonly string[]) => (typeof value === "boolean" ? [] : value);
  return new Set([...names(directives.private), ...names(directives.noCache)]);
}
