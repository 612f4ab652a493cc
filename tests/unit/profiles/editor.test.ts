import assert from "node:assert/strict";
import { selectEditor } from "../../../src/profiles/mod.ts";
import { Folder } from "../../support/e2e_folder.ts";

async function bin(folder: Folder, names: readonly string[]): Promise<string> {
  for (const name of names) await Deno.writeTextFile(folder.file(name), "", { mode: 0o755 });
  return folder.path;
}

Deno.test("selectEditor() takes VISUAL before EDITOR, and neither when blank [A-150]", async () => {
  await using folder = new Folder();
  const PATH = await bin(folder, ["vi", "nano"]);
  assert.deepEqual(await selectEditor({ PATH, VISUAL: "vi", EDITOR: "nano" }), {
    program: folder.file("vi"),
    options: [],
  });
  assert.equal((await selectEditor({ PATH, VISUAL: "  ", EDITOR: "nano" })).program, folder.file("nano"));
  await assert.rejects(selectEditor({ PATH, VISUAL: " " }), /set VISUAL or EDITOR to one of vim, nvim, nano/);
});

Deno.test("selectEditor() splits without a shell and takes only the options of the list [A-151, A-152]", async () => {
  await using folder = new Folder();
  const PATH = await bin(folder, ["vim", "code", "hx"]);
  const options = async (EDITOR: string) => (await selectEditor({ PATH, EDITOR })).options;
  assert.deepEqual(await options("code --wait \t'-n'"), ["--wait", "-n"]);
  assert.deepEqual(await options(`"vim" -\\f`), ["-f"]);
  assert.deepEqual(await options("hx"), []);
  const refused: readonly (readonly [string, RegExp])[] = [
    ["vim -c :!id", /unsupported option "-c" for vim; supported: -f, --nofork, -n, -R/],
    ["vim ''", /unsupported option ""/],
    ["hx x", /unsupported option "x" for hx; supported: none/],
    ["sh -c id", /"sh" is no supported editor; use one of vim/],
    ["'' vim", /empty program/],
    ["vim 'x", /unterminated quote/],
    ["vim x\\", /unterminated escape/],
    ["vim\nid", /line breaks/],
    ["vim\0", /NUL/],
    ["nano", /nano is not in PATH/],
    ["$HOME/vim", /must select the installed vim/],
    ["~/vim", /must select the installed vim/],
  ];
  for (const [EDITOR, message] of refused) {
    await assert.rejects(selectEditor({ PATH, EDITOR }), message, EDITOR);
  }
});

Deno.test("a backslash escapes nothing on Windows [A-151]", async () => {
  await assert.rejects(
    selectEditor({ PATH: "", EDITOR: "C:\\Tools\\evil.exe" }, "windows"),
    /"evil" is no supported editor/,
  );
});

Deno.test("an explicit path must be the editor that PATH gives; the alias editor one of the list [A-153]", async () => {
  await using folder = new Folder();
  await using other = new Folder();
  const PATH = await bin(folder, ["vim"]);
  await bin(other, ["vim", "editor"]);
  await Deno.symlink(folder.file("vim"), other.file("same"));
  assert.equal((await selectEditor({ PATH, EDITOR: folder.file("vim") })).program, folder.file("vim"));
  await assert.rejects(selectEditor({ PATH, EDITOR: other.file("vim") }), /must select the installed vim/);
  await Deno.symlink(folder.file("vim"), folder.file("editor"));
  assert.deepEqual(await selectEditor({ PATH, EDITOR: "editor -R" }), {
    program: folder.file("vim"),
    options: ["-R"],
  });
  await assert.rejects(selectEditor({ PATH, EDITOR: "editor --wait" }), /unsupported option/);
  await assert.rejects(selectEditor({ PATH, EDITOR: other.file("editor") }), /none of the supported editors/);
});
