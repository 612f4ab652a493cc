import { ConfigError } from "./config_error.ts";
import { type ParsedFlags } from "./flags.ts";
import { InvalidValueError } from "./invalid_value.ts";
import {
  cleanPath,
  expandHome,
  parseProfileName,
  PROFILE_EXTENSION,
  profilePath,
  resolveProfileDir,
  selectionError,
} from "./profile_location.ts";
import { quote } from "./quote.ts";
import type { ConfigSource } from "./run_config.ts";

/** The file that holds the settings, and how it was selected. */
export interface SelectedFile {
  readonly path: string;
  readonly source: ConfigSource;
}

/** What a configuration without a file says about its file. */
export const NO_FILE: ConfigSource = {
  configFile: "",
  profile: "",
  profilePath: "",
  profileDir: "",
  isProfileFile: false,
};

const SELECTORS = ["config", "profile", "profile-file"] as const;
type Selector = (typeof SELECTORS)[number];
const VARIABLES: Readonly<Record<Selector, string>> = {
  "config": "TUNNEL_CLIENT_CONFIG",
  "profile": "TUNNEL_CLIENT_PROFILE",
  "profile-file": "TUNNEL_CLIENT_PROFILE_FILE",
};

/**
 * Finds out which file to read (CFG-22 … CFG-28); undefined when none was selected (CFG-25). Nothing is read yet.
 * @throws {ConfigError} when the selection is blank, ambiguous or not valid
 */
export function selectFile(
  flags: ParsedFlags,
  env: Readonly<Record<string, string>>,
  os: typeof Deno.build.os = Deno.build.os,
): SelectedFile | undefined {
  const flagged = selectedByFlag(flags);
  const selected = flagged ?? selectedByVariable(env);
  if (selected === undefined) return undefined;
  const { selector, value, key } = selected;
  const source = flagged === undefined ? "env" : "flag";
  if (selector === "config") return { path: value, source: { ...NO_FILE, configFile: value } };
  try {
    if (selector === "profile") {
      const profile = parseProfileName(value);
      const profileDir = resolveProfileDir(flags["profile-dir"]?.at(-1), env, os);
      const path = profilePath(profileDir, profile);
      return { path, source: { ...NO_FILE, profile, profilePath: path, profileDir } };
    }
    const path = cleanPath(expandHome(value, env, key), os);
    const slash = path.lastIndexOf("/");
    const base = path.slice(slash + 1);
    if (!base.endsWith(PROFILE_EXTENSION)) {
      throw new InvalidValueError(`${quote(path)} does not end in .yaml`, "rename the file, or use --config");
    }
    const profile = parseProfileName(base.slice(0, -PROFILE_EXTENSION.length));
    const profileDir = slash === -1 ? "." : path.slice(0, slash) || "/";
    return { path, source: { ...NO_FILE, profile, profilePath: path, profileDir, isProfileFile: true } };
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    throw new ConfigError([{
      code: "invalid_value",
      setting: selector,
      key: flagged === undefined ? VARIABLES[selector] : selector,
      source,
      message: `${key}: ${error.problem}`,
      suggestion: error.valid,
    }]);
  }
}

interface Selected {
  readonly selector: Selector;
  readonly value: string;
  /** As it is written: `--profile`, `TUNNEL_CLIENT_PROFILE`. */
  readonly key: string;
}

/** CFG-23, CFG-24: blank ones first, in this order, then pairs. */
function selectedByFlag(flags: ParsedFlags): Selected | undefined {
  for (const name of ["profile-dir", ...SELECTORS] as const) {
    if (flags[name] !== undefined && (flags[name].at(-1) ?? "").trim() === "") {
      throw selectionError(name, "flag", `--${name} must not be blank`, "give it a value, or leave it out");
    }
  }
  const given = SELECTORS.filter((name) => flags[name] !== undefined);
  checkOnlyOne(given, (name) => `--${name}`, "flag");
  const [selector] = given;
  return selector === undefined
    ? undefined
    : { selector, value: (flags[selector]?.at(-1) ?? "").trim(), key: `--${selector}` };
}

function selectedByVariable(env: Readonly<Record<string, string>>): Selected | undefined {
  const valueOf = (name: Selector) =>
    (Object.hasOwn(env, VARIABLES[name]) ? env[VARIABLES[name]] ?? "" : "").trim();
  const given = SELECTORS.filter((name) => valueOf(name) !== "");
  checkOnlyOne(given, (name) => VARIABLES[name], "env");
  const [selector] = given;
  return selector === undefined
    ? undefined
    : { selector, value: valueOf(selector), key: VARIABLES[selector] };
}

function checkOnlyOne(
  given: readonly Selector[],
  nameOf: (selector: Selector) => string,
  source: "flag" | "env",
): void {
  const [first, second] = given;
  if (first === undefined || second === undefined) return;
  throw new ConfigError([{
    code: "conflict",
    setting: second,
    key: source === "flag" ? second : VARIABLES[second],
    source,
    message: `${given.map(nameOf).join(" and ")} cannot be combined`,
    suggestion: "keep one of them",
  }]);
}

/** Label of a configuration's source in the log (CFG-32). */
export function configSourceLabel(source: ConfigSource): string {
  if (source.isProfileFile) return `profile-file:${source.profilePath}`;
  if (source.profile !== "") return `profile:${source.profile}`;
  return source.configFile === "" ? "flags/environment" : source.configFile;
}
