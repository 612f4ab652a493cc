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

/** What a file may say besides (section 3.2); these also in quotes, as the published client has it. */
const FILE_TRUE: ReadonlySet<string> = new Set(["y", "Y", "yes", "Yes", "YES", "on", "On", "ON"]);
const FILE_FALSE: ReadonlySet<string> = new Set(["n", "N", "no", "No", "NO", "off", "Off", "OFF"]);
const FILE_WORD = /^(?:true|True|TRUE|false|False|FALSE)$/;

/**
 * Reads a boolean as a YAML file holds it.
 * @throws {InvalidValueError} for anything else, numbers and quoted `"true"` included
 */
export function parseFileBoolean(text: string, style: "plain" | "quoted"): boolean {
  if (FILE_TRUE.has(text)) return true;
  if (FILE_FALSE.has(text)) return false;
  if (!FILE_WORD.test(text)) throw new InvalidValueError("not a boolean", "use true or false");
  if (style === "quoted") {
    throw new InvalidValueError("a boolean must not stand in quotes", "remove the quotes");
  }
  return text.toLowerCase() === "true";
}
