import assert from "node:assert/strict";
import { childArgv, KILL, membersOf } from "../../../support/stdio_harness.ts";

Deno.test("the channel works in a Worker that may run its command and `kill` and nothing else", async () => {
  Deno.env.set("STDIO_TEST_SECRET", "hunter2");
  const worker = new Worker(new URL("../../../support/stdio_worker.ts", import.meta.url), {
    type: "module",
    deno: {
      permissions: {
        run: [Deno.execPath(), KILL],
        net: ["127.0.0.1:1"],
        env: false,
        read: false,
        write: false,
        ffi: false,
        sys: false,
        import: false,
      },
    },
  });
  try {
    const report = await new Promise<Record<string, unknown>>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      worker.postMessage({
        name: "main",
        argv: childArgv("ignore-term"),
        command: "",
        env: { HOME: "/nonexistent", PATH: Deno.env.get("PATH") ?? "", LD_LIBRARY_PATH: "/x" },
        killProgram: KILL,
      });
    });
    const { groups, ...rest } = report;
    assert.deepEqual(rest, {
      env: "refused",
      read: "refused",
      run: "refused",
      echo: "hello",
      env_of_child: false,
      died: "the MCP command exited with code 5",
      again: "again",
    });
    assert.equal((groups as number[]).length, 2);
    for (const group of groups as number[]) assert.deepEqual(membersOf(group), []);
  } finally {
    worker.terminate();
    Deno.env.delete("STDIO_TEST_SECRET");
  }
});
