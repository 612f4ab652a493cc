import { helpPage } from "../src/cli/help_page.ts";
import { TOPICS } from "../src/cli/help_topics.ts";
import { everyCommand } from "../src/cli/tree.ts";

/** `docs/commands.md`: the help page of every command. @param notice says that it is generated */
export async function commandsPage(notice: string): Promise<string> {
  const places = await everyCommand();
  const sections = await Promise.all(
    places.map(async (place) => `## ${place.path}\n\n\`\`\`text\n${await helpPage(place)}\`\`\`\n`),
  );
  const contents = places.map(({ path }) => `- [${path}](#${path.replaceAll(" ", "-")})`);
  return [
    "# Commands",
    "",
    notice,
    "",
    "Every command says the same with `--help`.",
    "",
    "- Flags may stand before or behind the name of the command; `--` ends them.",
    "- Exit code 0: done. 1: failed, or a wrong command line. 2: an answer that is no (`doctor`, `health`), or a",
    "  command that does not exist. 130 and 143: a second signal cut a stop short.",
    "- Errors go to stderr, one line each.",
    "",
    "Longer texts are in the help topics:",
    "",
    ...TOPICS.map(({ name, summary }) => `- \`tunnel-client help ${name}\`: ${summary}`),
    "",
    "The commands:",
    "",
    ...contents,
    "",
    sections.join("\n"),
  ].join("\n");
}
