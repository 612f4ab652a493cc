import { type FlagSpec, lastValue, parseBoolean, type ParsedFlags } from "../config/mod.ts";

/** What `demo` was asked to do. */
export interface DemoOptions {
  /** Stop after the tool call instead of staying up. */
  readonly once: boolean;
  /** Tell what happened as one JSON document. */
  readonly json: boolean;
}

export const DEMO_FLAGS: readonly FlagSpec[] = [
  switchFlag("once", "Stop after the tool call instead of staying up."),
  switchFlag("json", "Print what happened as one JSON document."),
];

function switchFlag(name: string, help: string): FlagSpec {
  return { name, syntax: "bool", repeatable: false, placeholder: "", default: "", help, group: "Flags" };
}

/** Reads the flags of `demo`, which have been checked. */
export function demoOptions(flags: ParsedFlags): DemoOptions {
  const isOn = (name: string) => parseBoolean(lastValue(flags, name) ?? "false");
  return { once: isOn("once"), json: isOn("json") };
}
