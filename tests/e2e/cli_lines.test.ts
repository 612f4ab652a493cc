import assert from "node:assert/strict";
import { resolveCommandLine } from "../../src/cli/program.ts";
import { goldenTexts } from "../support/cli_golden.ts";
import { type ToldLine, toldLines } from "../support/cli_lines.ts";
import { Folder } from "../support/e2e_folder.ts";
import { tunnelClientEnd } from "../support/e2e_program.ts";

const CHECKOUT = new URL("../../", import.meta.url);

/** Every text that people read: the pages of docs/, the README, and what the program itself prints. */
async function texts(): Promise<ReadonlyMap<string, string>> {
  const found = new Map(await goldenTexts());
  found.set("README.md", await Deno.readTextFile(new URL("README.md", CHECKOUT)));
  for await (const { name } of Deno.readDir(new URL("docs/", CHECKOUT))) {
    if (name.endsWith(".md")) {
      found.set(`docs/${name}`, await Deno.readTextFile(new URL(`docs/${name}`, CHECKOUT)));
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
  assert.ok(count > 100, `${count} lines`);
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
  assert.ok(lines.size > 10, [...lines.keys()].join("\n"));
});

/** What readers put in place of the placeholders. */
const FILLED: Readonly<Record<string, string>> = {
  "tunnel_...": `tunnel_${"4".repeat(32)}`,
  "python /path/to/server.py": "cat -u",
};

Deno.test(
  "every line that makes a profile makes one, which the program itself then takes [issue 5 §6, U-1]",
  async () => {
    const lines = new Map<string, readonly string[]>();
    for (const text of (await texts()).values()) {
      for (const { words } of toldLines(text)) {
        const makes = words[0] === "init" ? words.length > 1 : words[0] === "profiles" && words[1] === "add";
        if (makes && !words.includes("--help") && !words.includes("--from-file")) {
          lines.set(
            words.join(" "),
            words,
          );
        }
      }
    }
    assert.ok(lines.size >= 5, [...lines.keys()].join("\n"));
    for (const [line, words] of lines) {
      await using folder = new Folder();
      const env = {
        XDG_CONFIG_HOME: folder.path,
        CONTROL_PLANE_API_KEY: "k",
        HTTPS_PROXY: "http://127.0.0.1:9",
      };
      const made = await tunnelClientEnd(words.map((word) => FILLED[word] ?? word), { env });
      assert.deepEqual([made.code, made.stderr], [0, ""], `${line}\n${made.stdout}`);
      const listed = await tunnelClientEnd(["profiles", "list", "--json"], { env });
      const [profile, ...more]: { name: string }[] = JSON.parse(listed.stdout);
      assert.deepEqual(more, [], line);
      const valid = await tunnelClientEnd(["profiles", "validate", profile!.name], { env });
      assert.equal(valid.code, 0, valid.stdout + valid.stderr);
      // The lines that it prints to go on with are lines of this program, too.
      for (const next of toldLines(made.stdout)) await resolveCommandLine(next.words);
    }
  },
);
