import { type Command, CommanderError } from "commander";
import { quote, UsageError } from "../config/mod.ts";
import type { CliIo } from "./io.ts";

/**
 * Runs a command that was built with commander under the rules of this program: help on stdout, mistakes as one bare
 * line (C-7, C-14).
 * @param args the words after the command's name
 * @returns the exit code
 * @throws {UsageError} for a wrong command line, and whatever the command's action throws
 */
export async function runCommanderCommand(
  command: Command,
  args: readonly string[],
  io: CliIo,
): Promise<number> {
  command.name(`tunnel-client ${command.name()}`).exitOverride().allowExcessArguments(false).configureOutput({
    writeOut: io.stdout,
    writeErr: io.stderr,
    outputError: () => {},
  });
  try {
    await command.parseAsync(args, { from: "user" });
    return Deno.exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    throw new UsageError(usageText(error, command));
  }
}

function usageText({ code, message }: CommanderError, command: Command): string {
  const plain = message.replace(/^error: /, "");
  switch (code) {
    case "commander.unknownOption":
      return plain.replace(/^unknown option '([^'=]*)[^']*'/, "unknown flag: $1").replace(
        /\s*\n\(Did you mean (.*)\?\)$/s,
        "; did you mean $1?",
      );
    case "commander.optionMissingArgument":
      return plain.replace(/^option '.*?(--[^\s',]+).*$/s, "flag needs an argument: $1");
    case "commander.invalidArgument":
      return plain.replace(
        /^option '.*?(--[^\s',]+).*?' argument '(.*)' is invalid\. (.*?)\.?$/s,
        (_, flag: string, value: string, why: string) =>
          `invalid argument ${quote(value)} for "${flag}" flag: ${why}`,
      );
    case "commander.excessArguments":
      return `unexpected argument ${quote(command.args[0] ?? "")}; see ${command.name()} --help`;
    default:
      return plain;
  }
}
