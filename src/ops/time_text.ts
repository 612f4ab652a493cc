/** Instants as log lines show them, in the zone of the machine. */

const MS_PER_MINUTE = 60_000;

/** RFC 3339 with milliseconds and the local offset, e.g. `2026-11-21T10:17:23.004+01:00` (L-4, L-5, CFG-93). */
export function rfc3339Local(timeMs: number): string {
  const offsetMinutes = -new Date(timeMs).getTimezoneOffset();
  const local = new Date(timeMs + offsetMinutes * MS_PER_MINUTE).toISOString();
  return offsetMinutes === 0 ? local : local.slice(0, -1) + offsetText(offsetMinutes);
}

/** `YYYY/MM/DD HH:MM:SS`, local (L-1). */
export function slashedLocal(timeMs: number): string {
  const text = rfc3339Local(timeMs);
  return `${text.slice(0, 10).replaceAll("-", "/")} ${text.slice(11, 19)}`;
}

function offsetText(offsetMinutes: number): string {
  const minutes = Math.abs(offsetMinutes);
  return `${offsetMinutes < 0 ? "-" : "+"}${twoDigits(Math.trunc(minutes / 60))}:${twoDigits(minutes % 60)}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
