/** `tunnel-client help`: topics, and the help page of every command (spec 04 §7). */
import { lastValue, parseBoolean, quote, suggestName } from "../config/mod.ts";
import type { CommandCall, LeafCommand } from "./command.ts";
import { CliError, EXIT_OK } from "./exit.ts";
import { helpPage } from "./help_page.ts";
import { columns } from "./help_text.ts";
import { TOPICS } from "./help_topics.ts";
import type { CliIo } from "./io.ts";
import { entriesOf, placeEntry, ROOT_PLACE } from "./tree.ts";
import type { PlacedCommand } from "./program.ts";

export const command: LeafCommand = {
  kind: "leaf",
  about:
    "Prints a topic, or the help page of a command. A topic wins over a command of the same name, whose page " +
    "--help prints.",
  positionals: [{ name: "WORD", help: "A topic, or the words of a command.", optional: true, many: true }],
  flags: () => [{
    name: "json",
    syntax: "bool",
    repeatable: false,
    placeholder: "",
    default: "",
    help: "Print the text inside a JSON document.",
    group: "Flags",
  }],
  sections: () => [{
    heading: "Topics",
    text: columns(TOPICS.map(({ name, summary }) => [name, summary])),
  }],
  run: help,
};

async function help({ args, flags }: CommandCall, io: CliIo): Promise<number> {
  const topic = args.length === 1 ? TOPICS.find(({ name }) => name === args[0]) : undefined;
  const text = topic?.text() ?? await helpPage(await findCommand(args));
  const json = parseBoolean(lastValue(flags, "json") ?? "false");
  io.stdout(json ? `${JSON.stringify({ name: args.join(" "), text }, null, 2)}\n` : text);
  return EXIT_OK;
}

/** @throws {CliError} naming what there is instead (T-1) */
async function findCommand(words: readonly string[]): Promise<PlacedCommand> {
  let place = ROOT_PLACE;
  for (const word of words) {
    const entry = entriesOf(place).find(({ name }) => name === word);
    if (entry === undefined) throw unknownWord(word, place);
    place = await placeEntry(place, entry);
  }
  return place;
}

function unknownWord(word: string, place: PlacedCommand): CliError {
  const names = entriesOf(place).map(({ name }) => name);
  if (names.length === 0) {
    return new CliError(`${place.path} has no command ${quote(word)}; see ${place.path} --help`);
  }
  const topics = place === ROOT_PLACE ? TOPICS.map(({ name }) => name) : [];
  const meant = suggestName(word, [...topics, ...names]);
  const helpPath = ["tunnel-client help", ...place.path.split(" ").slice(1)].join(" ");
  const hints = [
    meant === undefined ? "" : `did you mean ${helpPath} ${meant}?`,
    topics.length === 0 ? "" : `topics: ${topics.join(", ")}`,
    meant === undefined ? `commands: ${names.join(", ")}` : "",
  ].filter((hint) => hint !== "");
  const what = topics.length === 0 ? "command" : "help topic or command";
  return new CliError(`unknown ${what} ${quote(word)} for ${place.path}; ${hints.join("; ")}`);
}
