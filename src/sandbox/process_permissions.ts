/**
 * What the whole process needs so that `run` works with one configuration: the agent thread's set, and what the main
 * thread itself does. For `deno run` and `deno compile` without `--allow-all`, and for the unit of a service manager.
 */
import { OTHER_VARIABLES, parseListenAddress, type RunConfig, SETTINGS } from "../config/mod.ts";
import { childBaseVariables } from "./child_environment.ts";
import { programWords } from "./find_programs.ts";
import { learnableHosts } from "./learned_hosts.ts";
import { activeBindings, knowsSocketRights, type PermissionSet } from "./permissions.ts";
import { certificatePathsOf } from "./routes.ts";

/** The process's set of rights; `*` as a member stands for everything of its kind. */
export interface ProcessPermissions extends PermissionSet {
  /** Absolute paths of files and folders that are read. */
  readonly read: readonly string[];
  /** Absolute paths of files that are written. */
  readonly write: readonly string[];
  /** Names of environment variables. */
  readonly env: readonly string[];
}

/** What deriving the set needs besides the configuration. */
export interface ProcessFacts {
  readonly agent: PermissionSet;
  /** The process's environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Files that were read to come to the configuration: the profile and what it refers to. */
  readonly filesRead: readonly string[];
  /** Variables that were asked for meanwhile. */
  readonly variablesRead: readonly string[];
  /** Folder of the sources the program is started from; undefined for a binary, which has them inside. */
  readonly sources: string | undefined;
  /** Working directory, to make paths absolute. */
  readonly cwd: string;
}

/** Variables that libraries ask for when they are loaded, and the one that this program's proxies depend on. */
const LIBRARY_VARIABLES = [
  "ALL_PROXY",
  "LOG_STREAM",
  "LOG_TOKENS",
  "NODE_ENV",
  "NO_COLOR",
  "REQUEST_METHOD",
  "SSL_CERT_DIR",
  "SSL_CERT_FILE",
  "all_proxy",
];

/** Derives the set. */
export function deriveProcessPermissions(config: RunConfig, facts: ProcessFacts): ProcessPermissions {
  const { agent, environment, cwd } = facts;
  const absolute = (path: string) => isAbsolute(path) ? path : `${cwd}/${path.replace(/^\.\//, "")}`;
  const { health, log, pidFile, tls } = config;
  const sockets = [...agent.sockets, ...(health.unixSocket === "" ? [] : [health.unixSocket])].map(absolute);
  const replaced = [pidFile, health.urlFile].filter((path) => path !== "").map(absolute);
  const certificates = certificatePathsOf(config).flatMap(({ certPath, keyPath }) => [certPath, keyPath]);
  const roots = [environment.SSL_CERT_FILE ?? "", ...(environment.SSL_CERT_DIR ?? "").split(":")];
  const read = [
    ...(facts.sources === undefined ? [] : [`${facts.sources}/src`, `${facts.sources}/ui`]),
    ...facts.filesRead,
    ...[tls.caBundle, ...certificates, ...roots].filter((path) => path !== ""),
    ...programWords(config).flatMap((word) => placesOf(word, environment, agent.run)),
    ...replaced.flatMap((path) => [path, temporaryOf(path)]),
    ...sockets,
  ];
  const write = [
    ...replaced.flatMap((path) => [path, temporaryOf(path)]),
    ...(log.file === "" ? [] : [log.file]),
    ...sockets,
  ];
  return {
    net: unique([...agent.net, ...listenerOf(config), ...learnableHosts(config)]),
    sockets: unique(sockets),
    run: agent.run,
    read: unique(read.map(absolute)),
    write: unique(write.map(absolute)),
    env: variablesOf(config, facts),
  };
}

/** Every name that the configuration, a library or a child's environment is read from. */
function variablesOf(config: RunConfig, { variablesRead }: ProcessFacts): readonly string[] {
  const inherits = activeBindings(config).some((binding) =>
    binding.transport === "stdio" && binding.inheritEnv
  );
  if (inherits) return ["*"];
  const hasChildren = activeBindings(config).some(({ transport }) => transport === "stdio");
  return unique([
    ...SETTINGS.flatMap((setting) => [
      setting.env,
      ...("fallbackEnv" in setting && setting.fallbackEnv !== undefined ? [setting.fallbackEnv] : []),
    ]),
    ...OTHER_VARIABLES.flatMap((
      { env, lowerCase },
    ) => [env, ...(lowerCase === undefined ? [] : [lowerCase])]),
    ...variablesRead,
    ...LIBRARY_VARIABLES,
    ...(hasChildren ? childBaseVariables() : []),
  ]);
}

function listenerOf({ health }: RunConfig): readonly string[] {
  if (health.unixSocket !== "" || health.listenAddr === "") return [];
  const { hostname, port } = parseListenAddress(health.listenAddr);
  if (hostname === "") return [`0.0.0.0:${port}`, `[::]:${port}`];
  return [`${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`];
}

/** Where a program is looked for, up to where it is found (ST-5). */
function placesOf(
  word: string,
  environment: Readonly<Record<string, string>>,
  found: readonly string[],
): readonly string[] {
  const windows = Deno.build.os === "windows";
  if (word.includes("/") || (windows && word.includes("\\"))) return [word];
  const endings = windows ? ["", ".exe", ".cmd", ".bat", ".com"] : [""];
  const places = (environment.PATH ?? "").split(windows ? ";" : ":").filter(isAbsolute).flatMap((folder) =>
    endings.map((ending) => `${folder.replace(/[/\\]$/, "")}/${word}${ending}`)
  );
  const last = places.findIndex((place) => found.includes(place));
  return last < 0 ? places : places.slice(0, last + 1);
}

/** The sibling that a file is written to before it takes its place. */
function temporaryOf(path: string): string {
  const nameStart = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1;
  return `${path.slice(0, nameStart)}.${path.slice(nameStart)}.tmp`;
}

function isAbsolute(path: string): boolean {
  return path.startsWith("/") || (Deno.build.os === "windows" && /^(?:[A-Za-z]:[\\/]|\\\\)/.test(path));
}

function unique(items: readonly string[]): readonly string[] {
  return [...new Set(items)].sort();
}

/**
 * The flags that give Deno this set; for `deno run` and `deno compile`.
 * @param denoVersion of the runtime that gets them; before 2.9 it knows no network rights for sockets
 * @throws {Error} for a path with a comma, which 2.9 cannot be told (before, two commas stood for one)
 */
export function denoFlags(
  { net, sockets, run, read = sockets, write = sockets, env = [] }:
    & PermissionSet
    & Partial<ProcessPermissions>,
  denoVersion: string = Deno.version.deno,
): readonly string[] {
  const socketRights = knowsSocketRights(denoVersion) ? sockets.map((path) => `unix:${path}`) : [];
  const withoutComma = (value: string) => {
    if (!value.includes(",") || !knowsSocketRights(denoVersion)) return value.replaceAll(",", ",,");
    throw new Error(
      `Deno ${denoVersion} cannot be given a right to a path with a comma: rename ${JSON.stringify(value)}`,
    );
  };
  const flag = (name: string, values: readonly string[]) => {
    if (values.length === 0) return [];
    if (values.includes("*")) return [`--allow-${name}`];
    return [`--allow-${name}=${values.map(withoutComma).join(",")}`];
  };
  return [
    ...flag("net", net.includes("*") ? ["*"] : [...net, ...socketRights]),
    ...flag("run", run),
    ...flag("read", read),
    ...flag("write", write),
    ...flag("env", env),
  ];
}
