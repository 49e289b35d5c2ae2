import type { SiteRule } from "../../common/config/rule.ts";
import type { Site } from "../../common/config/site.ts";
import { type BypassReason, bypassReason } from "../decide/bypass.ts";
import type { FieldLines } from "../http/fields.ts";
import { keyRulesOf, requestKey } from "./key-rules.ts";
import { joinKey, normalTarget } from "./primary.ts";
import { ruleFor } from "./rule.ts";

/** A request that has been accepted for a site. */
export interface SiteRequest {
  readonly method: string;
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
}

/**
 * Which rule of its site a request matches, and what follows for its key and for what the origin is
 * asked (P). What a key leaves out does not reach the origin: its answer goes to everybody.
 */
export function deriveRequest(site: Site, request: SiteRequest): DerivedRequest {
  const { method, host, target, fields } = request;
  const rule = ruleFor(site, request);
  const normal = { host, target: normalTarget(target), fields };
  const derived = requestKey(site.name, keyRulesOf(site, rule), normal);
  const bypass =
    bypassReason(method, rule, fields, site.clientDirectives) ??
    (derived === undefined ? "key-too-long" : undefined);
  if (bypass === undefined && derived !== undefined) return { rule, bypass, ...derived };
  const base = derived?.base ?? joinKey(site.name, host, normal.target);
  return { rule, bypass, key: derived?.key ?? base, base, host, target, fields };
}
