import assert from "node:assert/strict";
import { ExecutableNotFoundError, resolveExecutable } from "../../../../src/channels/stdio/mod.ts";

async function withFiles(test: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${directory}/bin/folder`, { recursive: true });
    await Deno.mkdir(`${directory}/other`);
    for (
      const [name, mode] of [["bin/plain", 0o644], ["bin/tool", 0o755], ["other/tool", 0o755], [
        "other/plain",
        0o755,
      ]] as const
    ) {
      await Deno.writeTextFile(`${directory}/${name}`, "#!/bin/sh\n");
      await Deno.chmod(`${directory}/${name}`, mode);
    }
    await Deno.symlink("tool", `${directory}/bin/link`);
    await test(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("resolveExecutable() searches PATH in order and passes over what cannot be started [ST-5]", async () => {
  await withFiles(async (directory) => {
    const path = `/nonexistent:${directory}/bin/tool:${directory}/bin:${directory}/other`;
    assert.equal(await resolveExecutable("tool", path, "/"), `${directory}/bin/tool`);
    assert.equal(await resolveExecutable("plain", path, "/"), `${directory}/other/plain`);
    assert.equal(await resolveExecutable("link", path, "/"), `${directory}/bin/link`);
  });
});

Deno.test("resolveExecutable() takes a word with a separator as a path relative to cwd [ST-5]", async () => {
  await withFiles(async (directory) => {
    assert.equal(await resolveExecutable("./tool", undefined, `${directory}/bin`), `${directory}/bin/tool`);
    assert.equal(await resolveExecutable("../other/tool", "", `${directory}/bin`), `${directory}/other/tool`);
    assert.equal(await resolveExecutable(`${directory}/bin/tool`, undefined, "/"), `${directory}/bin/tool`);
  });
});

Deno.test("resolveExecutable() finds nothing in relative entries of PATH", async () => {
  await withFiles(async (directory) => {
    await assert.rejects(resolveExecutable("tool", "::.:bin", directory), ExecutableNotFoundError);
    await assert.rejects(resolveExecutable("tool", undefined, directory), ExecutableNotFoundError);
  });
});

Deno.test("resolveExecutable() says what is wrong and what to do [ST-4, F-2]", async () => {
  await withFiles(async (directory) => {
    const bin = `${directory}/bin`;
    const expected: [string, RegExp][] = [
      [
        "absent",
        /^stdio MCP executable "absent" is not in PATH; install it, or give its absolute path in mcp\.command$/,
      ],
      ["plain", /^stdio MCP executable "plain" is not executable \(.*\/bin\/plain\); run chmod \+x on it/],
      ["folder", /^stdio MCP executable "folder" is a directory/],
      ["./absent", /^stdio MCP executable "\.\/absent" does not exist \(looked for .*\/bin\/absent\)/],
      ["./plain", /^stdio MCP executable "\.\/plain" is not executable/],
    ];
    for (const [word, message] of expected) {
      await assert.rejects(resolveExecutable(word, bin, bin), (error: Error) => {
        assert.ok(error instanceof ExecutableNotFoundError);
        assert.match(error.message, message);
        return true;
      });
    }
  });
});
