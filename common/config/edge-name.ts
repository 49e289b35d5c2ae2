import { createHash } from "node:crypto";
import type { Site } from "./site.ts";

/** Hexadecimal digits that tell hosts apart: 64 bits, so nobody meets another's by chance. */
const DIGITS = 16;

/** Names of sites that would be taken for those of further hosts. */
const FURTHER = /^host-[0-9a-f]{16}$/;

/** The host that stands for a site: the first of its hosts, else its name in the CDN's domain. */
export function mainHost(site: Site, cdnDomain: string): string {
  return site.hosts[0] ?? `${site.name}.${cdnDomain}`;
}

/**
 * The label under which each edge has a host of a site, at `<label>.<edge>.edge.<cdn domain>` (P).
 * That name belongs to one edge, so a request for it cannot come to another.
 *
 * Input: the site, and one of its hosts or its own name, in lower case. Output: the site's name for
 * its main host and for its own name; `host-` and 16 digits of the SHA-256 of any further host,
 * which may have content of its own. Host names are too long to be told in full.
 */
export function edgeLabel(site: Site, host: string, cdnDomain: string): string {
  if (host === mainHost(site, cdnDomain) || host === `${site.name}.${cdnDomain}`) return site.name;
  return `host-${createHash("sha256").update(host).digest("hex").slice(0, DIGITS)}`;
}

/** True if a site of that name could be taken for a further host of another one (P). */
export function looksLikeFurtherHost(siteName: string): boolean {
  return FURTHER.test(siteName);
}
