import { EMBEDDED_STUB_FLAGS, flagOf, type FlagSpec, SETTINGS } from "../config/mod.ts";

/** The flags of `run`: one per setting, and the demo server's. */
export function runFlags(): readonly FlagSpec[] {
  return [...SETTINGS.map(flagOf), ...EMBEDDED_STUB_FLAGS];
}
