import { Command, InvalidArgumentError, Option, type OutputConfiguration } from "commander";
import {
  InvalidValueError,
  parseDuration,
  parseInteger,
  parseListenAddress,
  parseLogLevel,
} from "../config/mod.ts";
import { createLogSink, createMetricStore, createRedactor, writeFileAtomically } from "../ops/mod.ts";
import type { LogFormat, LogLevel, LogSink } from "../ops/mod.ts";
import {
  createRelay,
  type ListenTarget,
  type RelayOptions,
  type ResolvedSetup,
  resolveSetup,
} from "../relay/mod.ts";
import { listenForStop } from "./stop_signals.ts";

/** Flags as commander hands them over; those without default are missing when they were not given. */
interface RelayFlags {
  readonly listen: { readonly hostname: string; readonly port: number };
  readonly tunnelId?: readonly string[];
  readonly tunnelsFile?: string;
  readonly apiKey?: string;
  readonly apiKeyFile?: string;
  readonly connectorKey?: string;
  readonly urlFile?: string;
  readonly printJson?: boolean;
  readonly responseTimeout: number;
  readonly clientLastSeenTimeout: number;
  readonly maxPollWait: number;
  readonly maxQueued: number;
  readonly maxRequestBytes: number;
  readonly maxResponseBytes: number;
  readonly emptyPoll: "204" | "200";
  readonly lenient?: boolean;
  /** Commander's form of `--no-send-response-timeout`. */
  readonly sendResponseTimeout: boolean;
  readonly allowedHost?: readonly string[];
  readonly publicUrl?: string;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

/** What `--print-json` and `--url-file` hold. */
interface RelayDocument {
  readonly control_plane_base_url: string;
  readonly tunnels: readonly { readonly tunnel_id: string; readonly mcp_url: string }[];
}

/** `tunnel-client relay`: a control plane of one's own, until SIGINT or SIGTERM. */
export function relayCommand(): Command {
  const command = new Command("relay")
    .summary("A control plane of your own")
    .description(
      "Serves the tunnel's control plane on this machine: agents poll it, and any MCP\n" +
        "client reaches them at the MCP URL. On loopback that URL is open by default;\n" +
        "elsewhere the relay wants a connector key.",
    )
    .helpOption("-h, --help", "show this help")
    .configureHelp({ helpWidth: 80 });
  addTunnelOptions(command);
  addServingOptions(command);
  return command.action((flags: RelayFlags, self: Command) => serve(flags, self.configureOutput()));
}

function addTunnelOptions(command: Command): void {
  command
    .addOption(parsedOption("--listen <host:port>", "where to listen; port 0: any", address, "127.0.0.1:0"))
    .option("--tunnel-id <id>", "tunnel to serve (repeatable); a random one if there is none", collect)
    .option("--tunnels-file <path>", "JSON file with tunnels and their keys")
    .option("--api-key <ref>", "the agents' key, as env:NAME or file:PATH")
    .option("--api-key-file <path>", "file with the agents' key; made if it is missing")
    .option("--connector-key <ref>", "the connectors' key, as env:NAME or file:PATH")
    .option("--url-file <path>", "write the URLs here as JSON while serving")
    .option("--print-json", "print the URLs as JSON");
}

function addServingOptions(command: Command): void {
  command
    .addOption(parsedOption("--response-timeout <time>", "how long a connector waits", duration, "30s"))
    .addOption(
      parsedOption(
        "--client-last-seen-timeout <time>",
        "silence after which an agent is gone",
        duration,
        "20s",
      ),
    )
    .addOption(parsedOption("--max-poll-wait <time>", "longest hold of a poll", duration, "60s"))
    .addOption(parsedOption("--max-queued <n>", "commands that a tunnel may queue", count, "1024"))
    .addOption(parsedOption("--max-request-bytes <n>", "longest connector body", count, "33554432"))
    .addOption(parsedOption("--max-response-bytes <n>", "longest agent response", count, "67108864"))
    .addOption(
      new Option("--empty-poll <status>", "reply to a poll without commands").choices(["204", "200"]).default(
        "204",
      ),
    )
    .option("--lenient", "forgive bad poll parameters and a missing shard token")
    .option("--no-send-response-timeout", "send commands without a deadline")
    .option("--allowed-host <name>", "further Host on loopback (repeatable)", collect)
    .option("--public-url <url>", "base of the MCP URLs behind a proxy")
    .addOption(parsedOption("--log-level <level>", "debug, info, warn or error", level, "info"))
    .addOption(
      new Option("--log-format <format>", "format of the log on stderr")
        .choices(["plain", "struct-text", "json"]).default("plain"),
    );
}

/** An option whose default is shown as it would be typed. */
function parsedOption<T>(
  flags: string,
  description: string,
  parse: (text: string) => T,
  standard: string,
): Option {
  return new Option(flags, description).argParser(parse).default(parse(standard), standard);
}

async function serve(flags: RelayFlags, output: OutputConfiguration): Promise<void> {
  const setup = await resolveSetup({
    tunnelIds: flags.tunnelId ?? [],
    tunnelsFile: flags.tunnelsFile ?? "",
    apiKey: flags.apiKey ?? "",
    apiKeyFile: flags.apiKeyFile ?? "",
    connectorKey: flags.connectorKey ?? "",
  }, {
    env: (name) => Deno.env.get(name),
    readTextFile: (path) => Deno.readTextFileSync(path),
  });
  const sink = openLog(flags, setup);
  const relay = createRelay(relayOptions(flags, setup), sink.log);
  const signals = listenForStop();
  let written: { readonly path: string; readonly text: string } | undefined;
  try {
    const where = await relay.listen(listenTarget(flags));
    const baseUrl = where.transport === "tcp" ? where.url : "";
    const document = describe(baseUrl, flags, setup);
    const json = `${JSON.stringify(document, null, 2)}\n`;
    if (flags.urlFile !== undefined) {
      await writeFileAtomically(flags.urlFile, json, 0o600);
      written = { path: flags.urlFile, text: json };
    }
    const say = output.writeOut ?? (() => {});
    if (flags.printJson) {
      say(json);
      if (setup.newKey !== undefined) output.writeErr?.(`api key  ${setup.newKey}\n`);
    } else say(greeting(document, setup.newKey, flags));
    await signals.next();
  } finally {
    await relay.stop();
    if (written !== undefined) await removeIfOurs(written.path, written.text);
    signals.close();
    sink.close();
  }
}

function openLog(flags: RelayFlags, { tunnels }: ResolvedSetup): LogSink {
  const redactor = createRedactor();
  for (const { apiKeys, connectorKeys } of tunnels) {
    for (const key of [...apiKeys, ...connectorKeys ?? []]) redactor.addSecret(key);
  }
  return createLogSink({
    level: flags.logLevel,
    format: flags.logFormat,
    file: "",
    boundFields: {},
    redactor,
    metrics: createMetricStore(),
    // Standard output belongs to the URLs.
  }, { stdout: Deno.stderr, stderr: Deno.stderr });
}

function relayOptions(flags: RelayFlags, { tunnels }: ResolvedSetup): RelayOptions {
  return {
    tunnels,
    responseTimeoutMs: flags.responseTimeout,
    sendResponseTimeout: flags.sendResponseTimeout,
    lastSeenWindowMs: flags.clientLastSeenTimeout,
    maxPollWaitMs: flags.maxPollWait,
    emptyPoll: flags.emptyPoll === "204" ? 204 : 200,
    strictness: flags.lenient ? "lenient" : "strict",
    maxRequestBytes: flags.maxRequestBytes,
    maxResponseBytes: flags.maxResponseBytes,
    maxQueuedCommands: flags.maxQueued,
    allowedHosts: flags.allowedHost ?? [],
    ...(flags.publicUrl === undefined ? {} : { publicBaseUrl: flags.publicUrl }),
  };
}

/** An empty host means all interfaces (CFG-97). */
function listenTarget({ listen }: RelayFlags): ListenTarget {
  return listen.hostname === "" ? { hostname: "0.0.0.0", port: listen.port } : listen;
}

function describe(baseUrl: string, { publicUrl }: RelayFlags, { tunnels }: ResolvedSetup): RelayDocument {
  const mcpBase = publicUrl?.replace(/\/+$/, "") ?? baseUrl;
  return {
    control_plane_base_url: baseUrl,
    tunnels: tunnels.map(({ id }) => ({ tunnel_id: id, mcp_url: `${mcpBase}/v1/mcp/${id}` })),
  };
}

function greeting(document: RelayDocument, newKey: string | undefined, flags: RelayFlags): string {
  const lines = [`control  ${document.control_plane_base_url}`];
  for (const tunnel of document.tunnels) {
    lines.push(`tunnel   ${tunnel.tunnel_id}`, `mcp url  ${tunnel.mcp_url}`);
  }
  if (newKey !== undefined) {
    const kept = flags.apiKeyFile === undefined ? "not stored" : `stored in ${flags.apiKeyFile}`;
    lines.push(`api key  ${newKey}`, `         (shown once, ${kept})`);
  }
  lines.push(
    "",
    "Start an agent with the key in CONTROL_PLANE_API_KEY:",
    `  tunnel-client run --control-plane.base-url ${document.control_plane_base_url} \\`,
    `    --control-plane.tunnel-id ${document.tunnels[0]?.tunnel_id ?? ""} \\`,
    "    --mcp.server-url http://127.0.0.1:3000/mcp",
    "",
  );
  return lines.join("\n");
}

/** Another relay may have taken the file over. */
async function removeIfOurs(path: string, content: string): Promise<void> {
  try {
    if (await Deno.readTextFile(path) === content) await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function collect(value: string, previous: readonly string[] = []): string[] {
  return [...previous, value];
}

function duration(text: string): number {
  const ms = parsedBy(parseDuration, text);
  if (ms <= 0) throw new InvalidArgumentError("use a duration above 0, such as 30s.");
  return ms;
}

function count(text: string): number {
  const number = parsedBy(parseInteger, text);
  if (number < 1) throw new InvalidArgumentError("use a whole number from 1 up.");
  return number;
}

function address(text: string): RelayFlags["listen"] {
  return parsedBy(parseListenAddress, text);
}

function level(text: string): LogLevel {
  return parsedBy(parseLogLevel, text);
}

function parsedBy<T>(parse: (text: string) => T, text: string): T {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    throw new InvalidArgumentError(`${error.message}.`);
  }
}
