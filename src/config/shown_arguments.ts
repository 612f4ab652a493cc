import { parseCommandLine } from "./command_line.ts";
import { isCredentialName } from "./credential_name.ts";
import { InvalidValueError } from "./invalid_value.ts";
import { parseReference } from "./references.ts";
import { shownUrl } from "./shown_url.ts";

const REDACTED = "[REDACTED]";
const API_KEY_SHAPE = /\bsk-[A-Za-z0-9_-]{10,}/g;

/**
 * Words of a command line as operators may see them (CFG-140): values of flags and `NAME=value` words that are called like
 * a secret are masked, header values too, URLs reduced; `env:` and `file:` references stay.
 */
export function shownArguments(words: readonly string[]): readonly string[] {
  let valueOf = "";
  return words.map((word) => {
    const flag = valueOf;
    valueOf = "";
    if (flag !== "" && !word.startsWith("--")) return shownValue(flag, word);
    const [, name, value] = /^(?:-{0,2})([A-Za-z_][\w.-]*)=(.*)$/s.exec(word) ?? [];
    if (name !== undefined && value !== undefined) {
      return word.slice(0, word.length - value.length) + shownValue(name, value);
    }
    if (/^--?[A-Za-z]/.test(word)) valueOf = word.replace(/^-+/, "");
    return shownText(word);
  });
}

/** A command line in the same way, without its quotes; nothing of one that cannot be taken apart. */
export function shownCommandLine(text: string): string {
  try {
    return shownArguments(parseCommandLine(text)).join(" ");
  } catch (error) {
    if (error instanceof InvalidValueError) return REDACTED;
    throw error;
  }
}

function shownValue(name: string, value: string): string {
  if (/extra[-_.]?headers?$/i.test(name) || /^(?:H|header)$/.test(name)) {
    const colon = value.indexOf(":");
    return colon === -1 ? REDACTED : `${value.slice(0, colon)}: ${REDACTED}`;
  }
  if (!isCredentialName(name)) return shownText(value);
  return parseReference(value) === undefined ? REDACTED : value;
}

function shownText(text: string): string {
  return /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(text)
    ? shownUrl(text)
    : text.replace(API_KEY_SHAPE, "sk-REDACTED");
}
