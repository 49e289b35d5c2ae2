import type { SiteRule } from "../../common/config/rule.ts";
import { requestDirectives } from "../http/cache-control.ts";
import type { FieldLines } from "../http/fields.ts";
import type { ClientDirectives } from "./reuse.ts";

/** Why a request goes past the cache: neither answered from it nor stored. A closed set. */
export type BypassReason =
  /** Not GET or HEAD. */
  | "method"
  /** A rule of the site says `cache: false`. */
  | "rule"
  /** A GET with a body: what the body asks for is not part of the key. */
  | "request-body"
  /** A field or cookie that is part of the key has a longer value than keys hold. */
  | "key-too-long"
  /** A range far into something that is not stored. */
  | "range"
  /** The client says `no-store`, and the site honours that. */
  | "request-no-store";

/**
 * Why the cache has no part in a request, by the request, its rule and its site; else undefined
 * (P).
 */
export function bypassReason(
  method: string,
  rule: SiteRule | undefined,
  requestFields: FieldLines,
  clientDirectives?: ClientDirectives,
): BypassReason | undefined {
  if (method !== "GET" && method !== "HEAD") return "method";
  if (rule?.cache === false) return "rule";
  if (hasContent(requestFields)) return "request-body";
  // RFC 9111 section 5.2.1.5.
  const honours = clientDirectives === "honour";
  return honours && requestDirectives(requestFields).noStore ? "request-no-store" : undefined;
}

/** True if a request has a body, or may have one (P). RFC 9112 section 6.3: these fields say so. */
export function hasContent(fields: FieldLines): boolean {
  for (const [name, value] of fields) {
    if (name === "transfer-encoding" || (name === "content-length" && value !== "0")) return true;
  }
  return false;
}
