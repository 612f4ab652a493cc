import type { MapNode } from "./file_tree.ts";
import type { ParsedFlags } from "./flags.ts";
import type { Location } from "./location.ts";
import { isList, type Setting } from "./setting.ts";

/** What one source holds for one setting. */
export interface Found {
  readonly source: "flag" | "env" | "yaml";
  /** The spelling that was used: flag without dashes, variable, or YAML path. */
  readonly key: string;
  /** One text for a scalar, the entries of a list. */
  readonly texts: readonly string[];
  /** What the file has where a reference may stand; `texts` is where that leads to. */
  readonly written?: string;
  /** Where the value stands in the file. */
  readonly at?: Location;
  /** Where each of the texts of a list in a file stands. */
  readonly textsAt?: readonly Location[];
  /** Headers of a file, whose values need no splitting; `texts` is empty then. */
  readonly headers?: readonly FileHeader[];
  /** Entries of a file that have members; `texts` is empty then. */
  readonly entries?: readonly MapNode[];
}

/** One header of a file. */
export interface FileHeader {
  readonly name: string;
  readonly text: string;
  readonly at: Location;
}

/**
 * One place that values come from. Sources are asked in order; the first answer counts (CFG-3), as a whole (CFG-4).
 * `"unset"` ends the search without a value (CFG-6).
 */
export interface SettingSource {
  find(setting: Setting): Found | "unset" | undefined;
  /** What stands in a file for a scalar, no reference followed; only files can tell. */
  written?(setting: Setting): { readonly text: string; readonly at: Location } | undefined;
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
      const isTextual = setting.type !== "int" && setting.type !== "bool" && setting.type !== "duration";
      const countsEmpty = setting.emptyIsError?.includes("flag") || setting.emptyFlagClears;
      if (text === "" && isTextual && !countsEmpty) return undefined;
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
    case "lines":
      return text.split(/[\r\n]/).map((entry) => entry.trim()).filter((entry) => entry !== "");
    case "headers": // CFG-65
      return text.split(/[,;]/).filter((item) => item.trim() !== "");
    case "channels": // CFG-52: not trimmed
      return text.split(",");
    case "harpoon-targets":
    case "texts": // CFG-84
      return text.split(/[;\n]/).map((entry) => entry.trim()).filter((entry) => entry !== "");
    default:
      return [text];
  }
}
