import { type FieldLines, singleField } from "../http/fields.ts";

/** The methods that IANA registers as safe. RFC 9110 section 16.1.1. */
const SAFE_METHODS: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "PRI",
  "PROPFIND",
  "QUERY",
  "REPORT",
  "SEARCH",
  "TRACE",
]);

/** True if the method is known to change nothing (P); an unknown one, such as M-SEARCH, may. */
export function isSafeMethod(method: string): boolean {
  return SAFE_METHODS.has(method);
}

/** An unsafe request has been answered: what it was about and what came back. */
export interface UnsafeExchange {
  readonly method: string;
  readonly status: number;
  /** Absolute URI of the request. */
  readonly targetUri: string;
  /** Fields of the response. */
  readonly fields: FieldLines;
}

/**
 * The absolute URIs of which stored responses must not be reused without asking the origin (P). RFC
 * 9111 section 4.4.
 *
 * Only after a 2xx or 3xx answer to an unsafe method: the target itself, and what Location and
 * Content-Location name on the same origin. Empty otherwise, and when the target is no URI.
 */
export function invalidatedTargets(exchange: UnsafeExchange): string[] {
  const { method, status, targetUri, fields } = exchange;
  const target = URL.parse(targetUri);
  if (isSafeMethod(method) || status < 200 || status > 399 || target === null) return [];
  const targets = new Set([target.href]);
  for (const name of ["location", "content-location"]) {
    const named = URL.parse(singleField(fields, name) ?? "", target.href);
    if (named?.origin === target.origin) targets.add(withoutFragment(named));
  }
  return [...targets];
}

function withoutFragment(url: URL): string {
  url.hash = "";
  return url.href;
}
