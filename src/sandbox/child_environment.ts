/**
 * Environment of stdio children. A child is outside Deno's sandbox, so what it is not given it cannot leak: by default
 * it gets the variables that programs commonly need to run at all, and what its binding names (`mcp.commands[].env`).
 */
import type { StdioBinding } from "../config/mod.ts";

/** Variables that hold secrets of this program, whether they were used or not. */
const OWN_SECRETS = new Set([
  "CONTROL_PLANE_API_KEY",
  "OPENAI_API_KEY",
  "OPENAI_ADMIN_KEY",
  "CLOUDFLARED_TUNNEL_TOKEN",
  "CONTROL_PLANE_EXTRA_HEADERS",
  "MCP_EXTRA_HEADERS",
  "MCP_DISCOVERY_EXTRA_HEADERS",
  // URLs may hold a password or a token.
  "MCP_SERVER_URL",
  "CONTROL_PLANE_BASE_URL",
]);

const PROXY_AND_CERTIFICATES = [
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "ALL_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "all_proxy",
  "no_proxy",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "CURL_CA_BUNDLE",
  "REQUESTS_CA_BUNDLE",
  "NODE_EXTRA_CA_CERTS",
  "DENO_CERT",
  "DENO_TLS_CA_STORE",
];

/** On Linux and macOS; `docs/operation.md` shows the list. */
const BASE_UNIX = [
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "SHELL",
  "LANG",
  "LANGUAGE",
  "LC_ADDRESS",
  "LC_ALL",
  "LC_COLLATE",
  "LC_CTYPE",
  "LC_IDENTIFICATION",
  "LC_MEASUREMENT",
  "LC_MESSAGES",
  "LC_MONETARY",
  "LC_NAME",
  "LC_NUMERIC",
  "LC_PAPER",
  "LC_TELEPHONE",
  "LC_TIME",
  "TZ",
  "TMPDIR",
  "TERM",
  "NO_COLOR",
  "XDG_CACHE_HOME",
  "XDG_CONFIG_DIRS",
  "XDG_CONFIG_HOME",
  "XDG_DATA_DIRS",
  "XDG_DATA_HOME",
  "XDG_RUNTIME_DIR",
  "XDG_STATE_HOME",
  ...PROXY_AND_CERTIFICATES,
];

/** On Windows, where names are the same in any letter case. */
const BASE_WINDOWS = [
  "PATH",
  "PATHEXT",
  "COMSPEC",
  "SYSTEMROOT",
  "SYSTEMDRIVE",
  "WINDIR",
  "TEMP",
  "TMP",
  "USERNAME",
  "USERPROFILE",
  "USERDOMAIN",
  "HOMEDRIVE",
  "HOMEPATH",
  "APPDATA",
  "LOCALAPPDATA",
  "PROGRAMDATA",
  "PROGRAMFILES",
  "PROGRAMFILES(X86)",
  "COMMONPROGRAMFILES",
  "PUBLIC",
  "OS",
  "NUMBER_OF_PROCESSORS",
  "PROCESSOR_ARCHITECTURE",
  "TZ",
  "LANG",
  "NO_COLOR",
  ...PROXY_AND_CERTIFICATES,
];

/** Names of the variables that every child gets where they are set. */
export function childBaseVariables(os: typeof Deno.build.os = Deno.build.os): readonly string[] {
  return os === "windows" ? BASE_WINDOWS : BASE_UNIX;
}

/**
 * Builds the environment of one child: the base list, or with `inherit_env` the whole environment without this
 * program's own secrets (ST-6), and on top what its binding sets.
 * @param environment the process's environment as it was at start
 * @param secretNames variables that a secret of the configuration was read from
 */
export function childEnvironment(
  binding: Pick<StdioBinding, "env" | "inheritEnv">,
  environment: Readonly<Record<string, string>>,
  secretNames: readonly string[],
  os: typeof Deno.build.os = Deno.build.os,
): Record<string, string> {
  const withheld = new Set([...OWN_SECRETS, ...secretNames]);
  const kept: Record<string, string> = {};
  const names = binding.inheritEnv ? Object.keys(environment) : baseNames(environment, os);
  for (const name of names) {
    // The runtime refuses to start a child with a variable that the dynamic loader obeys.
    if (withheld.has(name) || name.startsWith("LD_") || name.startsWith("DYLD_")) continue;
    const value = environment[name];
    if (value !== undefined) kept[name] = value;
  }
  return { ...kept, ...binding.env };
}

/** As they are spelled in this environment. */
function baseNames(
  environment: Readonly<Record<string, string>>,
  os: typeof Deno.build.os,
): readonly string[] {
  const base = childBaseVariables(os);
  if (os !== "windows") return base;
  const wanted = new Set(base.map((name) => name.toUpperCase()));
  return Object.keys(environment).filter((name) => wanted.has(name.toUpperCase()));
}
