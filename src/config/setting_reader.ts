import { parseBoolean } from "./boolean.ts";
import type { ConfigProblem, ConfigWarning, ProblemCode } from "./config_error.ts";
import { formatDuration, parseDuration } from "./duration.ts";
import { parseDecimalInteger, parseFileInteger, parseInteger } from "./integer.ts";
import { InvalidValueError } from "./invalid_value.ts";
import { formatLocation, type Location } from "./location.ts";
import { quote } from "./quote.ts";
import type { Setting } from "./setting.ts";
import { type SettingName, settingOf } from "./settings.ts";
import type { Found, SettingSource } from "./sources.ts";

/** What went wrong with a value, before it is known which setting it belongs to. */
export interface ProblemText {
  readonly code: ProblemCode;
  readonly message: string;
  readonly suggestion?: string;
  /** Where in the file, when it is only a part of what was found. */
  readonly at?: Location;
}

/**
 * Reads settings from their sources and collects every mistake instead of stopping at the first one. After a mistake
 * a reading method returns a stand-in (`""` or `NaN`); whoever asks must look at {@link SettingReader.problems} before
 * using what was read.
 */
export class SettingReader {
  readonly problems: ConfigProblem[] = [];
  readonly warnings: ConfigWarning[] = [];
  readonly #sources: readonly SettingSource[];

  /** @param sources in order of precedence, highest first */
  constructor(sources: readonly SettingSource[]) {
    this.#sources = sources;
  }

  /** What the highest source that knows the setting holds; undefined when the default applies. */
  find(name: SettingName): Found | undefined {
    const setting = settingOf(name);
    for (const source of this.#sources) {
      const found = source.find(setting);
      if (found === "unset") return undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** What stands in the file for a scalar, no reference followed, whether a higher source overrides it or not. */
  writtenInFile(name: SettingName): { readonly text: string; readonly at: Location } | undefined {
    for (const source of this.#sources) {
      const written = source.written?.(settingOf(name));
      if (written !== undefined) return written;
    }
    return undefined;
  }

  /** Text of a scalar, as typed; its default when nothing set it. */
  text(name: SettingName): string {
    return this.find(name)?.texts[0] ?? settingOf(name).default;
  }

  /**
   * Text of a scalar after a check.
   * @param parse throws {@link InvalidValueError} for a wrong text
   */
  parsed<Value>(name: SettingName, parse: (text: string) => Value): Value | undefined {
    const found = this.find(name);
    const text = found?.texts[0] ?? settingOf(name).default;
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof InvalidValueError) || found === undefined) throw error;
      this.report(name, found, invalidText(found, text, error));
      return undefined;
    }
  }

  /** A whole number within its limits; NaN after a mistake. */
  integer(name: SettingName): number {
    return this.#number(name, (text, found) => {
      if (found?.source === "env" && text === "") return 0; // CFG-9: reported as out of range, like any other zero
      if (found?.source === "yaml") return parseFileInteger(text);
      return found?.source === "flag" ? parseInteger(text.trim()) : parseDecimalInteger(text.trim());
    }, String);
  }

  /** A duration within its limits, in ms; NaN after a mistake. */
  durationMs(name: SettingName): number {
    return this.#number(name, (text) => parseDuration(text.trim()), formatDuration);
  }

  /** A boolean; its default after a mistake. */
  boolean(name: SettingName): boolean {
    return this.parsed(name, (text) => parseBoolean(text.trim())) ?? settingOf(name).default === "true";
  }

  /** Notes a mistake. `found` is what held the bad value; undefined when the value is missing altogether. */
  report(name: SettingName, found: Found | undefined, problem: ProblemText): void {
    const location = problem.at ?? found?.at;
    this.problems.push({
      code: problem.code,
      setting: name,
      key: found?.key ?? name,
      source: found?.source ?? "none",
      message: problem.message,
      suggestion: problem.suggestion ?? "",
      ...(location === undefined ? {} : { location }),
    });
  }

  /** Notes that what was found cannot be used. @throws what is no complaint about a value */
  reportUnusable(name: SettingName, found: Found, code: ProblemText["code"], error: unknown): void {
    if (!(error instanceof InvalidValueError)) throw error;
    const message = `invalid ${name} (${nameOf(found)}): ${error.problem}`;
    this.report(name, found, { code, message, suggestion: error.valid });
  }

  #number(
    name: SettingName,
    parse: (text: string, found: Found | undefined) => number,
    format: (value: number) => string,
  ): number {
    const setting = settingOf(name);
    const found = this.find(name);
    const text = found?.texts[0] ?? setting.default;
    try {
      const value = parse(text, found);
      if (found === undefined) return value;
      const complaint = outOfLimits(setting, value, (limit) => parse(limit, undefined), format);
      if (complaint === undefined) return value;
      const shown = text === "" ? "empty" : quote(text);
      const message = `${name} ${complaint}: ${nameOf(found)} is ${shown}`;
      this.report(name, found, {
        code: "out_of_range",
        message,
        suggestion: `the default is ${setting.default}`,
      });
    } catch (error) {
      if (!(error instanceof InvalidValueError) || found === undefined) throw error;
      this.report(name, found, invalidText(found, text, error));
    }
    return NaN;
  }
}

/** What was set, as it is written: `--log.level`, `LOG_LEVEL`, `log.level at demo.yaml:3:10`. */
export function nameOf(found: Found): string {
  if (found.at !== undefined) return `${found.key} at ${formatLocation(found.at)}`;
  return found.source === "flag" ? `--${found.key}` : found.key;
}

/** Name of the entry with this index in a list: `entry 2 of MCP_COMMAND`, `mcp.commands[1] at demo.yaml:9:7`. */
export function entryNameOf(found: Found, index: number): string {
  const at = found.entries?.[index]?.at ?? found.textsAt?.[index];
  if (at !== undefined) return `${found.key}[${index}] at ${formatLocation(at)}`;
  return found.texts.length > 1 ? `entry ${index + 1} of ${nameOf(found)}` : nameOf(found);
}

function invalidText(found: Found, text: string, error: InvalidValueError): ProblemText {
  const message = found.source === "flag"
    ? `invalid argument ${quote(text)} for "--${found.key}" flag: ${error.problem}`
    : `invalid value ${quote(text)} for ${nameOf(found)}: ${error.problem}`;
  return { code: "invalid_value", message, suggestion: error.valid };
}

function outOfLimits(
  setting: Setting,
  value: number,
  parse: (limit: string) => number,
  format: (value: number) => string,
): string | undefined {
  const { min, max, above, below } = setting.limits ?? {};
  if (above !== undefined && !(value > parse(above))) {
    return parse(above) === 0 ? "must be greater than zero" : `must be greater than ${format(parse(above))}`;
  }
  if (min !== undefined && value < parse(min)) {
    if (parse(min) === 0) return "must not be negative";
    return parse(min) === 1 ? "must be greater than zero" : `must be at least ${format(parse(min))}`;
  }
  if (max !== undefined && value > parse(max)) return `must be less than or equal to ${format(parse(max))}`;
  if (below !== undefined && !(value < parse(below))) return `must be less than ${format(parse(below))}`;
  return undefined;
}
