import { createHash } from "node:crypto";
import type { CompressOptions } from "../common/config/compress.ts";
import type { Protect, ProtectInput } from "../common/config/protect.ts";
import type { RuleInput, SiteRule } from "../common/config/rule.ts";
import type { Site, SiteInput } from "../common/config/site.ts";
import type { SiteTls } from "../common/config/site-tls.ts";
import { formatDurationMs, formatSizeBytes } from "../common/units.ts";
import type { CnameRecord, SiteBody } from "./api/shapes.ts";

/**
 * TTL of the record that a customer sets. Their name always points at the same name of ours, so it
 * may be kept for long; an hour still lets them move away in an afternoon.
 */
const CUSTOMER_CNAME_TTL_SECONDS = 3_600;

/** A site in the form in which people write it: durations and sizes as text (P). */
export function siteInput({ compress, negativeTtl, protect, tls, ...site }: Site): SiteInput {
  const { connectTimeout, firstByteTimeout, idleTimeout, totalTimeout, ...origin } = site.origin;
  return {
    ...site,
    ...(compress === undefined ? {} : { compress: compressInput(compress) }),
    ...(negativeTtl === undefined ? {} : { negativeTtl: durationTexts(negativeTtl) }),
    ...(protect === undefined ? {} : { protect: protectInput(protect) }),
    ...(tls === undefined ? {} : { tls: tlsInput(tls) }),
    origin: {
      ...origin,
      connectTimeout: formatDurationMs(connectTimeout),
      firstByteTimeout: formatDurationMs(firstByteTimeout),
      idleTimeout: formatDurationMs(idleTimeout),
      ...(totalTimeout === undefined ? {} : { totalTimeout: formatDurationMs(totalTimeout) }),
    },
    slices: { ...site.slices, size: formatSizeBytes(site.slices.size) },
    rules: site.rules.map(ruleInput),
  };
}

function tlsInput({ redirect, hsts }: SiteTls): NonNullable<SiteInput["tls"]> {
  if (hsts === undefined) return { redirect };
  const maxAge = hsts.maxAge === 0 ? 0 : formatDurationMs(hsts.maxAge);
  return { redirect, hsts: { ...hsts, maxAge } };
}

function compressInput({ min, max, ...options }: CompressOptions): SiteInput["compress"] {
  return { ...options, min: formatSizeBytes(min), max: formatSizeBytes(max) };
}

function durationTexts(byStatus: Readonly<Record<string, number>>): Record<string, string> {
  const entries = Object.entries(byStatus);
  return Object.fromEntries(entries.map(([status, ms]) => [status, formatDurationMs(ms)]));
}

function ruleInput(rule: SiteRule): RuleInput {
  const { ttl, clientTtl, staleWhileRevalidate, staleIfError, protect, ...others } = rule;
  return {
    ...others,
    ...(protect === undefined ? {} : { protect: protectInput(protect) }),
    ...(ttl === undefined ? {} : { ttl: lifetimesInput(ttl) }),
    ...(clientTtl === undefined ? {} : { clientTtl: lifetimesInput(clientTtl) }),
    ...(staleWhileRevalidate === undefined
      ? {}
      : { staleWhileRevalidate: formatDurationMs(staleWhileRevalidate) }),
    ...(staleIfError === undefined ? {} : { staleIfError: formatDurationMs(staleIfError) }),
  };
}

function protectInput({ rate, cors, maxBody, ...others }: Protect): ProtectInput {
  return {
    ...others,
    ...(rate === undefined ? {} : { rate: rate && { ...rate, per: formatDurationMs(rate.per) } }),
    ...(cors === undefined
      ? {}
      : { cors: cors && { ...cors, maxAge: formatDurationMs(cors.maxAge) } }),
    ...(maxBody === undefined
      ? {}
      : { maxBody: maxBody === false ? maxBody : formatSizeBytes(maxBody) }),
  };
}

function lifetimesInput(lifetimes: NonNullable<SiteRule["ttl"]>): NonNullable<RuleInput["ttl"]> {
  return typeof lifetimes === "number" ? formatDurationMs(lifetimes) : durationTexts(lifetimes);
}

/** The name under which the CDN itself serves a site (P). */
export function cdnHost(site: string, domain: string): string {
  return `${site}.${domain}`;
}

/** Names one content of a site (P): equal sites have equal tags (RFC 9110 section 8.8.3). */
export function siteTag(site: Site): string {
  const digest = createHash("sha256")
    .update(JSON.stringify(siteInput(site)))
    .digest("base64url");
  return `"${digest.slice(0, 22)}"`;
}

/** A site as the API shows it (P). */
export function siteBody(site: Site, domain: string): SiteBody {
  return {
    site: siteInput(site),
    etag: siteTag(site),
    cdnHost: cdnHost(site.name, domain),
    records: cnameRecords(site, domain),
  };
}

/** What the owner of a site puts into their own zone, one record for each host (P). */
function cnameRecords(site: Site, domain: string): CnameRecord[] {
  const target = `${cdnHost(site.name, domain)}.`;
  const ttlSeconds = CUSTOMER_CNAME_TTL_SECONDS;
  const record = (name: string) => `${name} ${ttlSeconds} IN CNAME ${target}`;
  if (site.hosts.length === 0) {
    return [{ ttlSeconds, target, text: record("<your host name>.") }];
  }
  return site.hosts.map((host) => {
    const name = `${host}.`;
    return { name, ttlSeconds, target, text: record(name) };
  });
}
