import { HARPOON_CHANNEL, MAIN_CHANNEL } from "./channel_name.ts";
import { readBindings } from "./bindings.ts";
import { ConfigError } from "./config_error.ts";
import { readControlPlane } from "./control_plane_settings.ts";
import type { ParsedFlags } from "./flags.ts";
import { readHeaders } from "./headers.ts";
import { parseListenAddress } from "./listen_address.ts";
import { parseLogLevel } from "./log_level.ts";
import { quote } from "./quote.ts";
import type { ReferenceSources } from "./references.ts";
import type { Binding, HealthConfig, LogConfig, McpConfig, RunConfig } from "./run_config.ts";
import { nameOf, SettingReader } from "./setting_reader.ts";
import { type SettingName, settingOf } from "./settings.ts";
import { envSource, fallbackEnvSource, flagSource } from "./sources.ts";

/** Where a configuration comes from. */
export interface ConfigSources extends ReferenceSources {
  readonly flags: ParsedFlags;
  /**
   * URL that `main` is bound to whatever the other sources say; their other channels stay. Set by the embedded
   * demo server.
   */
  readonly mainServerUrl?: string;
}

/**
 * Reads and checks the whole configuration: flags, then environment, then defaults (CFG-3).
 * @throws {ConfigError} naming every mistake, in the order of CFG-108
 */
export function loadRunConfig(sources: ConfigSources): RunConfig {
  const reader = new SettingReader([
    flagSource(sources.flags),
    envSource(sources.env),
    fallbackEnvSource(sources.env),
  ]);
  const controlPlane = readControlPlane(reader, sources);
  const mcp = readMcp(reader, sources);
  const log = readLog(reader);
  const health = readHealth(reader);
  const pidFile = reader.text("pid.file");
  checkChannels(reader, mcp.bindings, controlPlane.pollChannels);
  const drainTimeoutMs = reader.durationMs("shutdown.drain-timeout");
  const sandbox = readWord(reader, "sandbox") === "off" ? "off" : "strict";
  if (reader.problems.length > 0) throw new ConfigError(reader.problems);
  return { controlPlane, mcp, log, health, pidFile, drainTimeoutMs, sandbox };
}

function readMcp(reader: SettingReader, sources: ConfigSources): McpConfig {
  const bindings = readBindings(reader, sources.mainServerUrl);
  const connectionMaxTtlMs = reader.durationMs("mcp.connection-max-ttl");
  const startupWaitTimeoutMs = reader.durationMs("mcp.startup-wait-timeout");
  const maxConcurrentRequests = reader.integer("mcp.max-concurrent-requests");
  const stdioConcurrency = reader.integer("mcp.stdio-concurrency");
  const extraHeaders = readHeaders(reader, "mcp.extra-headers", sources);
  const discoveryExtraHeaders = readHeaders(reader, "mcp.discovery-extra-headers", sources);
  return {
    bindings,
    extraHeaders,
    discoveryExtraHeaders,
    startupWaitTimeoutMs,
    connectionMaxTtlMs,
    maxConcurrentRequests,
    stdioConcurrency,
  };
}

/** CFG-90 … CFG-92. */
function readLog(reader: SettingReader): LogConfig {
  const level = reader.parsed("log.level", parseLogLevel) ?? "info";
  const file = reader.text("log.file");
  const formatFound = reader.find("log.format");
  const word = readWord(reader, "log.format");
  if (word === "json" || word === "struct-text") return { level, format: word, file };
  if (file !== "") return { level, format: "struct-text", file };
  const levelFound = reader.find("log.level");
  if (level !== "info" && levelFound !== undefined && formatFound === undefined) {
    reader.report("log.level", levelFound, {
      code: "conflict",
      message: `log level requires a log format: ${nameOf(levelFound)} is ${
        quote(level)
      } and no format is set`,
      suggestion: "add --log.format struct-text or --log.format json (LOG_FORMAT)",
    });
  }
  return { level, format: "plain", file };
}

function readHealth(reader: SettingReader): HealthConfig {
  const unixSocket = reader.text("health.unix-socket");
  const listenAddr = reader.text("health.listen-addr");
  // With a socket the address is ignored, a wrong one included (CFG-98).
  if (unixSocket === "") reader.parsed("health.listen-addr", parseListenAddress);
  return { listenAddr, unixSocket, urlFile: reader.text("health.url-file") };
}

/** A word of a closed list in any letter case; empty when not set or wrong. */
function readWord(reader: SettingReader, name: SettingName): string {
  const { choices = [], default: standard } = settingOf(name);
  const found = reader.find(name);
  if (found === undefined) return standard;
  const text = found.texts[0] ?? "";
  const word = text.toLowerCase();
  if (choices.includes(word)) return word;
  reader.report(name, found, {
    code: "invalid_value",
    message: `unsupported ${name.replace(".", " ")} ${quote(text)} (${nameOf(found)})`,
    suggestion: `use ${choices.join(" or ")}`,
  });
  return "";
}

/** Every polled channel needs somebody to answer it (CFG-53, CH-8, CH-9). */
function checkChannels(
  reader: SettingReader,
  bindings: readonly Binding[],
  pollChannels: readonly string[] | undefined,
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
      if (pollChannels?.includes(MAIN_CHANNEL)) continue;
      reader.report("control-plane.poll-channel", found, {
        code: "missing_binding",
        message: `channel ${quote(channel)} is polled but no Harpoon target is configured`,
        suggestion: "poll main as well, or remove it from --control-plane.poll-channel",
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
