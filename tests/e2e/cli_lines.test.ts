import assert from "node:assert/strict";
import { resolveCommandLine } from "../../src/cli/program.ts";
import { goldenTexts } from "../support/cli_golden.ts";
import { type ToldLine, toldLines } from "../support/cli_lines.ts";
import { tunnelClientEnd } from "../support/e2e_program.ts";

const ROOT = new URL("../../", import.meta.url);

/** Every text that people read: the pages of docs/, the README, and what the program itself prints. */
async function texts(): Promise<ReadonlyMap<string, string>> {
  const found = new Map(await goldenTexts());
  found.set("README.md", await Deno.readTextFile(new URL("README.md", ROOT)));
  for await (const { name } of Deno.readDir(new URL("docs/", ROOT))) {
    if (name.endsWith(".md")) {
      found.set(`docs/${name}`, await Deno.readTextFile(new URL(`docs/${name}`, ROOT)));
    }
  }
  return found;
}

Deno.test("toldLines() finds the lines of shell blocks and indented ones, and takes them apart", () => {
  const text = [
    "tunnel-client run, in a sentence",
    "Usage: tunnel-client a COMMAND",
    "       tunnel-client b COMMAND",
    "  tunnel-client help x   explained",
    "  tunnel-client init --name \\",
    "    \"two words\" --path 'a b'",
    "```sh",
    'export A=1; B=2 tunnel-client health --url-file "$(cat "$f")" | cat > file # why',
    "deno task run --x=<name> && deno task cli dev proxy",
    "```",
  ].join("\n");
  assert.deepEqual(toldLines(text).map(({ words }) => words), [
    ["health", "--url-file", '$(cat "$f")'],
    ["run", "--x=<name>"],
    ["dev", "proxy"],
    ["help", "x"],
    ["init", "--name", "two words", "--path", "a b"],
  ]);
});

Deno.test("every command line that a page, a topic or a help text prints is one that the program takes [issue 5 §6]", async () => {
  const wrong: string[] = [];
  let count = 0;
  for (const [name, text] of await texts()) {
    for (const { text: line, words } of toldLines(text)) {
      count++;
      try {
        await resolveCommandLine(words);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        wrong.push(`${name}: ${line}: ${error.message}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
  assert.ok(count > 80, `${count} lines`);
});

/** What can be done on any machine without harm or setup, and ends by itself. */
function isHarmless({ words }: ToldLine): boolean {
  if (words.includes("--help") || words[0] === "help" || words[0] === "completion") return true;
  const line = words.join(" ");
  return line === "--version" || line === "profiles schema" || line.startsWith("profiles samples ");
}

Deno.test("every harmless one of them is run, and ends well [issue 5 §6]", async () => {
  const lines = new Map<string, readonly string[]>();
  for (const text of (await texts()).values()) {
    for (const line of toldLines(text).filter(isHarmless)) lines.set(line.words.join(" "), line.words);
  }
  for (const [line, words] of lines) {
    const { code, stdout, stderr } = await tunnelClientEnd(words);
    assert.deepEqual([code, stderr], [0, ""], line);
    assert.notEqual(stdout, "", line);
  }
  assert.ok(lines.size > 12, [...lines.keys()].join("\n"));
});
