/**
 * Command-line flags as the published client reads them (CFG-12 … CFG-14, C-1 … C-7). Those rules differ from what argument
 * parsers of this ecosystem do (order of checks, `--bool=false`, `--x ""`, single dashes), and loading one costs a third of
 * the start time, so they stand here.
 */
import { parseBoolean } from "./boolean.ts";
import { parseDuration } from "./duration.ts";
import { parseInteger } from "./integer.ts";
import { InvalidValueError } from "./invalid_value.ts";
import { quote } from "./quote.ts";
import { isList, type Setting } from "./setting.ts";
import { suggestName } from "./suggest.ts";

/** One flag of one command. */
export interface FlagSpec {
  /** Without dashes. */
  readonly name: string;
  /** Another spelling that is accepted and never shown. */
  readonly alias?: string;
  /** How its text is checked; a `bool` takes no separate word (C-3). */
  readonly syntax: "text" | "int" | "bool" | "duration";
  /** Whether every occurrence counts, or only the last one (C-5). */
  readonly repeatable: boolean;
  /** Stands for the value in help; empty for a `bool`. */
  readonly placeholder: string;
  /** Shown in help; empty means none. */
  readonly default: string;
  readonly help: string;
  /** Heading in help. */
  readonly group: string;
  /** The only words it takes; a setting's words are checked with the setting. */
  readonly choices?: readonly string[];
  /** It is no setting, though one bears its name: no variable sets it. */
  readonly hasNoVariable?: true;
}

/** Every occurrence of every flag that was given, by the spelling that was typed, without dashes. */
export type ParsedFlags = Readonly<Record<string, readonly string[]>>;

/** A command line taken apart. */
export interface ParsedArguments {
  readonly flags: ParsedFlags;
  /** The words that are not flags, in order. */
  readonly words: readonly string[];
  /** `-h` or `--help` was given. */
  readonly help: boolean;
}

/** The command line itself is wrong; every line of the message is one mistake (C-7). */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The flag of a setting. */
export function flagOf(setting: Setting): FlagSpec {
  const { name, alias, type, placeholder, help, group } = setting;
  const syntax = type === "int" || type === "bool" || type === "duration" ? type : "text";
  const common = {
    name,
    syntax,
    repeatable: isList(setting),
    placeholder,
    default: setting.default,
    help,
    group,
  } as const;
  return alias === undefined ? common : { ...common, alias };
}

/**
 * Takes a command line apart.
 * @param specs the flags that the command knows
 * @param args the words after the command's name
 * @throws {UsageError} naming every unknown flag, missing value and bad value
 */
export function parseFlags(specs: readonly FlagSpec[], args: readonly string[]): ParsedArguments {
  const known = new Map<string, FlagSpec>();
  for (const spec of specs) {
    known.set(spec.name, spec);
    if (spec.alias !== undefined) known.set(spec.alias, spec);
  }
  const flags: Record<string, string[]> = {};
  const words: string[] = [];
  const mistakes: string[] = [];
  let help = false;
  for (let index = 0; index < args.length; index++) {
    const word = args[index] ?? "";
    if (word === "--") {
      words.push(...args.slice(index + 1));
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      words.push(word);
      continue;
    }
    if (word === "-h" || word === "--help") {
      help = true;
      continue;
    }
    if (!word.startsWith("--")) {
      const meant = word.slice(1).split("=", 1)[0] ?? "";
      const suggestion = known.has(meant) ? `; did you mean --${meant}?` : "";
      mistakes.push(`unknown shorthand flag: '${word.slice(1, 2)}' in -${meant}${suggestion}`);
      continue;
    }
    const equals = word.indexOf("=");
    const name = equals === -1 ? word.slice(2) : word.slice(2, equals);
    const spec = known.get(name);
    if (spec === undefined) {
      mistakes.push(unknownFlag(name, specs));
      continue;
    }
    let value: string | undefined;
    if (equals !== -1) value = word.slice(equals + 1);
    else value = spec.syntax === "bool" ? "true" : args[++index];
    if (value === undefined) {
      mistakes.push(`flag needs an argument: --${name}`);
      continue;
    }
    const mistake = checkSyntax(spec, name, value);
    if (mistake !== undefined) mistakes.push(mistake);
    (flags[name] ??= []).push(value);
  }
  if (mistakes.length > 0) throw new UsageError(mistakes.join("\n"));
  return { flags, words, help };
}

/** The last value of a flag that counts once, or undefined when it was not given. */
export function lastValue(flags: ParsedFlags, name: string): string | undefined {
  return flags[name]?.at(-1);
}

function unknownFlag(name: string, specs: readonly FlagSpec[]): string {
  const meant = suggestName(name, ["help", ...specs.map((spec) => spec.name)]);
  return `unknown flag: --${name}${meant === undefined ? "" : `; did you mean --${meant}?`}`;
}

const SYNTAX: Readonly<Record<"int" | "bool" | "duration", (text: string) => unknown>> = {
  int: (text) => parseInteger(text.trim()),
  bool: parseBoolean,
  duration: (text) => parseDuration(text.trim()),
};

function checkSyntax(spec: FlagSpec, name: string, value: string): string | undefined {
  if (spec.choices !== undefined && !spec.choices.includes(value)) {
    return `invalid argument ${quote(value)} for "--${name}" flag: use ${spec.choices.join(" or ")}`;
  }
  if (spec.syntax === "text") return undefined;
  try {
    SYNTAX[spec.syntax](value);
    return undefined;
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    return `invalid argument ${quote(value)} for "--${name}" flag: ${error.message}`;
  }
}
