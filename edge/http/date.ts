import type { EpochMs } from "../../common/clock.ts";

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

const TIME = "(\\d{2}):(\\d{2}):(\\d{2})";
const SHORT_DAY = "(?:mon|tue|wed|thu|fri|sat|sun)";
const LONG_DAY = "(?:mon|tues|wednes|thurs|fri|satur|sun)day";
const MONTH = `(${MONTHS.join("|")})`;

const IMF_FIXDATE = new RegExp(`^${SHORT_DAY}, (\\d{2}) ${MONTH} (\\d{4}) ${TIME} GMT$`, "i");
const RFC850 = new RegExp(`^${LONG_DAY}, (\\d{2})-${MONTH}-(\\d{2}) ${TIME} GMT$`, "i");
const ASCTIME = new RegExp(`^${SHORT_DAY} ${MONTH} (\\d{2}| \\d) ${TIME} (\\d{4})$`, "i");

/** A two-digit year that seems to lie further ahead than this belongs to the century before. */
const RFC850_FUTURE_YEARS = 50;

/** Longer text is no date in any of the three formats; it is not even looked at. */
const DATE_LENGTH_MAX = 40;

/**
 * Reads an HTTP date (P). RFC 9110 section 5.6.7.
 *
 * Input: exactly one of the three formats (IMF-fixdate, RFC 850, asctime), names and GMT in any
 * case; the name of the day is not held against the date. `receivedAt` decides the century of
 * RFC 850's two-digit years: nothing lies more than 50 years ahead of it.
 * Output: epoch milliseconds; undefined for anything else: other zones, other spacing, the 30th of
 * February. A leap second (`:60`) is the first second of the next minute.
 */
export function parseHttpDate(text: string, receivedAt: EpochMs): EpochMs | undefined {
  if (text.length > DATE_LENGTH_MAX) return undefined;
  const fixdate = IMF_FIXDATE.exec(text);
  if (fixdate !== null) {
    const [, day, month, year, ...time] = fixdate;
    return instant(Number(year), month, Number(day), time);
  }
  const asctime = ASCTIME.exec(text);
  if (asctime !== null) {
    const [, month, day, hour, minute, second, year] = asctime;
    return instant(Number(year), month, Number(day), [hour, minute, second]);
  }
  const rfc850 = RFC850.exec(text);
  if (rfc850 === null) return undefined;
  const [, day, month, year, ...time] = rfc850;
  return instant(fullYear(Number(year), receivedAt), month, Number(day), time);
}

/** Writes an IMF-fixdate such as `Sun, 06 Nov 1994 08:49:37 GMT` (P). RFC 9110 section 5.6.7. */
export function formatHttpDate(time: EpochMs): string {
  return new Date(time).toUTCString();
}

function instant(
  year: number,
  monthName = "",
  day: number,
  time: readonly (string | undefined)[],
): EpochMs | undefined {
  const [hour = Number.NaN, minute = Number.NaN, second = Number.NaN] = time.map(Number);
  if (!(hour <= 23 && minute <= 59 && second <= 60)) return undefined;
  const month = MONTHS.indexOf(monthName.toLowerCase());
  const date = new Date(0);
  date.setUTCFullYear(year, month, day);
  // A day that the month does not have would silently become one of the next month.
  if (date.getUTCMonth() !== month || date.getUTCDate() !== day) return undefined;
  return date.setUTCHours(hour, minute, second);
}

function fullYear(twoDigits: number, receivedAt: EpochMs): number {
  const thisYear = new Date(receivedAt).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + twoDigits;
  if (year > thisYear + RFC850_FUTURE_YEARS) return year - 100;
  // At the end of a century "01" means the next one.
  return year <= thisYear + RFC850_FUTURE_YEARS - 100 ? year + 100 : year;
}
