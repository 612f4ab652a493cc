import { InvalidValueError } from "./invalid_value.ts";
import type { LogConfig } from "./run_config.ts";

const LEVELS: ReadonlyArray<readonly [level: LogConfig["level"], threshold: number]> = [
  ["debug", -4],
  ["info", 0],
  ["warn", 4],
  ["error", 8],
];

/**
 * Reads a log level: a word in any case, or a word with an offset such as `debug-2` or `warn+1`, which becomes the
 * lowest level that it still lets through (CFG-90).
 * @throws {InvalidValueError} for anything else, `warning` and surrounding spaces included
 */
export function parseLogLevel(text: string): LogConfig["level"] {
  const match = /^(debug|info|warn|error)([+-]\d+)?$/i.exec(text);
  if (match === null) throw new InvalidValueError("not a log level", "use debug, info, warn or error");
  const word = (match[1] ?? "").toLowerCase();
  const base = LEVELS.find(([level]) => level === word)?.[1] ?? 0;
  const threshold = base + Number(match[2] ?? "0");
  return LEVELS.find(([, levelThreshold]) => levelThreshold >= threshold)?.[0] ?? "error";
}
