import assert from "node:assert/strict";
import { preflightCommand, PreflightError } from "../../../src/preflight/mod.ts";
import { Folder } from "../../support/e2e_folder.ts";

/** A folder with a bin directory of pretended programs; nothing of it is ever started. */
async function workshop(folder: Folder) {
  const file = async (name: string, text: string, mode: number) => {
    await Deno.mkdir(folder.file(name).replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(folder.file(name), text);
    await Deno.chmod(folder.file(name), mode);
  };
  for (
    const name of [
      "sh",
      "bash",
      "env",
      "python3",
      "python",
      "node",
      "ruby",
      "perl",
      "php",
      "deno",
      "server",
      "npx",
    ]
  ) {
    await file(`bin/${name}`, "not a script", 0o755);
  }
  await file("good.py", "", 0o644);
  await file("good.sh", "", 0o644);
  await file("dir.js/index.js", "", 0o644);
  await file("plain.js", "", 0o644);
  await file("main.ts", "", 0o644);
  await file("pkg/__main__.py", "", 0o644);
  await file("sub/inner.py", "", 0o644);
  await file("plain.txt", "x", 0o644);
  await file("tool", `#!${folder.file("bin/sh")}\n`, 0o755);
  await file("envtool", `#!/usr/bin/env python3\n`, 0o755);
  await file("envsplit", `#!/usr/bin/env -S deno run -A\n`, 0o755);
  await file("badtool", "#!/nope/interpreter -x\n", 0o755);
  await file("badenv", "#!/usr/bin/env nope-interpreter\n", 0o755);
  await file("blank", "#! \n", 0o755);
  await file("crlf", "#!/bin/sh\r\necho\r\n", 0o755);
  return { env: { PATH: folder.file("bin") }, cwd: folder.path };
}

const STARTS = [
  "server --port 3",
  "./tool",
  "./envtool a",
  "./envsplit",
  "python3 good.py",
  "python3 -W ignore good.py",
  "python3 -Wignore -u good.py",
  "python3 -m my_mcp_server --stdio",
  "python3 -um my_server",
  "python -c 'print(1)'",
  "python3 pkg",
  "python3 -X dev good.py missing-argument.txt",
  "node plain.js",
  "node plain",
  "node dir.js",
  "node --import tsx plain.js",
  "node --test",
  "node --no-warnings plain.js",
  "node --a-new-option value plain.js",
  "node -e 'x' missing.js",
  "node --eval=x",
  "ruby -r json -I lib good.py",
  "perl -e 1",
  "php -d x=1 good.py",
  "deno run -A main.ts",
  "deno run -A npm:@modelcontextprotocol/server-everything",
  "deno run --allow-net https://example.com/x.ts",
  "deno run --config deno.json main.ts",
  "deno task start",
  "deno run a-task",
  "deno main.ts",
  "deno eval 'x'",
  "npx -y @org/tools-mcp",
  "sh -c 'cd d && server'",
  "sh -c 'exec server --x'",
  "sh -c 'A=1 B=2 exec server'",
  "bash -lc 'source x; server'",
  "bash --norc --rcfile x good.sh",
  "bash -euo pipefail -c 'server | tee log'",
  "bash good.sh",
  "bash -- good.sh",
  'sh -c "if true"',
  "sh -c 'env A=1 server'",
  "env A=1 -u B server",
  "env -C sub python3 inner.py",
  "env -S 'server --x'",
  "env -i server",
  "env PATH=/other nope",
  "sh -c 'PATH=/other nope'",
  "server --name=\"Ada Lovelace\" ''",
];

Deno.test("preflightCommand() takes every command line that starts [F-6, issue 5 §1]", async () => {
  await using folder = new Folder();
  const place = await workshop(folder);
  for (const command of STARTS) {
    try {
      assert.match(await preflightCommand(command, place), /^\/.*\/(?:bin\/\w+|\w+)$/, command);
    } catch (error) {
      throw new Error(`${command}: ${error}`);
    }
  }
});

const FAILS: readonly (readonly [command: string, message: RegExp])[] = [
  ["", /command is empty/],
  ["server 'x", /unterminated quote/],
  ["server \\", /trailing backslash/],
  ["nope", /stdio MCP executable "nope" is not in PATH; install it, or give its absolute path/],
  ["./nope", /stdio MCP executable ".\/nope" does not exist/],
  ["./plain.txt", /is not executable .*chmod \+x/],
  ["./sub", /is a directory/],
  ["./badtool", /uses an unavailable interpreter: "\/nope\/interpreter"; .*update the shebang/],
  ["./badenv", /uses an unavailable interpreter: "nope-interpreter"/],
  ["./blank", /uses an unavailable interpreter: its first line names none/],
  ["./crlf", /carriage return/],
  ["python3 missing.py", /python3 is to run "missing.py", which is not found/],
  ["python3 -u missing.py", /missing.py.*not found/],
  ["python3 -W ignore missing.py", /missing.py.*not found/],
  ["python3 sub", /"sub", which is a directory/],
  ["python3 -- missing.py", /not found/],
  ["node --import tsx missing.js", /not found/],
  ["node -r ./x missing.js", /not found/],
  ["ruby -I lib missing.rb", /not found/],
  ["perl -w missing.pl", /not found/],
  ["php missing.php", /not found/],
  ["deno run -A missing.ts", /deno is to run "missing.ts", which is not found/],
  ["deno missing.ts", /not found/],
  ["sh missing.sh", /sh is to run "missing.sh"/],
  ["bash --norc missing.sh", /not found/],
  ["sh -c", /sh -c is given no command/],
  ["sh -c 'exec nope'", /"nope" is not in PATH/],
  ["sh -c 'python3 missing.py'", /not found/],
  ["bash -lc 'nope --x'", /"nope" is not in PATH/],
  ["env", /env is given no command/],
  ["env A=1", /env is given no command/],
  ["env A=1 nope", /"nope" is not in PATH/],
  ["env -S 'nope x'", /"nope" is not in PATH/],
  ["env -C sub python3 good.py", /sub\/good.py/],
  ["env sh -c 'env nope'", /"nope" is not in PATH/],
];

Deno.test("preflightCommand() says why a command cannot start [F-1 … F-5]", async () => {
  await using folder = new Folder();
  const place = await workshop(folder);
  for (const [command, message] of FAILS) {
    await assert.rejects(
      preflightCommand(command, place),
      (error) =>
        error instanceof PreflightError && message.test(error.message) || assert.fail(`${command}: ${error}`),
      command,
    );
  }
});

Deno.test("preflightCommand() tells a script that may not be read, where that can be told apart [F-5]", {
  ignore: Deno.uid() === 0 || Deno.build.os === "windows",
}, async () => {
  await using folder = new Folder();
  const place = await workshop(folder);
  await Deno.chmod(folder.file("good.py"), 0o000);
  await assert.rejects(preflightCommand("python3 good.py", place), /not readable.*chmod \+r/);
});

Deno.test("preflightCommand() stops looking after four wrappers [F-4]", async () => {
  await using folder = new Folder();
  const place = await workshop(folder);
  await assert.rejects(preflightCommand("env env env env nope", place), /nope/);
  assert.equal(await preflightCommand("env env env env env nope", place), folder.file("bin/env"));
});
