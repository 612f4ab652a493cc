/** A server cannot make the client wait longer than this (P-54). */
export const MAX_RETRY_AFTER_MS = 60_000;

const RFC1123 =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
const RFC850 =
  /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (\d{2})-([A-Z][a-z]{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
const ASCTIME = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([A-Z][a-z]{2}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/**
 * Reads a `Retry-After` field (RFC 9110 §10.2.3).
 * @param value field value, or undefined when there is none
 * @param nowMs current Unix time in ms, for the date forms
 * @returns ms to wait, at most {@link MAX_RETRY_AFTER_MS}; undefined when the field says nothing usable (P-54)
 */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  const text = value?.trim();
  if (!text) return undefined;
  if (/^[0-9]+$/.test(text)) return Math.min(Number(text) * 1000, MAX_RETRY_AFTER_MS);
  const atMs = parseHttpDate(text, nowMs);
  if (atMs === undefined || atMs <= nowMs) return undefined;
  return Math.min(atMs - nowMs, MAX_RETRY_AFTER_MS);
}

/** The three date forms of RFC 9110 §5.6.7. */
function parseHttpDate(text: string, nowMs: number): number | undefined {
  let match = RFC1123.exec(text);
  if (match) return utc(match[3], match[2], match[1], match.slice(4, 7));
  match = RFC850.exec(text);
  if (match) return utc(String(fullYear(Number(match[3]), nowMs)), match[2], match[1], match.slice(4, 7));
  match = ASCTIME.exec(text);
  if (match) return utc(match[6], match[1], match[2], match.slice(3, 6));
  return undefined;
}

/** A two-digit year more than 50 years ahead is meant to lie in the past (RFC 9110 §5.6.7). */
function fullYear(twoDigits: number, nowMs: number): number {
  const thisYear = new Date(nowMs).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + twoDigits;
  return year > thisYear + 50 ? year - 100 : year;
}

function utc(
  year: string | undefined,
  month: string | undefined,
  day: string | undefined,
  clock: readonly string[],
): number | undefined {
  const monthIndex = MONTHS.indexOf(month ?? "");
  const [hours = 0, minutes = 0, seconds = 0] = clock.map(Number);
  const dayNumber = Number(day);
  if (monthIndex < 0 || dayNumber < 1 || dayNumber > 31 || hours > 23 || minutes > 59 || seconds > 60) {
    return undefined;
  }
  return Date.UTC(Number(year), monthIndex, dayNumber, hours, minutes, seconds);
}
