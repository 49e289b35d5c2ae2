/**
 * The key under which all variants of a URI are stored (P). RFC 9111 section 2.
 *
 * Input: the site's name, and host and target in the one form that each of them has.
 * Output: `site host/path?query`. What key rules add stands behind it: see `requestKey`.
 */
export function joinKey(site: string, host: string, target: string): string {
  return `${site} ${host}${target}`;
}

/** How a client came. */
export type Scheme = "http" | "https";

/** What stands behind the URL in keys of requests that came over TLS. */
export const HTTPS_MARK = " https";

/**
 * A Host in the one form that its key has: lower case, no default port, no final dot (P). The
 * origin must be asked with it: an answer to any other spelling would be stored for this one too.
 *
 * Any other port stays, on plain HTTP also 443: an origin that repeats it in links must not have
 * its answer given to those who did not ask for it.
 */
export function normalHost(host: string, scheme: Scheme = "http"): string {
  return host
    .toLowerCase()
    .replace(scheme === "http" ? /:(?:80)?$/ : /:(?:443)?$/, "")
    .replace(/\.(?=:|$)/, "");
}

const UNRESERVED = /^[0-9a-z_~-]$/i;

/**
 * Path and query in the one form that their key has (P); the origin must be asked with it.
 *
 * Input: a request target as sent, in origin-form or in absolute-form, of which the authority is
 * left out. What RFC 3986 section 6.2.2 calls equivalent is made equal: hexadecimal digits of
 * escapes in upper case, escapes of letters, digits, `-`, `_` and `~` undone. Dots stay escaped,
 * and dot segments stay: servers differ in what they take them for.
 */
export function normalTarget(target: string): string {
  // Most are in this form already.
  if (target.startsWith("/") && !target.includes("%")) return target;
  const relative = target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, "");
  const path = relative.startsWith("/") ? relative : `/${relative}`;
  return path.replaceAll(/%[0-9a-f]{2}/gi, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return UNRESERVED.test(character) ? character : escape.toUpperCase();
  });
}
