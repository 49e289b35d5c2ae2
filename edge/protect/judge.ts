import { globFits } from "../../common/config/glob.ts";
import { climbs } from "../../common/config/location.ts";
import { type IpBytes, prefixContains } from "../../common/ip.ts";
import { judgeToken, type SigningKeys } from "../../common/signed-url.ts";
import { type FieldLines, fieldValues, hasField, singleField } from "../http/fields.ts";
import { normalTarget } from "../key/primary.ts";
import { plainPath } from "../key/rule.ts";
import { hostName } from "../key/site.ts";
import type { ErrorReason } from "../serve/error-response.ts";
import type { Policy } from "./policy.ts";

/** True if clients of this address are served (P). Where nobody knows it, no list has it. */
export function mayAsk({ allow, deny }: Policy, address: IpBytes | undefined): boolean {
  const isIn = (list: Policy["deny"]) =>
    address !== undefined && list.some((prefix) => prefixContains(prefix, address));
  return !isIn(deny) && (allow === undefined || isIn(allow));
}

/**
 * True if the page that a request comes from may show what it asks for (P). Referer is RFC 9110
 * section 10.1.3; a page that hides it cannot hide Sec-Fetch-Site (W3C Fetch Metadata).
 */
export function mayShow(
  referers: NonNullable<Policy["referers"]>,
  siteHosts: readonly string[],
  fields: FieldLines,
): boolean {
  const referer = singleField(fields, "referer");
  if (referer === undefined && !hasField(fields, "referer")) {
    const from = singleField(fields, "sec-fetch-site");
    if (from === "cross-site") return false;
    return referers.empty || from === "same-origin" || from === "same-site";
  }
  const host = hostName(URL.parse(referer ?? "")?.hostname ?? "");
  if (host === "") return false;
  return siteHosts.includes(host) || referers.hosts.some((glob) => globFits(glob, host));
}

/** What a token is looked at for. */
export interface SignedRequest {
  readonly host: string;
  /** Path and query, without the token. */
  readonly target: string;
  readonly token: string | undefined;
  readonly address: IpBytes | undefined;
  readonly nowSeconds: number;
}

/** Why a request that needs a signature is refused (P); undefined: it is not. */
export function judgeSignature(
  { keys: ids }: NonNullable<Policy["signed"]>,
  keys: SigningKeys,
  { token, host, ...asked }: SignedRequest,
): ErrorReason | undefined {
  if (token === undefined) return "not-signed";
  const allowed = new Map([...keys].filter(([id]) => ids.includes(id)));
  const verdict = judgeToken(token, allowed, {
    ...asked,
    host: hostName(host),
    isBelow: (prefix) => isBelow(asked.target, prefix),
  });
  if (verdict === "good") return undefined;
  return verdict === "expired" ? "link-expired" : "not-signed";
}

/** Below it as sent, and as an origin may take it: `/a/..%2fb` does not lie below `/a/`. */
function isBelow(target: string, prefix: string): boolean {
  const path = target.replace(/\?.*$/s, "");
  if (climbs(path)) return false;
  return (
    normalTarget(path).startsWith(normalTarget(prefix)) &&
    plainPath(path).startsWith(plainPath(prefix))
  );
}

/** Why the body of a request is refused by what its head says of it (P). */
export function judgeBody(maxBody: number, fields: FieldLines): ErrorReason | undefined {
  if (hasField(fields, "transfer-encoding")) return "length-required";
  const lengths = fieldValues(fields, "content-length").map(Number);
  return lengths.some((length) => length > maxBody) ? "content-too-large" : undefined;
}
