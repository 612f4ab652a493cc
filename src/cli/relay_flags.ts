import {
  type FlagSpec,
  InvalidValueError,
  lastValue,
  type ListenAddress,
  parseBoolean,
  type ParsedFlags,
  parseDuration,
  parseInteger,
  parseListenAddress,
  parseLogLevel,
  quote,
  UsageError,
} from "../config/mod.ts";
import type { LogFormat, LogLevel } from "../ops/mod.ts";

/** What `relay` was asked to do; an empty text means that a flag was not given. */
export interface RelayFlags {
  readonly listen: ListenAddress;
  readonly tunnelIds: readonly string[];
  readonly tunnelsFile: string;
  readonly apiKey: string;
  readonly apiKeyFile: string;
  readonly connectorKey: string;
  readonly adminKeys: readonly string[];
  readonly urlFile: string;
  readonly printJson: boolean;
  readonly responseTimeoutMs: number;
  readonly answerTimeoutMs: number;
  readonly clientLastSeenTimeoutMs: number;
  readonly maxPollWaitMs: number;
  readonly maxQueued: number;
  readonly maxRequestBytes: number;
  readonly maxResponseBytes: number;
  readonly emptyPoll: 200 | 204;
  readonly isLenient: boolean;
  readonly sendResponseTimeout: boolean;
  readonly allowedHosts: readonly string[];
  readonly publicUrl: string;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

const TUNNELS = "Tunnels and keys";
const SERVING = "Serving";
const OUTPUT = "Output";

/** Every flag of `relay`. */
export const RELAY_FLAGS: readonly FlagSpec[] = [
  text("listen", SERVING, "HOST:PORT", "127.0.0.1:0", "Where to listen; port 0: any."),
  list("tunnel-id", TUNNELS, "ID", "Tunnel to serve; a random one if there is none."),
  text("tunnels-file", TUNNELS, "PATH", "", "JSON file with tunnels and their keys."),
  text("api-key", TUNNELS, "REF", "", "The agents' key, as env:NAME or file:PATH."),
  text("api-key-file", TUNNELS, "PATH", "", "File with the agents' key; made if it is missing."),
  text("connector-key", TUNNELS, "REF", "", "The connectors' key, as env:NAME or file:PATH."),
  list("admin-key", TUNNELS, "REF", "Serve the management API to this key, as env:NAME or file:PATH."),
  duration("response-timeout", "30s", "How long a connector waits."),
  duration("answer-timeout", "10m", "How long a connector may take to answer a server's request."),
  duration("client-last-seen-timeout", "20s", "Silence after which an agent is gone."),
  duration("max-poll-wait", "60s", "Longest hold of a poll."),
  count("max-queued", "1024", "Commands that a tunnel may queue."),
  count("max-request-bytes", "33554432", "Longest connector body."),
  count("max-response-bytes", "67108864", "Longest agent response."),
  choice("empty-poll", SERVING, ["204", "200"], "204", "Reply to a poll without commands."),
  toggle("lenient", SERVING, "Forgive bad poll parameters and a missing shard token."),
  toggle("no-send-response-timeout", SERVING, "Send commands without a deadline."),
  list("allowed-host", SERVING, "NAME", "Further Host on loopback."),
  text("public-url", SERVING, "URL", "", "Base of the MCP URLs behind a proxy."),
  text("url-file", OUTPUT, "PATH", "", "Write the URLs here as JSON while serving."),
  { ...toggle("print-json", OUTPUT, "Print the URLs as JSON; also --json."), alias: "json" },
  text("log-level", OUTPUT, "LEVEL", "info", "debug, info, warn or error."),
  choice("log-format", OUTPUT, ["plain", "struct-text", "json"], "plain", "Format of the log on stderr."),
];

function text(name: string, group: string, placeholder: string, standard: string, help: string): FlagSpec {
  return { name, syntax: "text", repeatable: false, placeholder, default: standard, help, group };
}

function list(name: string, group: string, placeholder: string, help: string): FlagSpec {
  return { ...text(name, group, placeholder, "", help), repeatable: true };
}

function toggle(name: string, group: string, help: string): FlagSpec {
  return { ...text(name, group, "", "", help), syntax: "bool" };
}

function duration(name: string, standard: string, help: string): FlagSpec {
  return { ...text(name, SERVING, "DURATION", standard, help), syntax: "duration" };
}

function count(name: string, standard: string, help: string): FlagSpec {
  return { ...text(name, SERVING, "N", standard, help), syntax: "int" };
}

function choice(
  name: string,
  group: string,
  choices: readonly string[],
  standard: string,
  help: string,
): FlagSpec {
  return { ...text(name, group, "WORD", standard, help), choices };
}

/**
 * Reads the flags of `relay`, whose syntax has been checked.
 * @throws {UsageError} for a value that makes no sense
 */
export function relayFlags(flags: ParsedFlags): RelayFlags {
  const given = (name: string) => lastValue(flags, name) ?? defaultOf(name);
  const isOn = (name: string) => parseBoolean(lastValue(flags, name) ?? "false");
  const durationMs = (name: string) =>
    checked(name, given(name), (value) => {
      const ms = parseDuration(value.trim());
      if (ms <= 0) throw new InvalidValueError("it is not above 0", "use a duration above 0, such as 30s");
      return ms;
    });
  const number = (name: string) =>
    checked(name, given(name), (value) => {
      const parsed = parseInteger(value.trim());
      if (parsed < 1) throw new InvalidValueError("it is below 1", "use a whole number from 1 up");
      return parsed;
    });
  const format = given("log-format");
  return {
    listen: checked("listen", given("listen"), parseListenAddress),
    tunnelIds: flags["tunnel-id"] ?? [],
    tunnelsFile: given("tunnels-file"),
    apiKey: given("api-key"),
    apiKeyFile: given("api-key-file"),
    connectorKey: given("connector-key"),
    adminKeys: flags["admin-key"] ?? [],
    urlFile: given("url-file"),
    printJson: isOn("print-json") || isOn("json"),
    responseTimeoutMs: durationMs("response-timeout"),
    answerTimeoutMs: durationMs("answer-timeout"),
    clientLastSeenTimeoutMs: durationMs("client-last-seen-timeout"),
    maxPollWaitMs: durationMs("max-poll-wait"),
    maxQueued: number("max-queued"),
    maxRequestBytes: number("max-request-bytes"),
    maxResponseBytes: number("max-response-bytes"),
    emptyPoll: given("empty-poll") === "204" ? 204 : 200,
    isLenient: isOn("lenient"),
    sendResponseTimeout: !isOn("no-send-response-timeout"),
    allowedHosts: flags["allowed-host"] ?? [],
    publicUrl: given("public-url"),
    logLevel: checked("log-level", given("log-level"), parseLogLevel),
    logFormat: format === "json" || format === "struct-text" ? format : "plain",
  };
}

function defaultOf(flag: string): string {
  return RELAY_FLAGS.find(({ name }) => name === flag)?.default ?? "";
}

function checked<T>(flag: string, value: string, parse: (value: string) => T): T {
  try {
    return parse(value);
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    throw new UsageError(`invalid argument ${quote(value)} for "--${flag}" flag: ${error.message}`);
  }
}
