import {
  type FlagSpec,
  lastValue,
  parseBoolean,
  type ParsedFlags,
  STUB_DEFAULTS,
  type StubOptions,
} from "../config/mod.ts";

/** What `dev mcp-stub` was asked to do. */
export interface McpStubOptions extends StubOptions {
  /** Print the URLs as JSON. */
  readonly json: boolean;
}

export const MCP_STUB_FLAGS: readonly FlagSpec[] = [
  flag("listen-addr", "HOST:PORT", STUB_DEFAULTS.listenAddr, "Address to listen on."),
  flag("server-name", "NAME", STUB_DEFAULTS.name, "Name that the server gives itself."),
  flag("server-version", "VERSION", STUB_DEFAULTS.version, "Version that it gives itself."),
  { ...flag("json", "", "", "Print the URLs as a JSON document and nothing else."), syntax: "bool" },
];

function flag(name: string, placeholder: string, standard: string, help: string): FlagSpec {
  return { name, syntax: "text", repeatable: false, placeholder, default: standard, help, group: "Flags" };
}

/** Reads the flags of `dev mcp-stub`; a blank means the default (V-1). */
export function mcpStubOptions(flags: ParsedFlags): McpStubOptions {
  const choose = (name: string, standard: string) => (lastValue(flags, name) ?? "").trim() || standard;
  return {
    listenAddr: choose("listen-addr", STUB_DEFAULTS.listenAddr),
    name: choose("server-name", STUB_DEFAULTS.name),
    version: choose("server-version", STUB_DEFAULTS.version),
    json: parseBoolean(lastValue(flags, "json") ?? "false"),
  };
}
