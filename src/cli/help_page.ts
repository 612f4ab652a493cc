/** The help page of a command, made from its place in the tree. */
import { type FlagSpec, type Setting, SETTINGS } from "../config/mod.ts";
import type { GroupCommand, HelpSection, LeafCommand, Positional } from "./command.ts";
import { ROOT } from "./commands.ts";
import { columns, flagSections, paragraphs } from "./help_text.ts";
import { type PlacedCommand, spell } from "./program.ts";

/** Text of `COMMAND --help`, at most 80 columns wide as far as its examples allow. */
export async function helpPage(place: PlacedCommand): Promise<string> {
  const { command, path, inherited } = place;
  const sections = await command.sections?.() ?? [];
  const parts = [
    paragraphs(command.about),
    command.kind === "group" ? `Usage: ${path} COMMAND [flags]` : leafUsage(command, path),
    command.kind === "group" ? commandList(command) : positionalList(command.positionals ?? []),
    flagSections([...command.flags?.() ?? [], ...inherited], variableOf),
    ...sections.map(sectionText),
  ];
  if (command === ROOT) parts.push(paragraphs(ROOT_NOTE));
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

const ROOT_NOTE = "Every command explains itself with --help; tunnel-client --version prints the version.";

/** The usage lines of a command, without the program's name in front of `usage`. */
function usageLines(command: LeafCommand, path: string): readonly string[] {
  const words = (command.positionals ?? []).map(spell);
  return (command.usage ?? [[...words, "[flags]"].join(" ")]).map((usage) => `${path} ${usage}`);
}

function leafUsage(command: LeafCommand, path: string): string {
  return usageLines(command, path).map((line, index) => `${index === 0 ? "Usage:" : "      "} ${line}`).join(
    "\n",
  );
}

function commandList({ children }: GroupCommand): string {
  return `Commands:\n${columns(children.map(({ name, summary }) => [name, summary]))}`;
}

function positionalList(positionals: readonly Positional[]): string {
  if (positionals.length === 0) return "";
  return `Arguments:\n${columns(positionals.map((positional) => [positional.name, positional.help]))}`;
}

function sectionText({ heading, text }: HelpSection): string {
  return `${heading}:\n${text}`;
}

/** The variable of a flag that is a setting under the same name. */
function variableOf({ name, hasNoVariable }: FlagSpec): string | undefined {
  if (hasNoVariable) return undefined;
  const settings: readonly Setting[] = SETTINGS;
  return settings.find((setting) => setting.name === name)?.env;
}
