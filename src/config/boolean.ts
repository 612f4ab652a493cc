import { InvalidValueError } from "./invalid_value.ts";

const TRUE: ReadonlySet<string> = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const FALSE: ReadonlySet<string> = new Set(["0", "f", "F", "FALSE", "false", "False"]);

/**
 * Reads a boolean as flags and variables hold it (C-3).
 * @throws {InvalidValueError} for anything else, `yes` and `on` included
 */
export function parseBoolean(text: string): boolean {
  if (TRUE.has(text)) return true;
  if (FALSE.has(text)) return false;
  throw new InvalidValueError("not a boolean", "use true or false");
}
