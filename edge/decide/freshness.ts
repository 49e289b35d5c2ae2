import type { EpochMs } from "../../common/clock.ts";
import { DELTA_SECONDS_MAX } from "../http/cache-control.ts";
import { parseHttpDate } from "../http/date.ts";
import { type FieldLines, fieldValues, singleField } from "../http/fields.ts";
import { currentAgeMs, dateValue } from "./age.ts";
import { directivesOf } from "./facts.ts";
import type { StoredResponse } from "./stored.ts";

/** Statuses that may be given a lifetime by heuristics. RFC 9110 section 15.1. */
const CACHEABLE_BY_DEFAULT: ReadonlySet<number> = new Set([
  200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501,
]);

/** The share of the time since Last-Modified that RFC 9111 section 4.2.2 gives as typical. */
const HEURISTIC_SHARE = 0.1;

/** No guess is good for longer than a day. */
const HEURISTIC_SECONDS_MAX = 86_400;

/** True if the status may be stored without the response saying so (P). RFC 9110 section 15.1. */
export function isCacheableByDefault(status: number): boolean {
  return CACHEABLE_BY_DEFAULT.has(status);
}

const known = new WeakMap<StoredResponse, number>();

/**
 * How long a response is fresh, counted from its generation, in whole seconds (P). RFC 9111
 * section 4.2.1.
 *
 * A rule of the site beats everything; then s-maxage, max-age, Expires minus Date (several or
 * invalid Expires are stale), then a tenth of the time since Last-Modified for statuses that are
 * cacheable by default and for `public` ones (section 4.2.2). 0 means that it is never fresh.
 */
export function freshnessLifetimeSeconds(stored: StoredResponse): number {
  let lifetime = known.get(stored);
  if (lifetime === undefined) {
    lifetime =
      stored.ruleTtlSeconds ??
      explicitLifetimeSeconds(stored.fields, stored.times.responseTime) ??
      heuristicLifetimeSeconds(stored);
    known.set(stored, lifetime);
  }
  return lifetime;
}

/**
 * How much longer a stored response is fresh, in seconds with their parts; 0 or negative once it is
 * stale (P). RFC 9111 section 4.2.
 */
export function remainingFreshnessSeconds(stored: StoredResponse, now: EpochMs): number {
  return freshnessLifetimeSeconds(stored) - currentAgeMs(stored, now) / 1000;
}

/** The lifetime that a response itself states; undefined when it states none (P). */
export function explicitLifetimeSeconds(
  fields: FieldLines,
  responseTime: EpochMs,
): number | undefined {
  const { directives, source } = directivesOf(fields);
  const stated = directives.sMaxage ?? directives.maxAge;
  if (stated !== undefined) return stated;
  // Next to a targeted field, Expires plays no part (RFC 9213 section 2.2).
  if (source !== "cache-control" || fieldValues(fields, "expires").length === 0) return undefined;
  const expires = parseHttpDate(singleField(fields, "expires") ?? "", responseTime);
  if (expires === undefined) return 0;
  const seconds = Math.floor((expires - dateValue(fields, responseTime)) / 1000);
  return Math.min(Math.max(0, seconds), DELTA_SECONDS_MAX);
}

function heuristicLifetimeSeconds(stored: StoredResponse): number {
  const { fields, times, status } = stored;
  if (!isCacheableByDefault(status) && !directivesOf(fields).directives.public) return 0;
  const modified = parseHttpDate(singleField(fields, "last-modified") ?? "", times.responseTime);
  if (modified === undefined) return 0;
  const unchangedMs = dateValue(fields, times.responseTime) - modified;
  const seconds = Math.floor((unchangedMs * HEURISTIC_SHARE) / 1000);
  return Math.min(Math.max(0, seconds), HEURISTIC_SECONDS_MAX);
}
