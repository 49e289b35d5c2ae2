import type { EpochMs } from "../../common/clock.ts";
import { parseHttpDate } from "../http/date.ts";
import { type FieldLines, fieldValues, listMembers, singleField } from "../http/fields.ts";
import type { StoredResponse } from "./stored.ts";

/** The largest age; larger ones are sent as this. RFC 9111 section 1.2.2. */
const AGE_SECONDS_MAX = 2 ** 31 - 1;

/**
 * How old a stored response is now (P). RFC 9111 section 4.2.3.
 *
 * Input: times in epoch milliseconds. Output: whole seconds, 0 to 2^31-1; a clock that went
 * backwards counts as no time passed. Date has whole seconds, so only whole seconds of difference
 * between it and the moment of arrival are age.
 * Example: Age 10, answered after 2 s, 30 s in store -> 42.
 */
export function currentAgeSeconds(stored: StoredResponse, now: EpochMs): number {
  return Math.min(Math.floor(currentAgeMs(stored, now) / 1000), AGE_SECONDS_MAX);
}

/** The same in milliseconds, without an upper limit (P): what freshness is measured against. */
export function currentAgeMs(stored: StoredResponse, now: EpochMs): number {
  return correctedInitialAgeMs(stored) + Math.max(0, now - stored.times.responseTime);
}

/**
 * The Age that a message carries, in seconds (P). RFC 9111 section 5.1.
 *
 * The first member of the first line counts; anything but digits there is ignored, which is 0;
 * more than 2^31-1 is 2^31-1.
 */
export function ageValueSeconds(fields: FieldLines): number {
  const member = listMembers(fieldValues(fields, "age")[0] ?? "")[0] ?? "";
  return /^\d+$/.test(member) ? Math.min(Number(member), AGE_SECONDS_MAX) : 0;
}

/** When the response was generated, as its one valid Date says, else when it arrived (P). */
export function dateValue(fields: FieldLines, responseTime: EpochMs): EpochMs {
  const text = singleField(fields, "date");
  const date = text === undefined ? undefined : parseHttpDate(text, responseTime);
  return date ?? responseTime;
}

const known = new WeakMap<StoredResponse, number>();

/** Does not depend on `now`, so it is worked out once for each stored response. */
function correctedInitialAgeMs(stored: StoredResponse): number {
  let age = known.get(stored);
  if (age === undefined) {
    const { requestTime, responseTime } = stored.times;
    const sinceDateMs = responseTime - dateValue(stored.fields, responseTime);
    const apparentAgeMs = Math.max(0, Math.floor(sinceDateMs / 1000) * 1000);
    const responseDelayMs = Math.max(0, responseTime - requestTime);
    const correctedAgeMs = ageValueSeconds(stored.fields) * 1000 + responseDelayMs;
    age = Math.max(apparentAgeMs, correctedAgeMs);
    known.set(stored, age);
  }
  return age;
}
