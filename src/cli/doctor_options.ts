import { flagOf, type FlagSpec, lastValue, parseBoolean, type ParsedFlags, SETTINGS } from "../config/mod.ts";

/** What `doctor` was asked. */
export interface DoctorOptions {
  /** The flags that are settings. */
  readonly settings: ParsedFlags;
  readonly explain: boolean;
  readonly json: boolean;
}

const OWN = {
  explain: "For everything that is not well: why it matters, what was seen, what to do next.",
  json: "Print the report as a JSON document.",
} as const;

/** Those of `run` without the demo server's, and its own two (D-2). */
export function doctorFlags(): readonly FlagSpec[] {
  const own = Object.entries(OWN).map(([name, help]): FlagSpec => ({
    name,
    syntax: "bool",
    repeatable: false,
    placeholder: "",
    default: "",
    help,
    group: "Doctor",
  }));
  return [...own, ...SETTINGS.map(flagOf)];
}

/** Reads the flags of `doctor`. */
export function doctorOptions(flags: ParsedFlags): DoctorOptions {
  const isOn = (name: keyof typeof OWN) => parseBoolean(lastValue(flags, name) ?? "false");
  const settings = Object.fromEntries(Object.entries(flags).filter(([name]) => !Object.hasOwn(OWN, name)));
  return { settings, explain: isOn("explain"), json: isOn("json") };
}
