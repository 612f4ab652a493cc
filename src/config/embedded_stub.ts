import { ConfigError } from "./config_error.ts";
import { type FlagSpec, lastValue, type ParsedFlags } from "./flags.ts";
import { parseBoolean } from "./boolean.ts";

/** How the demo MCP server is started. */
export interface StubOptions {
  readonly listenAddr: string;
  /** Name and version that the server gives itself. */
  readonly name: string;
  readonly version: string;
}

/** What the demo server uses where nothing, or a blank, was given (V-1, SB-2). */
export const STUB_DEFAULTS: StubOptions = { listenAddr: "127.0.0.1:0", name: "mcp-stub", version: "0.1.0" };

const GROUP = "Built-in demo server";

/** The flags that `run` has on top of the settings; they have no variable and no YAML form (CFG-82). */
export const EMBEDDED_STUB_FLAGS: readonly FlagSpec[] = [
  {
    name: "embedded-mcp-stub",
    syntax: "bool",
    repeatable: false,
    placeholder: "",
    default: "",
    help: "Start a demo MCP server in this process and bind channel main to it.",
    group: GROUP,
  },
  textFlag("embedded-mcp-listen-addr", "HOST:PORT", STUB_DEFAULTS.listenAddr, "Address of the demo server."),
  textFlag("embedded-mcp-server-name", "NAME", STUB_DEFAULTS.name, "Name that the demo server gives itself."),
  textFlag("embedded-mcp-server-version", "VERSION", STUB_DEFAULTS.version, "Version that it gives itself."),
];

function textFlag(name: string, placeholder: string, standard: string, help: string): FlagSpec {
  return { name, syntax: "text", repeatable: false, placeholder, default: standard, help, group: GROUP };
}

/**
 * How the embedded demo server was asked for, or undefined when it was not.
 * @throws {ConfigError} when a binding is given by flag as well
 */
export function embeddedStubOptions(flags: ParsedFlags): StubOptions | undefined {
  if (!parseBoolean(lastValue(flags, "embedded-mcp-stub") ?? "false")) return undefined;
  for (const setting of ["mcp.command", "mcp.server-url"]) {
    const key = [setting, setting.replace(".", "-")].find((name) => flags[name] !== undefined);
    if (key === undefined) continue;
    throw new ConfigError([{
      code: "conflict",
      setting,
      key,
      source: "flag",
      message: `--embedded-mcp-stub cannot be combined with --${setting}`,
      suggestion: "remove one of them",
    }]);
  }
  const choose = (name: string, standard: string) => (lastValue(flags, name) ?? "").trim() || standard;
  return {
    listenAddr: choose("embedded-mcp-listen-addr", STUB_DEFAULTS.listenAddr),
    name: choose("embedded-mcp-server-name", STUB_DEFAULTS.name),
    version: choose("embedded-mcp-server-version", STUB_DEFAULTS.version),
  };
}
