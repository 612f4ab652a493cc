import { ConfigError, type ProblemSource } from "./config_error.ts";
import { InvalidValueError } from "./invalid_value.ts";
import { quote } from "./quote.ts";

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const NAME_FORM = "use letters, digits, . _ and -, beginning with a letter or digit, at most 128";
/** Ending of a profile's file; exactly so (CFG-28). */
export const PROFILE_EXTENSION = ".yaml";

/**
 * Reads the name of a profile (CFG-27).
 * @returns the name, trimmed
 * @throws {InvalidValueError} when it is none
 */
export function parseProfileName(text: string): string {
  const name = text.trim();
  if (/[/\\]/.test(name)) {
    throw new InvalidValueError(
      `profile name ${quote(name)} holds a path separator`,
      "use --profile-file for a path, or --profile-dir with a name",
    );
  }
  if (name === "." || name === "..") {
    throw new InvalidValueError(`${quote(name)} is no profile name`, NAME_FORM);
  }
  if (!NAME.test(name)) throw new InvalidValueError(`invalid profile name ${quote(name)}`, NAME_FORM);
  return name;
}

/** Path of a named profile in a profile directory. */
export function profilePath(profileDir: string, name: string): string {
  return cleanPath(`${profileDir}/${name}${PROFILE_EXTENSION}`);
}

/**
 * The directory of named profiles (CFG-29): flag, `TUNNEL_CLIENT_PROFILE_DIR`, `XDG_CONFIG_HOME`, `HOME`, and on Windows
 * `APPDATA`; blank ones do not count.
 * @param flag value of `--profile-dir`, undefined when not given
 * @throws {ConfigError} when the flag is blank, `~` has nothing to stand for, or nothing says where
 */
export function resolveProfileDir(
  flag: string | undefined,
  env: Readonly<Record<string, string>>,
  os: typeof Deno.build.os = Deno.build.os,
): string {
  if (flag !== undefined) {
    const dir = flag.trim();
    if (dir === "") {
      throw selectionError("profile-dir", "flag", "--profile-dir must not be blank", "name a directory");
    }
    return cleanPath(expandHome(dir, env, "--profile-dir"));
  }
  const value = (name: string) => (Object.hasOwn(env, name) ? env[name] ?? "" : "").trim();
  const named = value("TUNNEL_CLIENT_PROFILE_DIR");
  if (named !== "") return cleanPath(expandHome(named, env, "TUNNEL_CLIENT_PROFILE_DIR"));
  const xdg = value("XDG_CONFIG_HOME");
  if (xdg !== "") return cleanPath(`${expandHome(xdg, env, "XDG_CONFIG_HOME")}/tunnel-client`);
  const home = value("HOME");
  if (home !== "") return cleanPath(`${home}/.config/tunnel-client`);
  const appData = os === "windows" ? value("APPDATA") || value("AppData") : "";
  if (appData !== "") return `${appData}\\tunnel-client`;
  throw selectionError(
    "profile-dir",
    "none",
    "no directory for profiles: neither HOME nor XDG_CONFIG_HOME is set",
    "set --profile-dir or TUNNEL_CLIENT_PROFILE_DIR",
  );
}

/**
 * A leading `~` or `~/` stands for `HOME` (CFG-30); everything else stays as it is.
 * @param key what holds the path, for the error
 * @throws {ConfigError} when `HOME` is not set
 */
export function expandHome(path: string, env: Readonly<Record<string, string>>, key: string): string {
  if (path !== "~" && !path.startsWith("~/")) return path;
  const home = (Object.hasOwn(env, "HOME") ? env.HOME ?? "" : "").trim();
  if (home === "") {
    const setting = key.startsWith("--profile-file") || key.endsWith("_FILE")
      ? "profile-file"
      : "profile-dir";
    throw selectionError(setting, "none", `${key} starts with ~ and HOME is not set`, "write the whole path");
  }
  return home + path.slice(1);
}

/**
 * Without double slashes, `.` and `..` parts and a slash at the end; on Windows with slashes for backslashes, which it takes
 * as well. `node:path` would cost 5 ms of the start.
 */
export function cleanPath(path: string, os: typeof Deno.build.os = Deno.build.os): string {
  const slashed = os === "windows" ? path.replaceAll("\\", "/") : path;
  const root = slashed.startsWith("/") ? "/" : "";
  const parts: string[] = [];
  for (const part of slashed.split("/")) {
    if (part === "" || part === ".") continue;
    const last = parts.at(-1);
    if (part !== "..") parts.push(part);
    else if (last !== undefined && last !== "..") parts.pop();
    else if (root === "") parts.push(part);
  }
  return root + parts.join("/") || ".";
}

/** A mistake in what selects the file. */
export function selectionError(
  setting: "config" | "profile" | "profile-file" | "profile-dir",
  source: ProblemSource,
  message: string,
  suggestion: string,
): ConfigError {
  return new ConfigError([{ code: "invalid_value", setting, key: setting, source, message, suggestion }]);
}
