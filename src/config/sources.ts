import type { ParsedFlags } from "./flags.ts";
import { isList, type Setting } from "./settings.ts";

/** What one source holds for one setting. */
export interface Found {
  readonly source: "flag" | "env";
  /** The spelling that was used: flag without dashes, or variable. */
  readonly key: string;
  /** One text for a scalar, the entries of a list. */
  readonly texts: readonly string[];
}

/**
 * One place that values come from. Sources are asked in order; the first answer counts (CFG-3), as a whole (CFG-4).
 * `"unset"` ends the search without a value (CFG-6).
 */
export interface SettingSource {
  find(setting: Setting): Found | "unset" | undefined;
}

/** Values from the command line. */
export function flagSource(flags: ParsedFlags): SettingSource {
  return {
    find(setting) {
      const alias = setting.alias ?? setting.name;
      // The canonical spelling wins and the old one is then ignored entirely (CFG-13).
      const key = flags[setting.name] !== undefined ? setting.name : alias;
      const values = flags[key];
      if (values === undefined) return undefined;
      if (isList(setting)) {
        // A single empty occurrence is an empty list that still overrides what is below (CFG-7, CFG-8).
        return { source: "flag", key, texts: values.length === 1 && values[0] === "" ? [] : values };
      }
      const text = values.at(-1) ?? "";
      const isTextual = setting.type !== "int" && setting.type !== "duration";
      if (text === "" && isTextual && !setting.emptyIsError?.includes("flag")) return undefined;
      return { source: "flag", key, texts: [text] };
    },
  };
}

/** Values from environment variables. */
export function envSource(env: Readonly<Record<string, string>>): SettingSource {
  return { find: (setting) => fromVariable(setting, setting.env, env) };
}

/** Values from the variables that rank below every other source (CFG-10). */
export function fallbackEnvSource(env: Readonly<Record<string, string>>): SettingSource {
  return {
    find: (setting) =>
      setting.fallbackEnv === undefined ? undefined : fromVariable(setting, setting.fallbackEnv, env),
  };
}

function fromVariable(
  setting: Setting,
  key: string,
  env: Readonly<Record<string, string>>,
): Found | "unset" | undefined {
  const text = Object.hasOwn(env, key) ? env[key] : undefined;
  if (text === undefined) return undefined;
  if (text === "" && !setting.emptyIsError?.includes("env")) return "unset";
  return { source: "env", key, texts: splitVariable(setting, text) };
}

function splitVariable(setting: Setting, text: string): readonly string[] {
  switch (setting.type) {
    case "url-bindings":
    case "command-bindings": // CFG-72
      return text.split(/[\r\n]/).map((entry) => entry.trim()).filter((entry) => entry !== "");
    case "headers": // CFG-65
      return text.split(/[,;]/).filter((item) => item.trim() !== "");
    case "channels": // CFG-52: not trimmed
      return text.split(",");
    default:
      return [text];
  }
}
