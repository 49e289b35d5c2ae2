import { isIP } from "node:net";

/** What a call says about where it comes from. */
export interface Caller {
  readonly method: string;
  /** The Host field. */
  readonly host: string | undefined;
  /** The Origin field, which browsers set on calls that change something. */
  readonly origin: string | undefined;
  /** The Sec-Fetch-Site field, which browsers set on every call. */
  readonly fetchSite: string | undefined;
}

/**
 * Says why a call must be refused, or undefined (P).
 *
 * An API that asks for no token must not be called by a web page that its operator visits.
 * Names of several labels are refused because a page can point its own name at this address (DNS
 * rebinding) and be the same origin; addresses and one-label names (`localhost`, a container's)
 * cannot be taken that way. Calls that change something must come from our own page, or from no
 * page at all.
 */
export function whyRefused(caller: Caller): string | undefined {
  const host = URL.parse(`http://${caller.host ?? ""}`);
  if (host === null || host.pathname !== "/" || host.username !== "") {
    return "the Host field is missing or malformed";
  }
  if (!isUnforgeable(host.hostname)) {
    return `the API is not called "${host.hostname}": call it by address, or as localhost`;
  }
  if (caller.method === "GET" || caller.method === "HEAD") return undefined;
  if (caller.fetchSite !== undefined && !["same-origin", "none"].includes(caller.fetchSite)) {
    return "another site's page made this call";
  }
  if (caller.origin !== undefined && URL.parse(caller.origin)?.host !== host.host) {
    return `a page of "${caller.origin}" made this call`;
  }
  return undefined;
}

function isUnforgeable(hostname: string): boolean {
  if (isIP(hostname.replace(/^\[|\]$/g, "")) !== 0) return true;
  return hostname.endsWith(".localhost") || !hostname.includes(".");
}
