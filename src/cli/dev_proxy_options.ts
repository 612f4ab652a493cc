import {
  type FlagSpec,
  lastValue,
  parseBoolean,
  type ParsedFlags,
  parseDuration,
  quote,
  UsageError,
} from "../config/mod.ts";
import type { LocalTunnelOptions } from "./local_tunnel.ts";

/** What `dev proxy` was asked to do (section 9.2 of the command-line specification). */
export interface DevProxyOptions extends LocalTunnelOptions {
  /** File that receives the connection JSON; empty for none. */
  readonly urlFile: string;
  readonly printJson: boolean;
  /** How long to run; 0 means until a signal. */
  readonly durationMs: number;
}

const DEFAULT_TUNNEL_ID = "tunnel_22222222222222222222222222222222";

const INGRESS = "Ingress";
const TARGETS = "MCP servers";
const OPERATION = "Operation";
const BACKEND = "Backend";

export const DEV_PROXY_FLAGS: readonly FlagSpec[] = [
  flag("listen", INGRESS, "HOST:PORT", "127.0.0.1:0", "TCP address for MCP clients."),
  flag("listen-unix-socket", INGRESS, "PATH", "", "Unix socket for MCP clients instead of a TCP address."),
  flag("tunnel-id", INGRESS, "ID", DEFAULT_TUNNEL_ID, "Tunnel id to serve."),
  { ...flag("mcp-server-url", TARGETS, "URL", "", "URL, or channel=NAME,url=URL."), repeatable: true },
  {
    ...flag("mcp-command", TARGETS, "COMMAND", "", "Command, or channel=NAME,command=COMMAND."),
    repeatable: true,
  },
  flag("profile", TARGETS, "NAME", "", "Profile whose MCP servers and other settings are used."),
  flag("profile-file", TARGETS, "PATH", "", "The same, by the path of its file."),
  flag("profile-dir", TARGETS, "DIR", "", "Folder of the profiles."),
  flag("health-listen-addr", OPERATION, "HOST:PORT", "", "Address of the health listener. Default: none."),
  flag("health-url-file", OPERATION, "PATH", "", "Write the health URL here; implies an address."),
  flag("url-file", OPERATION, "PATH", "", "Write the connection JSON here when ready."),
  {
    ...flag("print-json", OPERATION, "", "", "Print the connection JSON and nothing else; also --json."),
    alias: "json",
    syntax: "bool",
  },
  duration("duration", "", "Run this long. Default: until a signal."),
  duration("readiness-timeout", "10s", "Limit for start, probe and first poll, each."),
  duration("response-timeout", "30s", "How long an MCP client waits for an answer."),
  duration("client-last-seen-timeout", "20s", "How long after its last poll the agent counts as connected."),
  flag("backend", BACKEND, "WORD", "auto", "Control plane to run: auto or go, which are the one in memory."),
  flag("engine-queue-backend", BACKEND, "WORD", "inmem", "Where it keeps its queue; there is only inmem."),
  flag("engine-redis-url", BACKEND, "URL", "", "Accepted for the sake of other clients' scripts; not used."),
];

function flag(name: string, group: string, placeholder: string, standard: string, help: string): FlagSpec {
  return { name, syntax: "text", repeatable: false, placeholder, default: standard, help, group };
}

function duration(name: string, standard: string, help: string): FlagSpec {
  return { ...flag(name, OPERATION, "DURATION", standard, help), syntax: "duration" };
}

/**
 * Reads the flags of `dev proxy`.
 * @throws {UsageError} when they contradict each other or lack a target (V-6)
 */
export function devProxyOptions(flags: ParsedFlags): DevProxyOptions {
  const text = (name: string) => lastValue(flags, name) ?? "";
  const listenUnixSocket = text("listen-unix-socket");
  if (listenUnixSocket !== "" && flags["listen"] !== undefined) {
    throw new UsageError("--listen and --listen-unix-socket are mutually exclusive");
  }
  const tunnelId = text("tunnel-id").trim() || DEFAULT_TUNNEL_ID;
  if (!/^tunnel_[a-z0-9]{32}$/.test(tunnelId)) {
    throw new UsageError(
      `invalid tunnel ID ${quote(tunnelId)} (--tunnel-id); use tunnel_ and 32 letters or digits`,
    );
  }
  checkBackend(text("backend").trim() || "auto", text("engine-queue-backend").trim() || "inmem");
  const profile = profileSelection(flags);
  const mcpServerUrls = (flags["mcp-server-url"] ?? []).filter((entry) => entry !== "");
  const mcpCommands = (flags["mcp-command"] ?? []).filter((entry) => entry !== "");
  if (mcpServerUrls.length + mcpCommands.length === 0 && profile.selector === undefined) {
    throw new UsageError(
      "set --mcp-server-url, --mcp-command, --profile, or --profile-file; one of them names the MCP server to proxy",
    );
  }
  const healthUrlFile = text("health-url-file");
  const healthListenAddr = text("health-listen-addr") || (healthUrlFile === "" ? "" : "127.0.0.1:0");
  return {
    listenAddr: listenUnixSocket === "" ? text("listen") || "127.0.0.1:0" : "",
    listenUnixSocket,
    tunnelId,
    mcpServerUrls,
    mcpCommands,
    profileFlags: profile.flags,
    healthListenAddr,
    healthUrlFile,
    urlFile: text("url-file"),
    printJson: ["print-json", "json"].some((name) => parseBoolean(lastValue(flags, name) ?? "false")),
    durationMs: positiveMs(flags, "duration"),
    readinessTimeoutMs: positiveMs(flags, "readiness-timeout"),
    responseTimeoutMs: positiveMs(flags, "response-timeout"),
    clientLastSeenTimeoutMs: positiveMs(flags, "client-last-seen-timeout"),
  };
}

/** V-7: the only control plane here is the one in memory. */
function checkBackend(backend: string, queue: string): void {
  if (!["auto", "go", "rust"].includes(backend)) {
    throw new UsageError(`unknown local proxy backend ${quote(backend)} (--backend); use auto or go`);
  }
  if (backend === "rust") {
    throw new UsageError("rust local proxy backend is unavailable in this build; use --backend auto");
  }
  if (!["inmem", "redis"].includes(queue)) {
    throw new UsageError(`unknown engine queue backend ${quote(queue)} (--engine-queue-backend); use inmem`);
  }
  if (queue === "redis") {
    const why = backend === "auto" ? "needs the rust backend" : "is not supported by the go backend";
    throw new UsageError(`engine queue backend redis ${why}; use --engine-queue-backend inmem`);
  }
}

/** The flags that select a profile, for the configuration loader. */
function profileSelection(flags: ParsedFlags) {
  const names = ["profile", "profile-file", "profile-dir"].filter((name) => flags[name] !== undefined);
  if (names.includes("profile") && names.includes("profile-file")) {
    throw new UsageError("--profile and --profile-file are mutually exclusive");
  }
  return {
    selector: names.find((name) => name !== "profile-dir"),
    flags: Object.fromEntries(names.map((name) => [name, flags[name] ?? []])),
  };
}

/** A duration that has been checked; the default in place of nothing, zero or less (V-6). */
function positiveMs(flags: ParsedFlags, name: string): number {
  const standard = DEV_PROXY_FLAGS.find((spec) => spec.name === name)?.default || "0s";
  const givenMs = parseDuration((lastValue(flags, name) ?? "0s").trim());
  return givenMs > 0 ? givenMs : parseDuration(standard);
}
