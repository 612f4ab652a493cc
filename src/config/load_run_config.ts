import { HARPOON_CHANNEL, MAIN_CHANNEL } from "./channel_name.ts";
import { completeBindings, readBindings } from "./bindings.ts";
import { readCertificate, readPath } from "./certificates.ts";
import { checkFile } from "./check_file.ts";
import { ConfigError, type ConfigProblem, type ConfigWarning } from "./config_error.ts";
import { readControlPlane } from "./control_plane_settings.ts";
import { fileSource, variablesOfFile } from "./file_source.ts";
import type { FileTree } from "./file_tree.ts";
import type { ParsedFlags } from "./flags.ts";
import { readHarpoon } from "./harpoon_settings.ts";
import { readHeaders } from "./headers.ts";
import type { ProxyChoice } from "./network_config.ts";
import { readAdminUi, readCloudflared, readHealth, readLog, readWord } from "./operation_settings.ts";
import { ENVIRONMENT_PROXY, readEnvironmentProxies, readProxy } from "./proxies.ts";
import { quote } from "./quote.ts";
import { readReferencedFile, type ReferenceSources } from "./references.ts";
import type { Binding, McpConfig, RunConfig } from "./run_config.ts";
import { secretNamesOf } from "./secrets.ts";
import { NO_FILE, type SelectedFile, selectFile } from "./select_file.ts";
import { nameOf, SettingReader } from "./setting_reader.ts";
import { type SettingName, settingOf, SETTINGS } from "./settings.ts";
import { envSource, fallbackEnvSource, flagSource } from "./sources.ts";
import { readTrustedOrigins } from "./trusted_origins.ts";
import { layered } from "./layered.ts";
import { loadYamlReader } from "./yaml_reader.ts";

/** Where a configuration comes from. */
export interface ConfigSources extends ReferenceSources {
  readonly flags: ParsedFlags;
  /**
   * URL that `main` is bound to whatever the other sources say; their other channels stay. Set by the embedded
   * demo server.
   */
  readonly mainServerUrl?: string;
}

/** A configuration and what is worth knowing about how it came about. */
export interface LoadedConfig {
  readonly config: RunConfig;
  /** To be shown to the operator at every start. */
  readonly warnings: readonly ConfigWarning[];
  /** The file, as it was read (CFG-32); undefined when none was selected. May hold secrets. */
  readonly file: { readonly path: string; readonly text: string } | undefined;
  /** Variables that hold secrets; whoever has read the configuration deletes them from the process (ST-6). */
  readonly secretNames: readonly string[];
}

/** A selected file that has been read. */
export interface ReadFile extends SelectedFile {
  readonly text: string;
  readonly tree: FileTree;
}

/**
 * Reads and checks the whole configuration: flags, then environment, then the selected file, then defaults (CFG-3).
 * @throws {ConfigError} naming every mistake, in the order of CFG-108
 */
export async function loadConfiguration(sources: ConfigSources): Promise<LoadedConfig> {
  return buildConfiguration(sources, await readSelectedFile(sources));
}

/** As {@link loadConfiguration}, for those who need nothing but the configuration. */
export async function loadRunConfig(sources: ConfigSources): Promise<RunConfig> {
  return (await loadConfiguration(sources)).config;
}

async function readSelectedFile(sources: ConfigSources): Promise<ReadFile | undefined> {
  const selected = selectFile(sources.flags, sources.env);
  if (selected === undefined) return undefined;
  const { path, source } = selected;
  const file = readReferencedFile(path, sources.readTextFile);
  if ("failure" in file) {
    const what = source.profile === "" ? "configuration file" : "profile";
    throw new ConfigError([{
      code: "unreadable_file",
      setting: source.profile === "" ? "config" : "profile",
      key: path,
      source: "none",
      message: `cannot read ${what} ${quote(path)}: ${file.failure}`,
      suggestion: source.profile === "" || source.isProfileFile
        ? "check the path, and that this user may read it"
        : "see tunnel-client profiles list, or make it with tunnel-client init",
    }]);
  }
  const { readYamlTree } = await loadYamlReader();
  return { ...selected, text: file.content, tree: readYamlTree(file.content, path) };
}

/**
 * Puts the configuration together from its sources and the file that was selected.
 * @throws {ConfigError} naming every mistake
 */
export function buildConfiguration(sources: ConfigSources, file: ReadFile | undefined): LoadedConfig {
  const { env, readTextFile } = sources;
  const fileProblems = file === undefined ? [] : checkFile(file.tree);
  const root = file?.tree.root;
  if (file !== undefined && root === undefined) throw new ConfigError(fileProblems);
  const reader: SettingReader = new SettingReader([
    flagSource(sources.flags),
    envSource(env),
    ...root === undefined ? [] : [fileSource(root, sources, (problem) => reader.problems.push(problem))],
    fallbackEnvSource(env),
  ]);
  // References of flags, variables, proxies and headers also see the file, below the environment (CFG-6).
  const variables = root === undefined ? env : layered(env, variablesOfFile(root, SETTINGS));
  const references = { env: variables, readTextFile };
  const caBundle = readPath(reader, "ca-bundle", references);
  const globalProxy = readProxy(reader, "http-proxy", references);
  const controlPlane = readControlPlane(reader, references, globalProxy);
  const mcp = readMcp(reader, references, globalProxy, sources.mainServerUrl);
  const log = readLog(reader);
  const health = readHealth(reader);
  const pidFile = reader.text("pid.file");
  const harpoon = readHarpoon(reader, references, globalProxy);
  checkChannels(reader, mcp.bindings, controlPlane.pollChannels, harpoon.targets.length);
  const cloudflared = readCloudflared(reader, references);
  const adminUi = readAdminUi(reader);
  const proxyCheckIntervalMs = reader.durationMs("proxy.check-interval");
  const drainTimeoutMs = reader.durationMs("shutdown.drain-timeout");
  const reloadWatch = reader.boolean("reload.watch");
  const sandbox = readWord(reader, "sandbox") === "off" ? "off" : "strict";
  const learn = readWord(reader, "sandbox.learn");
  const problems = worthTelling(fileProblems, reader.problems);
  if (problems.length > 0) throw new ConfigError(problems);
  const config: RunConfig = {
    source: file?.source ?? NO_FILE,
    controlPlane,
    mcp,
    harpoon,
    tls: { caBundle },
    environmentProxies: readEnvironmentProxies(env),
    proxyCheckIntervalMs,
    log,
    health,
    adminUi,
    cloudflared,
    pidFile,
    drainTimeoutMs,
    reloadWatch,
    sandbox,
    sandboxLearn: learn === "any" || learn === "same-site" ? learn : "ask-config",
  };
  return {
    config,
    warnings: [...reader.warnings, ...withoutEffect(reader, config)],
    file: file === undefined ? undefined : { path: file.path, text: file.text },
    secretNames: secretNamesOf({ flags: sources.flags, env, root }),
  };
}

/**
 * The mistakes of the file and of the values, without those that only follow from another: what is missing because its key
 * is misspelled or its value is wrong, and what the schema has said already.
 */
function worthTelling(
  fileProblems: readonly ConfigProblem[],
  problems: readonly ConfigProblem[],
): readonly ConfigProblem[] {
  const places = new Set(fileProblems.map(({ location }) => JSON.stringify(location)));
  return [
    ...fileProblems,
    ...problems.filter((problem) => {
      if (problem.location !== undefined && places.has(JSON.stringify(problem.location))) return false;
      if (problem.code !== "required" && problem.code !== "missing_binding") return true;
      const others = problems.filter((other) => other !== problem && other.setting === problem.setting);
      return fileProblems.length === 0 && others.length === 0;
    }),
  ];
}

/** What is configured, and checked, and not there to be used: better said than left to be found out. */
function withoutEffect(reader: SettingReader, config: RunConfig): ConfigWarning[] {
  const { adminUi, cloudflared, harpoon, health, mcp } = config;
  const warnings: ConfigWarning[] = [];
  const warn = (setting: string, message: string) =>
    warnings.push({ code: "no_effect", setting, message, suggestion: "" });
  if (cloudflared.enabled) {
    warn("cloudflared.token", "cloudflared is configured, but this version does not start it");
  }
  if (harpoon.targets.length > 0) {
    warn("harpoon.target", "Harpoon targets are configured, but this version does not serve them");
  }
  for (const [name, why] of WITHOUT_EFFECT) {
    const found = reader.find(name);
    if (found === undefined || found.texts.join() === settingOf(name).default) continue;
    warn(name, `${name} is set (${nameOf(found)}), but ${why}`);
  }
  if (health.unixSocket !== "") {
    const why = "has no effect: the page is on a Unix socket (health.unix-socket)";
    if (adminUi.openBrowser) warn("open-web-ui", `open-web-ui ${why}`);
    if (adminUi.allowRemote) warn("allow-remote-ui", `allow-remote-ui ${why}`);
  }
  if (mcp.stdioSendInitializedNotification && !mcp.bindings.some(({ transport }) => transport === "stdio")) {
    const name = "mcp.stdio-send-initialized-notification";
    warn(name, `${name} has no effect: no MCP server is reached over stdio`);
  }
  return warnings;
}

const NO_HARPOON = "this version does not serve the Harpoon channel";
const NO_COMPANION = "this version does not start cloudflared";

/** Settings that are read and checked so that a file may hold them, and why nothing comes of them. */
const WITHOUT_EFFECT: readonly (readonly [name: SettingName, why: string])[] = [
  ["harpoon.allow-plaintext-http", NO_HARPOON],
  ["harpoon.max-response-bytes", NO_HARPOON],
  ["harpoon.max-redirects", NO_HARPOON],
  ["harpoon.http-proxy", NO_HARPOON],
  ["harpoon.additional-transport", NO_HARPOON],
  ["harpoon.capture-payloads", NO_HARPOON],
  ["harpoon.hosts-include-suffix", NO_HARPOON],
  ["harpoon.hosts-include-regex", NO_HARPOON],
  ["harpoon.hosts-include-loopback", NO_HARPOON],
  ["harpoon.hosts-include-private", NO_HARPOON],
  ["cloudflared.path", NO_COMPANION],
  ["cloudflared.ready-timeout", NO_COMPANION],
  ["health.show-details", "this version has no /health that could show details"],
  ["admin-ui.log-buffer-events", "this version keeps no log for the page"],
];

function readMcp(
  reader: SettingReader,
  references: ReferenceSources,
  globalProxy: ProxyChoice | undefined,
  mainServerUrl: string | undefined,
): McpConfig {
  const bound = readBindings(reader, references, mainServerUrl);
  const clientCertificate = readCertificate(reader, "mcp", references);
  const connectionMaxTtlMs = reader.durationMs("mcp.connection-max-ttl");
  const startupWaitTimeoutMs = reader.durationMs("mcp.startup-wait-timeout");
  const maxConcurrentRequests = reader.integer("mcp.max-concurrent-requests");
  const stdioConcurrency = reader.integer("mcp.stdio-concurrency");
  const proxy = readProxy(reader, "mcp.http-proxy", references) ?? globalProxy ?? ENVIRONMENT_PROXY;
  const extraHeaders = readHeaders(reader, "mcp.extra-headers", references);
  const discoveryExtraHeaders = readHeaders(reader, "mcp.discovery-extra-headers", references);
  if (clientCertificate !== undefined && !bound.some(({ transport }) => transport === "http-streamable")) {
    const found = reader.find("mcp.client-cert");
    reader.report("mcp.client-cert", found, {
      code: "conflict",
      message: "mcp.client-cert and mcp.client-key are set, but no MCP server is reached over HTTP",
      suggestion: "remove them, or bind a server with --mcp.server-url",
    });
  }
  const oauthTrustedOrigins = readTrustedOrigins(reader);
  const stdioSendInitializedNotification = reader.boolean("mcp.stdio-send-initialized-notification");
  const forwardTraceContext = reader.boolean("mcp.forward-trace-context");
  return {
    bindings: completeBindings(bound, { proxy, clientCertificate }),
    extraHeaders,
    discoveryExtraHeaders,
    startupWaitTimeoutMs,
    connectionMaxTtlMs,
    maxConcurrentRequests,
    stdioConcurrency,
    stdioSendInitializedNotification,
    forwardTraceContext,
    oauthTrustedOrigins,
  };
}

/** Every polled channel needs somebody to answer it (CFG-53, CH-8, CH-9). */
function checkChannels(
  reader: SettingReader,
  bindings: readonly Binding[],
  pollChannels: readonly string[] | undefined,
  harpoonTargets: number,
): void {
  // A binding that could not be read may be the one that seems to be missing.
  if (reader.problems.some(({ setting }) => setting === "mcp.server-url" || setting === "mcp.command")) {
    return;
  }
  const bound = new Set(bindings.map((binding) => binding.channel));
  if ((pollChannels ?? [MAIN_CHANNEL]).includes(MAIN_CHANNEL) && !bound.has(MAIN_CHANNEL)) {
    const others = [...bound].map((channel) => quote(channel)).join(", ");
    reader.report("mcp.server-url", undefined, {
      code: "missing_binding",
      message: bound.size > 0
        ? `main channel is required: bound are only ${others}; add channel=main to a --mcp.server-url or --mcp.command`
        : "main channel is required: set --mcp.server-url or --mcp.command, or MCP_SERVER_URL or MCP_COMMAND",
      suggestion: "or try the built-in demo server: tunnel-client run --embedded-mcp-stub " +
        "--control-plane.tunnel-id tunnel_... --health.listen-addr 127.0.0.1:0 --health.url-file <file>",
    });
  }
  const found = reader.find("control-plane.poll-channel");
  for (const channel of pollChannels ?? []) {
    if (channel === MAIN_CHANNEL || bound.has(channel)) continue;
    if (channel === HARPOON_CHANNEL) {
      // With main, OAuth discovery may still register targets later.
      if (harpoonTargets > 0 || pollChannels?.includes(MAIN_CHANNEL)) continue;
      reader.report("control-plane.poll-channel", found, {
        code: "missing_binding",
        message: `channel ${quote(channel)} is polled but no Harpoon target is configured`,
        suggestion: "add --harpoon.target, poll main as well, or remove it from --control-plane.poll-channel",
      });
      continue;
    }
    reader.report("control-plane.poll-channel", found, {
      code: "missing_binding",
      message: `channel ${quote(channel)} is polled but has no MCP binding`,
      suggestion:
        `add --mcp.server-url "channel=${channel},url=URL" or --mcp.command "channel=${channel},command=COMMAND"`,
    });
  }
}
