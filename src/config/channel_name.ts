import { InvalidValueError } from "./invalid_value.ts";

/** The channel that commands without a channel go to (CH-2). */
export const MAIN_CHANNEL = "main";
/** The built-in channel; nobody may bind it (CH-2). */
export const HARPOON_CHANNEL = "harpoon";

/**
 * Canonical form of a channel name: trimmed, lower case, `main` when empty (CH-1, CFG-51).
 * @throws {InvalidValueError} when that is not 1 to 64 of `a-z 0-9 _ -`
 */
export function canonicalChannelName(text: string): string {
  const name = text.trim().toLowerCase();
  if (name === "") return MAIN_CHANNEL;
  if (!/^[a-z0-9_-]{1,64}$/.test(name)) {
    throw new InvalidValueError("not a channel name", "use 1 to 64 lower-case letters, digits, _ or -");
  }
  return name;
}
