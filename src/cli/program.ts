import {
  type FlagSpec,
  lastValue,
  parseBoolean,
  parseFlags,
  quote,
  suggestName,
  UsageError,
} from "../config/mod.ts";
import { COMMIT, VERSION } from "../version.ts";
import type { Command, CommandCall, GroupCommand, LeafCommand, Positional } from "./command.ts";
import { PROGRAM, ROOT } from "./commands.ts";
import { CliError, EXIT_OK, EXIT_UNKNOWN_COMMAND, reportFailure } from "./exit.ts";
import type { CliIo } from "./io.ts";
import { loadModule } from "./load_module.ts";

/** What a command line asks for, before anything of it is done. */
export type Resolution =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "call"; readonly command: LeafCommand; readonly call: CommandCall };

/** A command with where it stands in the tree. */
export interface PlacedCommand {
  readonly path: string;
  readonly command: Command;
  /** Flags of the groups above it. */
  readonly inherited: readonly FlagSpec[];
}

const ROOT_FLAGS: readonly FlagSpec[] = [
  rootFlag("version", "Print the version; also -v."),
  rootFlag("json", "Print the version as a JSON document."),
];

function rootFlag(name: string, help: string): FlagSpec {
  return { name, syntax: "bool", repeatable: false, placeholder: "", default: "", help, group: "Flags" };
}

/**
 * Runs one command line.
 * @param args the words after the program's name
 * @returns the exit code; never rejects
 */
export async function runProgram(args: readonly string[], io: CliIo): Promise<number> {
  try {
    const resolution = await resolveCommandLine(args);
    if (resolution.kind === "call") return await resolution.command.run(resolution.call, io);
    io.stdout(resolution.text);
    return EXIT_OK;
  } catch (error) {
    return reportFailure(error, io);
  }
}

/**
 * Finds the command and checks the command line: its flags, then `--help` and `--version`, then the number of words,
 * then the flags that must be there (C-7).
 * @param args the words after the program's name
 * @throws {UsageError} for a wrong command line
 * @throws {CliError} for a command that does not exist
 */
export async function resolveCommandLine(args: readonly string[]): Promise<Resolution> {
  let place: PlacedCommand = { path: PROGRAM, command: ROOT, inherited: [] };
  let rest = args;
  while (place.command.kind === "group") {
    const group: GroupCommand = place.command;
    const known: readonly FlagSpec[] = [...place.inherited, ...group.flags?.() ?? []];
    const at = findCommandWord(group, known, rest);
    if (at === undefined) return { kind: "text", text: await groupText(place, known, rest) };
    const word = rest[at] ?? "";
    const child = group.children.find(({ name }) => name === word);
    if (child === undefined) throw unknownCommand(group, place.path, word);
    // What stands before the command's name is for the command (C-1).
    rest = rest.toSpliced(at, 1);
    place = { path: `${place.path} ${word}`, command: await child.load(), inherited: known };
  }
  return await resolveLeaf(place, place.command, rest);
}

/**
 * Index of the word that names a command. An unknown flag before it may or may not take the next word as its value; it
 * does if the word behind that is a command.
 */
function findCommandWord(
  group: GroupCommand,
  known: readonly FlagSpec[],
  words: readonly string[],
): number | undefined {
  const isCommand = (word: string | undefined) => group.children.some(({ name }) => name === word);
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? "";
    if (word === "--") return undefined;
    if (!word.startsWith("-")) return index;
    if (!word.startsWith("--") || word.includes("=") || word === "--help") continue;
    const spec = known.find(({ name, alias }) => [name, alias].includes(word.slice(2)));
    const takesValue = spec === undefined ? isCommand(words[index + 2]) : spec.syntax !== "bool";
    if (takesValue) index++;
  }
  return undefined;
}

/** A group without a command below it: its help (C-10, C-22), or the version of the program (C-17). */
async function groupText(
  place: PlacedCommand,
  known: readonly FlagSpec[],
  args: readonly string[],
): Promise<string> {
  const isRoot = place.command === ROOT;
  const specs = isRoot ? ROOT_FLAGS : known;
  const { flags, words, help } = parseFlags(specs, isRoot ? args.map(spellOutVersion) : args);
  const isOn = (name: string) => isRoot && parseBoolean(lastValue(flags, name) ?? "false");
  if (help) return await helpText(place);
  if (words[0] !== undefined) throw new UsageError(`unexpected argument ${quote(words[0])}`);
  if (!isOn("version")) return await helpText(place);
  return isOn("json") ? versionJson() : `${versionLine()}\n`;
}

function spellOutVersion(word: string): string {
  return word === "-v" ? "--version" : word;
}

/** C-17. */
function versionLine(): string {
  return COMMIT === "" ? VERSION : `${VERSION} (git sha: ${COMMIT})`;
}

function versionJson(): string {
  return `${JSON.stringify({ version: VERSION, ...(COMMIT === "" ? {} : { commit: COMMIT }) }, null, 2)}\n`;
}

async function resolveLeaf(
  place: PlacedCommand,
  command: LeafCommand,
  args: readonly string[],
): Promise<Resolution> {
  const { path, inherited } = place;
  const specs = [...command.flags?.() ?? [], ...inherited];
  const { flags, words, help } = parseFlags(specs, args);
  if (help) return { kind: "text", text: await helpText(place) };
  checkWords(command, path, words, specs);
  const missing = (command.required ?? []).filter((name) => flags[name] === undefined);
  if (missing.length > 0) {
    const names = missing.map((name) => `--${name}`).join(", ");
    throw new UsageError(`required flags are missing: ${names}; see ${path} --help`);
  }
  return { kind: "call", command, call: { flags, args: words, path } };
}

function checkWords(
  { positionals = [] }: LeafCommand,
  path: string,
  words: readonly string[],
  specs: readonly FlagSpec[],
): void {
  const most = positionals.at(-1)?.many ? Infinity : positionals.length;
  const least = positionals.filter(({ optional }) => !optional).length;
  const stray = words[most];
  if (stray !== undefined && most === 0) throw strayWord(path, stray, specs);
  if (stray === undefined && words.length >= least) return;
  const problem = stray === undefined ? "too few arguments" : `unexpected argument ${quote(stray)}`;
  throw new UsageError(`${problem}; use: ${path} ${positionals.map(spell).join(" ")}`);
}

/** A positional as usage lines show it. */
export function spell({ name, optional, many }: Positional): string {
  const word = many ? `${name}...` : name;
  return optional ? `[${word}]` : word;
}

/** A word that a command without positionals cannot take; the published client ignores it (C-11). */
function strayWord(path: string, word: string, specs: readonly FlagSpec[]): CliError {
  const meant = suggestName(word, specs.map(({ name }) => name));
  const hint = meant === undefined
    ? `${path} takes only flags, see ${path} --help`
    : `did you mean --${meant}?`;
  return new CliError(`unexpected argument ${quote(word)}; ${hint}`, { exitCode: EXIT_UNKNOWN_COMMAND });
}

function unknownCommand({ children }: GroupCommand, path: string, word: string): CliError {
  const names = children.map(({ name }) => name);
  const meant = suggestName(word, names);
  const hint = meant === undefined ? `there are: ${names.join(", ")}` : `did you mean ${path} ${meant}?`;
  return new CliError(`unknown command ${quote(word)} for ${path}; ${hint}`, {
    exitCode: EXIT_UNKNOWN_COMMAND,
  });
}

async function helpText(place: PlacedCommand): Promise<string> {
  const { helpPage } = await loadModule<typeof import("./help_page.ts")>("./help_page.ts", import.meta.url);
  return await helpPage(place);
}
