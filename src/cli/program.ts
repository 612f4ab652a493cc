import { lastValue, parseBoolean, parseFlags, quote, suggestName, UsageError } from "../config/mod.ts";
import { VERSION } from "../version.ts";
import type { Command, GroupCommand, LeafCommand } from "./command.ts";
import { ROOT } from "./commands.ts";
import { CliError, EXIT_FAILURE, EXIT_OK, EXIT_UNKNOWN_COMMAND, reportFailure } from "./exit.ts";
import type { CliIo } from "./io.ts";

const VERSION_FLAG = {
  name: "version",
  syntax: "bool",
  repeatable: false,
  placeholder: "",
  default: "",
  help: "Print the version.",
  group: "Flags",
} as const;

/**
 * Runs one command line.
 * @param args the words after the program's name
 * @returns the exit code; never rejects
 */
export async function runProgram(args: readonly string[], io: CliIo): Promise<number> {
  try {
    return await dispatch(ROOT, ROOT.name, args, io);
  } catch (error) {
    return reportFailure(error, io);
  }
}

/** @param path the command as typed, for messages: `tunnel-client dev proxy` */
async function dispatch(command: Command, path: string, args: readonly string[], io: CliIo): Promise<number> {
  if (command.kind === "foreign") return await command.run(args, io);
  if (command.kind === "leaf") return await runLeaf(command, path, args, io);
  const index = args.findIndex((word) => word === "--" || !word.startsWith("-"));
  const word = args[index];
  if (word === undefined || word === "--") return runGroup(command, args, io);
  // What stands before the command's name is for the command (C-1).
  const rest = args.toSpliced(index, 1);
  if (command === ROOT && word === "help") return runHelp(rest, io);
  const child = command.children.find(({ name }) => name === word);
  if (child === undefined) throw unknownCommand(command, path, word, EXIT_UNKNOWN_COMMAND);
  return await dispatch(child, `${path} ${word}`, rest, io);
}

/** A group without a command below it: its help (C-10, C-22), or the version of the program (C-17). */
function runGroup(group: GroupCommand, args: readonly string[], io: CliIo): number {
  const isRoot = group === ROOT;
  const words = isRoot ? args.map((word) => word === "-v" ? "--version" : word) : args;
  const { flags, words: stray, help } = parseFlags(isRoot ? [VERSION_FLAG] : [], words);
  const wantsVersion = parseBoolean(lastValue(flags, "version") ?? "false");
  if (!help && !wantsVersion && stray[0] !== undefined) {
    throw new UsageError(`unexpected argument ${quote(stray[0])}`);
  }
  io.stdout(wantsVersion && !help ? `${VERSION}\n` : group.help());
  return EXIT_OK;
}

/** Order of checks: flags, help, stray words, then the command's own (C-7). */
async function runLeaf(leaf: LeafCommand, path: string, args: readonly string[], io: CliIo): Promise<number> {
  const { flags, words, help } = parseFlags(leaf.flags(), args);
  if (help) {
    io.stdout(leaf.help());
    return EXIT_OK;
  }
  if (words[0] !== undefined) {
    throw new UsageError(
      `unexpected argument ${quote(words[0])}; ${path} takes only flags, see ${path} --help`,
    );
  }
  return await leaf.run(flags, io);
}

/** `help`, `help run`, `help dev proxy` (T-1). */
async function runHelp(args: readonly string[], io: CliIo): Promise<number> {
  const { words } = parseFlags([], args);
  let command: Command = ROOT;
  let path = ROOT.name;
  for (const word of words) {
    const child: Command | undefined = command.kind === "group"
      ? command.children.find(({ name }) => name === word)
      : undefined;
    if (child === undefined) throw unknownCommand(command, path, word, EXIT_FAILURE);
    command = child;
    path = `${path} ${word}`;
  }
  return await dispatch(command, path, ["--help"], io);
}

function unknownCommand(parent: Command, path: string, word: string, exitCode: number): CliError {
  const names = parent.kind === "group" ? parent.children.map(({ name }) => name) : [];
  const meant = suggestName(word, names);
  const hint = meant !== undefined
    ? `did you mean ${path} ${meant}?`
    : names.length > 0
    ? `there are: ${names.join(", ")}`
    : `see ${path} --help`;
  return new CliError(`unknown command ${quote(word)} for ${path}; ${hint}`, { exitCode });
}
