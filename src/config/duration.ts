import { InvalidValueError } from "./invalid_value.ts";

const NS_PER_UNIT: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  "µs": 1_000n, // U+00B5 micro sign
  "μs": 1_000n, // U+03BC Greek mu
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const NS_PER_MS = 1_000_000n;
const MAX_NS = 2n ** 63n - 1n;
const VALID = "use a number with a unit (ns, us, ms, s, m, h), such as 500ms, 30s or 1m30s";

const PAIR = /(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/y;

/**
 * Reads a duration in Go syntax (CFG-15): an optional sign, then `<decimal number><unit>` pairs without spaces, or a bare `0`.
 * @param text e.g. `30s`, `1m30s`, `1.5h`, `-200ms`; not trimmed
 * @returns milliseconds, with nanosecond resolution as fraction
 * @throws {InvalidValueError} for anything else, and beyond ±(2^63−1) ns
 */
export function parseDuration(text: string): number {
  const negative = text.startsWith("-");
  const body = negative || text.startsWith("+") ? text.slice(1) : text;
  if (body === "0") return 0;
  if (/^\d+(\.\d*)?$/.test(body)) throw new InvalidValueError("a duration needs a unit", VALID);
  let totalNs = 0n;
  PAIR.lastIndex = 0;
  while (PAIR.lastIndex < body.length || body === "") {
    const pair = PAIR.exec(body);
    const whole = pair?.[1] ?? "";
    const fraction = pair?.[2] ?? "";
    const unitNs = NS_PER_UNIT[pair?.[3] ?? ""];
    if (unitNs === undefined || whole + fraction === "") throw new InvalidValueError("not a duration", VALID);
    totalNs += BigInt(whole || "0") * unitNs;
    if (fraction !== "") totalNs += (BigInt(fraction) * unitNs) / 10n ** BigInt(fraction.length);
    if (totalNs > MAX_NS) throw new InvalidValueError("duration is too long", "the limit is about 292 years");
  }
  const ms = Number(totalNs / NS_PER_MS) + Number(totalNs % NS_PER_MS) / Number(NS_PER_MS);
  return negative && ms !== 0 ? -ms : ms;
}

/**
 * Writes a duration in normalised form (CFG-16): `0s`, `500ms`, `1.5s`, `1m0s`, `1h0m0s`.
 * @param durationMs milliseconds; nanoseconds are the finest digit that is kept
 */
export function formatDuration(durationMs: number): string {
  const sign = durationMs < 0 ? "-" : "";
  const magnitudeMs = Math.abs(durationMs);
  const wholeMs = Math.trunc(magnitudeMs);
  const ns = BigInt(wholeMs) * NS_PER_MS + BigInt(Math.round((magnitudeMs - wholeMs) * Number(NS_PER_MS)));
  if (ns === 0n) return "0s";
  if (ns < 1_000n) return `${sign}${ns}ns`;
  if (ns < NS_PER_MS) return `${sign}${decimal(ns, 1_000n)}µs`;
  if (ns < 1_000_000_000n) return `${sign}${decimal(ns, NS_PER_MS)}ms`;
  const hours = ns / 3_600_000_000_000n;
  const minutes = (ns / 60_000_000_000n) % 60n;
  const seconds = `${decimal(ns % 60_000_000_000n, 1_000_000_000n)}s`;
  if (hours > 0n) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0n ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`;
}

/** `value / unit` as a decimal number without trailing zeros; the unit is a power of ten. */
function decimal(value: bigint, unit: bigint): string {
  const digits = unit.toString().length - 1;
  const fraction = (value % unit).toString().padStart(digits, "0").replace(/0+$/, "");
  return fraction === "" ? `${value / unit}` : `${value / unit}.${fraction}`;
}
