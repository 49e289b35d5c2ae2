import type { EpochMs } from "../../common/clock.ts";
import { CURRENT, type PurgeVerdict } from "../../state/purge.ts";
import { remainingFreshnessSeconds } from "./freshness.ts";
import type { StoredResponse } from "./stored.ts";

/** How purges have left a stored response that may still be of use. */
export type Standing = Exclude<PurgeVerdict, { readonly kind: "purged" }>;

/**
 * How much longer a stored response is fresh, in seconds with their parts; 0 or negative once it is
 * stale (P). A soft purge ends freshness at its moment: what RFC 5861 allows a stale response for
 * some time is counted from there.
 */
export function remainingSeconds(
  stored: StoredResponse,
  now: EpochMs,
  standing: Standing = CURRENT,
): number {
  const remaining = remainingFreshnessSeconds(stored, now);
  if (standing.kind !== "stale") return remaining;
  return Math.min(remaining, Math.min(0, standing.since - now) / 1000);
}
