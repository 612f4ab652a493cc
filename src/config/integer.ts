import { InvalidValueError } from "./invalid_value.ts";

const DECIMAL = /^[+-]?\d+$/;
/** Base prefixes, leading-zero octal, and `_` between digits or after a prefix, as Go reads integer literals (CFG-12 ff.). */
const LITERAL =
  /^([+-]?)(?:0[xX](_?[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)|0[bB](_?[01]+(?:_[01]+)*)|0[oO]?(_?[0-7]+(?:_[0-7]+)*)|([1-9]\d*(?:_\d+)*|0))$/;
const VALID = "use a whole number such as 20";

/**
 * Reads a whole number in decimal digits, as environment variables hold it (section 3.2).
 * @throws {InvalidValueError} for anything else, and beyond ±(2^53−1)
 */
export function parseDecimalInteger(text: string): number {
  if (!DECIMAL.test(text)) throw new InvalidValueError("not a whole number", VALID);
  return safe(Number(text));
}

/**
 * Reads a whole number as flags hold it: decimal, `0x…`, `0o…`, `0b…`, leading-zero octal, `_` between digits (C-4).
 * @throws {InvalidValueError} for anything else, and beyond ±(2^53−1)
 */
export function parseInteger(text: string): number {
  const match = LITERAL.exec(text);
  if (match === null) throw new InvalidValueError("not a whole number", VALID);
  const [, sign, hex, binary, octal, decimal] = match;
  const magnitude = hex !== undefined
    ? Number(`0x${digits(hex)}`)
    : binary !== undefined
    ? Number(`0b${digits(binary)}`)
    : octal !== undefined
    ? Number(`0o${digits(octal)}`)
    : Number(digits(decimal ?? ""));
  return safe(sign === "-" && magnitude !== 0 ? -magnitude : magnitude);
}

const WHOLE_FLOAT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?$/;

/**
 * Reads a whole number as a YAML file holds it: like a flag, and a float that has no fraction, such as `1e3` or `2.0`.
 * @throws {InvalidValueError} for anything else, and beyond ±(2^53−1)
 */
export function parseFileInteger(text: string): number {
  if (LITERAL.test(text) || !WHOLE_FLOAT.test(text)) return parseInteger(text);
  const value = Number(text);
  if (!Number.isInteger(value)) throw new InvalidValueError("not a whole number", VALID);
  return safe(value === 0 ? 0 : value);
}

function digits(text: string): string {
  return text.replaceAll("_", "");
}

function safe(value: number): number {
  if (!Number.isSafeInteger(value)) throw new InvalidValueError("number is out of range", VALID);
  return value;
}
