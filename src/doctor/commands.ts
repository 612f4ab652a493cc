import type { ParsedFlags } from "../config/mod.ts";
import { lastValue } from "../config/mod.ts";

/** Command lines that can be copied, with the profile that the user gave. */
export interface Commands {
  /** Serves the tunnel (D-7). */
  readonly run: string;
  /** Asks the doctor again, at length. */
  readonly doctor: string;
  /** What selects the file, with a leading blank; empty without one. */
  readonly selection: string;
}

const SELECTORS = [
  ["profile-file", "TUNNEL_CLIENT_PROFILE_FILE"],
  ["profile", "TUNNEL_CLIENT_PROFILE"],
  ["config", "TUNNEL_CLIENT_CONFIG"],
] as const;

/** Builds the commands from what selected the file: a flag, else a variable. A given `--profile-dir` is repeated. */
export function commandsFor(flags: ParsedFlags, env: Readonly<Record<string, string>>): Commands {
  const selection = selectionOf(flags, env);
  return {
    run: `tunnel-client run${selection}`,
    doctor: `tunnel-client doctor${selection} --explain`,
    selection,
  };
}

function selectionOf(flags: ParsedFlags, env: Readonly<Record<string, string>>): string {
  const given = SELECTORS.find(([flag]) => (lastValue(flags, flag) ?? "").trim() !== "");
  const set = SELECTORS.find(([, variable]) => (env[variable] ?? "").trim() !== "");
  const flag = given?.[0] ?? set?.[0];
  if (flag === undefined) return "";
  const value = (given === undefined ? env[set?.[1] ?? ""] : lastValue(flags, flag)) ?? "";
  const dir = (lastValue(flags, "profile-dir") ?? "").trim();
  const where = flag === "profile" && dir !== "" ? ` --profile-dir ${shellWord(dir)}` : "";
  return ` --${flag} ${shellWord(value.trim())}${where}`;
}

/** A word as it must be typed, in quotes only where it needs them. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./~-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
