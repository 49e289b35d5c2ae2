import type { EpochMs } from "../../common/clock.ts";
import type { Rdata } from "../wire/rdata.ts";
import { soaNumbers } from "./serial.ts";

/*
 * What a SOA may ask of a secondary is taken within bounds: a typing error must neither flood a
 * primary nor leave a zone alone for years.
 */
const WAIT_SECONDS_MIN = 2;
const WAIT_SECONDS_MAX = 86_400;
const EXPIRE_SECONDS_MIN = 60;

/** From one attempt to the next while there is no version to serve. */
const FIRST_RETRY_SECONDS = 5;

/** When a secondary asks again, and until when it may serve what it has. */
export interface RefreshPlan {
  readonly nextAt: EpochMs;
  /** Undefined while there is nothing to serve. */
  readonly expiresAt: EpochMs | undefined;
}

/**
 * After the primary has confirmed or sent a version (P). RFC 1035 section 3.3.13. `jitter` is from
 * 0 to 1: up to a tenth of the time is taken off, so that many zones do not ask at once.
 */
export function planAfterSuccess(soa: Rdata, now: EpochMs, jitter: number): RefreshPlan {
  const { refreshSeconds } = soaNumbers(soa);
  const wait = bounded(refreshSeconds) * (1 - jitter / 10);
  return { nextAt: now + wait * 1000, expiresAt: expiry(soa, now) };
}

/** After an attempt that failed (P); what is there stays until it expires. */
export function planAfterFailure(
  soa: Rdata | undefined,
  before: RefreshPlan,
  now: EpochMs,
): RefreshPlan {
  const seconds = soa === undefined ? FIRST_RETRY_SECONDS : bounded(soaNumbers(soa).retrySeconds);
  return { nextAt: now + seconds * 1000, expiresAt: before.expiresAt };
}

/** Until when a version that was confirmed at `confirmedAt` may be served (P). */
export function expiry(soa: Rdata, confirmedAt: EpochMs): EpochMs {
  const { expireSeconds } = soaNumbers(soa);
  return confirmedAt + Math.max(EXPIRE_SECONDS_MIN, expireSeconds) * 1000;
}

function bounded(seconds: number): number {
  return Math.min(WAIT_SECONDS_MAX, Math.max(WAIT_SECONDS_MIN, seconds));
}
