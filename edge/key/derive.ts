import { climbs, rewrittenPath } from "../../common/config/location.ts";
import type { SiteRule } from "../../common/config/rule.ts";
import type { Site } from "../../common/config/site.ts";
import { type BypassReason, bypassReason } from "../decide/bypass.ts";
import type { FieldLines } from "../http/fields.ts";
import { requestEdits, withoutEdited } from "./header-edits.ts";
import { keyRulesOf, type RequestKey, requestKey } from "./key-rules.ts";
import { joinKey, normalTarget, type Scheme } from "./primary.ts";
import { ruleFor } from "./rule.ts";
import { hostName } from "./site.ts";

/** A request that has been accepted for a site. */
export interface SiteRequest {
  readonly method: string;
  /** How the client came; left out: without TLS. */
  readonly scheme?: Scheme;
  /** In the one form that keys have: see `normalHost`. */
  readonly host: string;
  /** Path and query as sent. */
  readonly target: string;
  readonly fields: FieldLines;
}

/** What the rules of a site make of a request. */
export interface DerivedRequest {
  readonly rule: SiteRule | undefined;
  /** Why the cache has no part in it. */
  readonly bypass: BypassReason | undefined;
  readonly key: string;
  /** The part of the key that the URL gives. */
  readonly base: string;
  /** What the origin is asked: as the key says, or as sent where the cache has no part. */
  readonly host: string;
  readonly target: string;
  readonly fields: FieldLines;
  /** The path and query that the origin is asked for, where a rule rewrites them. */
  readonly originTarget: string;
  /** The path leads out of where a rule would put it. */
  readonly climbs: boolean;
}

/**
 * Which rule of its site a request matches, and what follows for its key and for what the origin is
 * asked (P). What a key leaves out does not reach the origin: its answer goes to everybody.
 */
export function deriveRequest(site: Site, request: SiteRequest): DerivedRequest {
  const { method, scheme = "http", host, target } = request;
  const rule = ruleFor(site, request);
  const fields = withoutEdited(request.fields, requestEdits.of(site, rule));
  const normal = { scheme, host, target: normalTarget(target), fields };
  const keyed = requestKey(site.name, keyRulesOf(site, rule), normal);
  const bypass =
    bypassReason(method, rule, fields, site.clientDirectives) ??
    (keyed === undefined ? "key-too-long" : undefined);
  if (bypass === undefined && keyed !== undefined) return derivedFrom(rule, undefined, keyed);
  const base = keyed?.base ?? joinKey(site.name, host, normal.target);
  return derivedFrom(rule, bypass, { key: keyed?.key ?? base, base, host, target, fields });
}

function derivedFrom(
  rule: SiteRule | undefined,
  bypass: BypassReason | undefined,
  { key, base, host, target, fields }: RequestKey,
): DerivedRequest {
  if (rule?.rewrite === undefined) {
    return { rule, bypass, key, base, host, target, fields, originTarget: target, climbs: false };
  }
  const place = placeOf({ host, target });
  const path = rewrittenPath(rule, place);
  const originTarget = place.query === undefined ? path : `${path}?${place.query}`;
  const climbing = climbs(place.path);
  return { rule, bypass, key, base, host, target, fields, originTarget, climbs: climbing };
}

/** Host, path and query of a request, apart (P). */
export function placeOf({ host, target }: { readonly host: string; readonly target: string }) {
  const mark = target.indexOf("?");
  return {
    host: hostName(host),
    path: mark === -1 ? target : target.slice(0, mark),
    query: mark === -1 ? undefined : target.slice(mark + 1),
  };
}
