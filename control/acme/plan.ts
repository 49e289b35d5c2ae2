import type { EpochMs } from "../../common/clock.ts";
import type { Site } from "../../common/config/site.ts";
import type { View } from "../../state/apply.ts";
import type { RecordChange } from "../../state/certificates.ts";
import { renewalTime } from "../certificates/schedule.ts";
import { cdnHost } from "../site-text.ts";
import { acmeName } from "./names.ts";

/** A certificate that ought to be there. */
export interface WantedCertificate {
  readonly name: string;
  /** Undefined: it is the CDN's own. */
  readonly site?: string;
  readonly hosts: readonly string[];
  readonly challenge: "http-01" | "dns-01";
}

/** What decides which certificates are wanted. */
export interface WantedBy {
  readonly domain: string;
  /** One for `*.<domain>` too. */
  readonly wildcard: boolean;
}

/** The name of the CDN's own wildcard certificate: no site's, as theirs have a dot. */
const WILDCARD_NAME = "acme-wildcard";

/** The certificates that sites and the configuration want from an authority (P). */
export function wantedCertificates(
  sites: Iterable<Site>,
  { domain, wildcard }: WantedBy,
): WantedCertificate[] {
  const wanted: WantedCertificate[] = [];
  if (wildcard) {
    wanted.push({ name: WILDCARD_NAME, hosts: [`*.${domain}`], challenge: "dns-01" });
  }
  for (const site of sites) {
    if (site.https?.certificate !== "acme") continue;
    const hosts = site.hosts.length === 0 ? [cdnHost(site.name, domain)] : [...site.hosts].sort();
    const { challenge = "http-01" } = site.https;
    wanted.push({ name: acmeName(site.name), site: site.name, hosts, challenge });
  }
  return wanted;
}

/** Those of them that have to be got now (P): absent, for other hosts, or due for renewal. */
export function dueCertificates(
  view: Pick<View, "certificates" | "orders">,
  wanted: readonly WantedCertificate[],
  when: { readonly now: EpochMs; readonly renewBeforeMs?: number | undefined },
): WantedCertificate[] {
  return wanted.filter(({ name, hosts }) => {
    const present = view.certificates.get(name);
    const isGood =
      present !== undefined &&
      isSameSet(present.hosts, hosts) &&
      when.now < renewalTime(present, when.renewBeforeMs);
    if (isGood) return false;
    const order = view.orders.get(name);
    return order === undefined || order.nextAt <= when.now || !isSameSet(order.hosts, hosts);
  });
}

/**
 * What nobody needs any more (P): orders for what is not wanted, challenges and ordered
 * certificates that have ended. A certificate that is not wanted stays until its end: whoever turns
 * a site off and on again is not made to order anew.
 */
export function leftOvers(
  view: Pick<View, "certificates" | "orders" | "challenges">,
  wanted: readonly WantedCertificate[],
  now: EpochMs,
): RecordChange[] {
  const names = new Set(wanted.map(({ name }) => name));
  const changes: RecordChange[] = [];
  for (const { certificate } of view.orders.values()) {
    if (!names.has(certificate)) changes.push({ kind: "order-remove", order: certificate });
  }
  for (const { token, expiresAt } of view.challenges.values()) {
    if (expiresAt <= now) changes.push({ kind: "challenge-remove", challenge: token });
  }
  for (const { name, source, notAfter } of view.certificates.values()) {
    if (source !== "acme" || names.has(name) || notAfter > now) continue;
    changes.push({ kind: "certificate-remove", certificate: name });
  }
  return changes;
}

/** The first pause after a failure, four times as long after each further one, and the longest. */
export const RETRY_MS = 60_000;
export const RETRY_MS_MAX = 12 * 3_600_000;
/** The pause after an authority said that we ask too much, if it did not say how long. */
export const RATE_LIMITED_MS = 3_600_000;
/** An authority that wants to be left alone for longer is asked again all the same. */
const RETRY_AFTER_MS_MAX = 7 * 24 * 3_600_000;
/** Pauses differ by this part, so that what failed together is not tried together. */
const JITTER = 0.1;

/** What a failure said of when to try again. */
export interface FailureHint {
  readonly retryAfterMs?: number | undefined;
  readonly isRateLimit: boolean;
}

/**
 * How long to wait after the n-th failure in a row, in ms (P). `chance` is from 0 to 1. Never
 * shorter than what the authority asked for (RFC 8555 section 6.6).
 */
export function retryPauseMs(failures: number, hint: FailureHint, chance: number): number {
  const { retryAfterMs = 0, isRateLimit } = hint;
  const own = Math.min(RETRY_MS_MAX, RETRY_MS * 4 ** Math.min(failures - 1, 20));
  const least = Math.max(
    Math.min(retryAfterMs, RETRY_AFTER_MS_MAX),
    isRateLimit && retryAfterMs === 0 ? RATE_LIMITED_MS : 0,
  );
  return Math.trunc(Math.max(own, least) * (1 + JITTER * chance));
}

function isSameSet(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((one) => others.includes(one));
}
