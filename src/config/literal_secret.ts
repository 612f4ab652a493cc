import { formatLocation, type Location } from "./location.ts";
import type { SettingReader } from "./setting_reader.ts";
import type { SettingName } from "./settings.ts";

/**
 * Notes that a secret stands literally in a file: it works, as profiles of the published client may have it, but whoever
 * reads the file has the secret.
 * @param what names the secret, never shows it
 */
export function warnLiteralSecret(
  reader: SettingReader,
  name: SettingName,
  what: string,
  at: Location,
): void {
  reader.warnings.push({
    code: "literal_secret",
    setting: name,
    message: `${what} stands literally in the file at ${formatLocation(at)}`,
    suggestion: "refer to it: env:NAME takes it from a variable, file:/path from a file",
  });
}

/** True for a URL with a password in it. */
export function hasPassword(url: string): boolean {
  return URL.canParse(url) && new URL(url).password !== "";
}
