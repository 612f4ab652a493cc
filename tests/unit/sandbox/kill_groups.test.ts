import assert from "node:assert/strict";

const MODULE = new URL("../../../src/sandbox/kill_groups.ts", import.meta.url).href;
const KILL = "/bin/kill";

/** Ends a group from a process with these rights. @returns what could not be ended */
async function killFrom(rights: readonly string[], group: number): Promise<unknown[]> {
  const script = `import { killGroups } from ${JSON.stringify(MODULE)};
const failed = [];
killGroups([${group}], { killProgram: ${JSON.stringify(KILL)}, onFailed: (...what) => failed.push(what) });
console.log(JSON.stringify(failed));`;
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--no-check",
      "--no-lock",
      ...rights,
      `data:text/javascript,${encodeURIComponent(script)}`,
    ],
    stdin: "null",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

for (const rights of [["--allow-all"], [`--allow-run=${KILL}`, "--allow-read", "--allow-import"]]) {
  Deno.test(`killGroups() ends a whole group with ${rights[0]}, and is content with one that is gone`, async () => {
    const child = new Deno.Command("/bin/sh", {
      args: ["-c", "sleep 600 & wait"],
      detached: true,
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    assert.deepEqual(await killFrom(rights, child.pid), []);
    assert.equal((await child.status).signal, "SIGKILL");
    // The grandchild held the pipe open as long as it lived.
    assert.equal(await new Response(child.stdout).text(), "");
    assert.deepEqual(await killFrom(rights, child.pid), []);
  });
}
