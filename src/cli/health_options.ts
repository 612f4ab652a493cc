import {
  type FlagSpec,
  InvalidValueError,
  lastValue,
  parseBoolean,
  type ParsedFlags,
  parseDuration,
  parseInteger,
  UsageError,
} from "../config/mod.ts";

/** How the listener of an agent is found (H-1). */
export type Locator =
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "url_file"; readonly urlFile: string }
  | { readonly kind: "port"; readonly port: number }
  | { readonly kind: "unix_socket"; readonly unixSocket: string };

/** What `health` was asked. */
export interface HealthOptions {
  readonly locator: Locator;
  /** Process that must run; at most one of the two is given. */
  readonly pid?: number;
  readonly pidFile?: string;
  /** Whether a successful poll is required. */
  readonly requirePoll: boolean;
  /** The last successful poll must not be older than this; 0 means any age. */
  readonly maxPollAgeMs: number;
  /** How long to repeat the question until the answer is good; 0 means to ask once. */
  readonly waitMs: number;
  readonly json: boolean;
}

const LOCATOR = "Which agent (exactly one)";
const CHECKS = "Further checks";
const OUTPUT = "Operation";

export const HEALTH_FLAGS: readonly FlagSpec[] = [
  flag("url", LOCATOR, "URL", "Base URL of its listener, or one that ends in /healthz or /readyz."),
  flag("url-file", LOCATOR, "PATH", "File with such a URL, as --health.url-file of run writes it."),
  { ...flag("port", LOCATOR, "N", "Means http://127.0.0.1:N."), syntax: "int" },
  flag("unix-socket", LOCATOR, "PATH", "Socket that it listens on."),
  { ...flag("pid", CHECKS, "N", "This process must run."), syntax: "int" },
  flag("pid-file", CHECKS, "PATH", "The process that this file names must run."),
  {
    ...flag("require-control-plane-poll", CHECKS, "", "At least one poll must have succeeded."),
    syntax: "bool",
  },
  {
    ...flag("max-poll-age", CHECKS, "DURATION", "The last successful poll must not be older than this."),
    syntax: "duration",
  },
  {
    ...flag("wait", OUTPUT, "DURATION", "Ask again until the answer is good, for at most this long."),
    syntax: "duration",
  },
  { ...flag("json", OUTPUT, "", "Print the report as a JSON document."), syntax: "bool" },
];

function flag(name: string, group: string, placeholder: string, help: string): FlagSpec {
  return { name, syntax: "text", repeatable: false, placeholder, default: "", help, group };
}

/**
 * Reads the flags of `health`.
 * @throws {UsageError} for no or several locators, and for numbers that make no sense (H-1)
 */
export function healthOptions(flags: ParsedFlags): HealthOptions {
  const text = (name: string) => lastValue(flags, name) ?? "";
  const isOn = (name: string) => parseBoolean(lastValue(flags, name) ?? "false");
  const pid = numberOf(flags, "pid");
  const pidFile = text("pid-file");
  if (pid !== 0 && pidFile !== "") throw new UsageError("choose at most one of --pid and --pid-file");
  const maxPollAgeMs = durationOf(flags, "max-poll-age");
  return {
    locator: locatorOf(flags),
    ...(pid === 0 ? {} : { pid }),
    ...(pidFile === "" ? {} : { pidFile }),
    requirePoll: isOn("require-control-plane-poll") || maxPollAgeMs > 0,
    maxPollAgeMs,
    waitMs: durationOf(flags, "wait"),
    json: isOn("json"),
  };
}

function locatorOf(flags: ParsedFlags): Locator {
  const port = numberOf(flags, "port");
  const url = lastValue(flags, "url");
  const urlFile = lastValue(flags, "url-file") ?? "";
  const unixSocket = lastValue(flags, "unix-socket") ?? "";
  const given: readonly Locator[] = [
    ...(url === undefined ? [] : [{ kind: "url", url } as const]),
    ...(urlFile === "" ? [] : [{ kind: "url_file", urlFile } as const]),
    ...(port === 0 ? [] : [{ kind: "port", port } as const]),
    ...(unixSocket === "" ? [] : [{ kind: "unix_socket", unixSocket } as const]),
  ];
  const [locator] = given;
  if (locator === undefined || given.length > 1) {
    throw new UsageError("choose exactly one of --url, --url-file, or --port, or --unix-socket");
  }
  return locator;
}

/** 0 when not given. */
function numberOf(flags: ParsedFlags, name: "pid" | "port"): number {
  const number = parseInteger((lastValue(flags, name) ?? "0").trim());
  if (number < 0) throw new UsageError(`--${name} must not be negative`);
  if (name === "port" && number > 65_535) throw new UsageError("--port must be at most 65535");
  return number;
}

function durationOf(flags: ParsedFlags, name: string): number {
  try {
    const ms = parseDuration((lastValue(flags, name) ?? "0").trim());
    if (ms < 0) throw new UsageError(`--${name} must not be negative`);
    return ms;
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    throw new UsageError(`--${name}: ${error.message}`);
  }
}
