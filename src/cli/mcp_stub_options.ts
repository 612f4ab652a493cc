import {
  type FlagSpec,
  lastValue,
  type ParsedFlags,
  STUB_DEFAULTS,
  type StubOptions,
} from "../config/mod.ts";

export const MCP_STUB_FLAGS: readonly FlagSpec[] = [
  flag("listen-addr", "HOST:PORT", STUB_DEFAULTS.listenAddr, "Address to listen on."),
  flag("server-name", "NAME", STUB_DEFAULTS.name, "Name that the server gives itself."),
  flag("server-version", "VERSION", STUB_DEFAULTS.version, "Version that it gives itself."),
];

function flag(name: string, placeholder: string, standard: string, help: string): FlagSpec {
  return { name, syntax: "text", repeatable: false, placeholder, default: standard, help, group: "Flags" };
}

/** Reads the flags of `dev mcp-stub`; a blank means the default (V-1). */
export function mcpStubOptions(flags: ParsedFlags): StubOptions {
  const choose = (name: string, standard: string) => (lastValue(flags, name) ?? "").trim() || standard;
  return {
    listenAddr: choose("listen-addr", STUB_DEFAULTS.listenAddr),
    name: choose("server-name", STUB_DEFAULTS.name),
    version: choose("server-version", STUB_DEFAULTS.version),
  };
}
