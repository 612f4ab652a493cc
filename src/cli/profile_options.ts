/** What `init` and `profiles` have in common: their flags, and what they say about secrets. */
import {
  flagOf,
  type FlagSpec,
  lastValue,
  parseBoolean,
  type ParsedFlags,
  resolveProfileDir,
  type Setting,
  SETTINGS,
} from "../config/mod.ts";
import { formatLocation } from "../config/mod.ts";
import type { LiteralSecret } from "../profiles/mod.ts";
import type { CliIo } from "./io.ts";

/** One flag of these commands. */
export function profileFlag(name: string, placeholder: string, help: string, group = "Flags"): FlagSpec {
  return {
    name,
    syntax: "text",
    repeatable: false,
    placeholder,
    default: "",
    help,
    group,
    hasNoVariable: true,
  };
}

/** One that is on or off. */
export function profileSwitch(name: string, help: string, group = "Flags"): FlagSpec {
  return { ...profileFlag(name, "", help, group), syntax: "bool" };
}

/** The flag `--profile-dir` as every command has it. */
export function profileDirFlag(): FlagSpec {
  const settings: readonly Setting[] = SETTINGS;
  const setting = settings.find(({ name }) => name === "profile-dir");
  if (setting === undefined) throw new Error("there is no setting profile-dir");
  return { ...flagOf(setting), group: "Flags" };
}

export function isOn(flags: ParsedFlags, name: string): boolean {
  return parseBoolean(lastValue(flags, name) ?? "false");
}

/** @throws {ConfigError} when there is no such directory to be named */
export function profileDirOf(flags: ParsedFlags, { env }: CliIo): string {
  return resolveProfileDir(lastValue(flags, "profile-dir"), env);
}

/** `--profile-dir` for a command that is printed, where it was given; empty otherwise. */
export function shownDirFlag(flags: ParsedFlags): string {
  const dir = lastValue(flags, "profile-dir")?.trim();
  return dir === undefined ? "" : ` --profile-dir ${shellWord(dir)}`;
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./~-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`;
}

/** One JSON document (C-15). */
export function jsonText(document: unknown): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** Names each secret that stands in a profile, on stderr, with the two ways out. */
export function warnOfSecrets(secrets: readonly LiteralSecret[], io: CliIo): void {
  for (const secret of secrets) io.stderr(`warning: ${secretText(secret)}\n`);
}

/** One of them in words. */
export function secretText({ key, location }: LiteralSecret): string {
  return `${
    formatLocation(location)
  }: ${key} holds a secret itself; refer to it: env:NAME takes it from a variable, ` +
    "file:/path from a file";
}
