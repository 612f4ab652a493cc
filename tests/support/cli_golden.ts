/** The texts of `--help` and `help TOPIC`, kept in tests/golden so that a change of them is seen in a review. */
import { helpPage } from "../../src/cli/help_page.ts";
import { TOPICS } from "../../src/cli/help_topics.ts";
import { everyCommand } from "../../src/cli/tree.ts";
import { VERSION } from "../../src/version.ts";

const FOLDER = new URL("../golden/", import.meta.url);

/** Every text, by the name of its file. */
export async function goldenTexts(): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>();
  for (const place of await everyCommand()) {
    // A release changes the version and nothing else.
    const page = (await helpPage(place)).replaceAll(VERSION, "VERSION");
    texts.set(`${place.path.replaceAll(" ", "_")}.txt`, page);
  }
  for (const { name, text } of TOPICS) texts.set(`help_${name}.txt`, text());
  return texts;
}

/** What is stored, by the name of its file. */
export async function storedTexts(): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>();
  for await (const { name } of Deno.readDir(FOLDER)) {
    if (name.endsWith(".txt")) texts.set(name, await Deno.readTextFile(new URL(name, FOLDER)));
  }
  return texts;
}

/** Stores the texts as they are now, and removes those of commands that are gone. */
export async function storeGoldenTexts(): Promise<void> {
  await Deno.mkdir(FOLDER, { recursive: true });
  const texts = await goldenTexts();
  for (const [name, text] of texts) await Deno.writeTextFile(new URL(name, FOLDER), text);
  for (const name of (await storedTexts()).keys()) {
    if (!texts.has(name)) await Deno.remove(new URL(name, FOLDER));
  }
}
