const PATTERN = /^([0-9]+)(ns|us|ms|s|m|h)$/;
const NANOSECONDS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const INT64_MAX = 9_223_372_036_854_775_807n;
/** No value that fits 64 bits of nanoseconds has more digits than this without leading zeros. */
const MAX_DIGITS = 19;

/**
 * Reads the `response_timeout` of a command.
 * @param value whatever the member holds
 * @returns milliseconds (fractions kept), or undefined for everything that counts as absent (P-68, P-69)
 */
export function parseResponseTimeout(value: unknown): number | undefined {
  if (typeof value !== "string") return undefined;
  const match = PATTERN.exec(value);
  if (!match || value.length !== match[0].length) return undefined;
  const digits = (match[1] ?? "").replace(/^0+(?=.)/, "");
  const unit = NANOSECONDS[match[2] ?? ""];
  if (unit === undefined || digits.length > MAX_DIGITS) return undefined;
  const nanoseconds = BigInt(digits) * unit;
  if (nanoseconds > INT64_MAX) return undefined;
  return Number(nanoseconds) / 1e6;
}
