import type { EpochMs } from "../../common/clock.ts";
import { directivesOf, forbidsSharing } from "./facts.ts";
import { freshnessLifetimeSeconds } from "./freshness.ts";
import { remainingSeconds, type Standing } from "./standing.ts";
import type { StoredResponse } from "./stored.ts";

/** How asking the origin went wrong. */
export type OriginFailure =
  /** No whole head came: refused, reset, timed out, or not HTTP. */
  | { readonly kind: "unreachable" }
  /** It answered with this status. */
  | { readonly kind: "status"; readonly status: number };

/** The statuses that `stale-if-error` is about. RFC 5861 section 4. */
const ERROR_STATUSES: ReadonlySet<number> = new Set([500, 502, 503, 504]);

/**
 * How long after its freshness a response may stand in for an origin that cannot be reached, when
 * the origin itself gave no `stale-if-error`. Long enough for a weekend, short enough that nobody
 * meets a page of last year.
 */
const UNREACHABLE_SECONDS_MAX = 3 * 86_400;

/**
 * True if a stored response may be served although the origin did not confirm it (P). RFC 9111
 * section 4.2.4, RFC 5861 section 4.
 *
 * With `stale-if-error`, for that long, on failure to reach the origin and on 500, 502, 503 and
 * 504. Without it, only when the origin cannot be reached, and only if the response was once fresh:
 * one that never was may be meant for one person. Never against must-revalidate, proxy-revalidate,
 * s-maxage or no-cache. A soft purge (`standing`) starts both times.
 */
export function mayServeStaleOnError(
  stored: StoredResponse,
  now: EpochMs,
  failure: OriginFailure,
  standing?: Standing,
): boolean {
  if (forbidsStale(stored)) return false;
  if (failure.kind === "status" && !ERROR_STATUSES.has(failure.status)) return false;
  const staleSeconds = -remainingSeconds(stored, now, standing);
  const { staleIfError } = directivesOf(stored.fields).directives;
  if (staleIfError !== undefined) return staleSeconds < staleIfError;
  if (failure.kind === "status" || freshnessLifetimeSeconds(stored) === 0) return false;
  return staleSeconds < UNREACHABLE_SECONDS_MAX;
}

/**
 * True if the response forbids ever being served stale (P). RFC 9111 section 4.2.4:
 * must-revalidate, proxy-revalidate, no-cache, and s-maxage, which implies proxy-revalidate
 * (section 5.2.2.10); also private and no-store, which a 304 may have brought after it was stored.
 */
export function forbidsStale(stored: StoredResponse): boolean {
  const { directives } = directivesOf(stored.fields);
  return (
    directives.mustRevalidate ||
    directives.proxyRevalidate ||
    directives.noCache === true ||
    directives.sMaxage !== undefined ||
    forbidsSharing(stored.fields)
  );
}
