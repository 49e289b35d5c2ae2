/**
 * Fields about one connection, which no intermediary forwards or stores (RFC 9110 section 7.6.1,
 * RFC 9111 section 3.1). `Trailer` is among them because trailers are not forwarded.
 */
export const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Conditions and ranges of one client. RFC 9111 section 4.3.1, RFC 9110 section 13.1. */
export const CLIENT_CONDITIONS: ReadonlySet<string> = new Set([
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
  "range",
]);

/**
 * Fields of a request that an edge writes anew on its way to the origin. `Expect` is not sent on:
 * the edge has answered it by reading the body.
 */
export const WRITTEN_TO_ORIGIN: ReadonlySet<string> = new Set([
  "cdn-loop",
  "expect",
  "forwarded",
  "host",
  "via",
  "x-forwarded-for",
  "x-forwarded-proto",
]);

/**
 * Fields in which frameworks believe what host, port or path was asked for. No cache key holds
 * them, so from a client they would put its own links into what everybody else is served.
 */
export const MISLEADING_FIELDS: ReadonlySet<string> = new Set([
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-prefix",
  "x-forwarded-scheme",
  "x-forwarded-server",
  "x-forwarded-ssl",
  "x-host",
  "x-original-host",
  "x-original-url",
  "x-rewrite-url",
]);

/** A field name with hyphens: CGI and its heirs cannot tell underscores from them (P). */
export function meantName(name: string): string {
  return name.replaceAll("_", "-");
}
