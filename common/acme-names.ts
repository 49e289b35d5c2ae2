import { createHash } from "node:crypto";

/** Below the CDN's domain: where customers' `_acme-challenge` names may lead. */
const DELEGATED = "acme";
const ID_DIGITS = 20;

/** The name whose TXT records prove that a host is ours (P; RFC 8555 section 8.4). */
export function challengeName(host: string): string {
  return `_acme-challenge.${host}`;
}

/**
 * The name of ours that `_acme-challenge.<host>` can be a CNAME of (P), such as
 * `3b4c....acme.kingcdn.test`: the same for ever, and no longer for long hosts.
 */
export function delegatedName(host: string, domain: string): string {
  const id = createHash("sha256").update(host).digest("hex").slice(0, ID_DIGITS);
  return `${id}.${DELEGATED}.${domain}`;
}
