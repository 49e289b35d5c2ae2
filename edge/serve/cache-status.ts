/** Why a request was sent on towards the origin. RFC 9211 section 2.2. */
export type ForwardReason =
  | "bypass"
  | "method"
  | "uri-miss"
  | "vary-miss"
  | "miss"
  | "request"
  | "stale"
  | "partial";

/** How a cache handled one request. RFC 9211. */
export type CacheStatus =
  /** An answer of this cache's own: neither stored nor forwarded. */
  | { readonly kind: "made-here"; readonly detail: string }
  /** Answered from the store, without asking anybody. */
  | {
      readonly kind: "hit";
      /** Remaining freshness in seconds; negative for a stale response. */
      readonly ttlSeconds: number;
      readonly key?: string;
      readonly detail?: string;
    }
  | {
      readonly kind: "forward";
      readonly reason: ForwardReason;
      /**
       * Status that came back; absent when nothing did, or when another request's fill was joined.
       */
      readonly forwardStatus?: number;
      /** The response was put into the store. */
      readonly stored?: boolean;
      /** This request waited for a fill that another one had begun. */
      readonly collapsed?: boolean;
      readonly ttlSeconds?: number;
      readonly key?: string;
      readonly detail?: string;
    };

/**
 * Writes this cache's member of Cache-Status, such as `syd-1; hit; ttl=30` (P). RFC 9211 section 2.
 *
 * Seconds are rounded down to whole ones. A key or detail that holds anything but visible ASCII and
 * spaces is left out, for a structured string cannot carry it. Written by hand, because every hit
 * pays for it; the tests read it back with a library.
 */
export function cacheStatusMember(edge: string, status: CacheStatus): string {
  let member = EDGE_TOKEN.test(edge) ? edge : structuredString(edge);
  if (status.kind === "made-here") return `${member}; detail=${structuredString(status.detail)}`;
  if (status.kind === "hit") {
    member += "; hit";
  } else {
    member += `; fwd=${status.reason}`;
    if (status.forwardStatus !== undefined) member += `; fwd-status=${status.forwardStatus}`;
    if (status.stored === true) member += "; stored";
    if (status.collapsed === true) member += "; collapsed";
  }
  if (status.ttlSeconds !== undefined) member += `; ttl=${Math.floor(status.ttlSeconds)}`;
  if (isStructuredString(status.key)) member += `; key=${structuredString(status.key)}`;
  if (isStructuredString(status.detail)) member += `; detail=${structuredString(status.detail)}`;
  return member;
}

const EDGE_TOKEN = /^[a-z*][a-z0-9:/!#$%&'*+.^_`|~-]*$/i;

function isStructuredString(text: string | undefined): text is string {
  return text !== undefined && /^[\x20-\x7e]*$/.test(text);
}

function structuredString(text: string): string {
  return `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}
