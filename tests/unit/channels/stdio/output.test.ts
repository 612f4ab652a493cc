import assert from "node:assert/strict";
import { childArgv, eventually, open, type Opened, SH } from "../../../support/stdio_harness.ts";

function stderrLines(opened: Opened): unknown[] {
  return opened.log.of("mcp server stderr").map(({ fields }) => fields.line);
}

Deno.test("stderr goes to the log line by line, without terminal colours, long lines cut [ST-7]", async () => {
  await using opened = await open();
  await opened.ask("stderr", {
    text: "one\r\n\x1b[31mtwo\x1b[0m\tétwo\n\n\x07\n" + "x".repeat(5000) + "\nopen",
  });
  await eventually("four lines are logged", () => stderrLines(opened).length === 3);
  assert.deepEqual(stderrLines(opened), ["one", "two étwo", "x".repeat(2000)]);
  await opened.ask("stderr", { text: " end\n" });
  await eventually("the open line is logged when it ends", () => stderrLines(opened)[3] === "open end");
  const [first] = opened.log.of("mcp server stderr");
  assert.deepEqual([first?.level, first?.fields.channel, first?.fields.pid], ["info", "main", opened.pid()]);
});

Deno.test("a last line without a line end is logged when the child exits", async () => {
  await using opened = await open();
  await opened.call("exit", { code: 1, stderr: "fatal: no disk" });
  assert.deepEqual(stderrLines(opened), ["fatal: no disk"]);
  assert.match(opened.channel.health().reason, /it exited with code 1; last stderr: fatal: no disk$/);
});

Deno.test("a flood of 100,000 stderr lines costs no log space, and the calls go on", async () => {
  await using opened = await open();
  const [answer] = await Promise.all([
    opened.ask("stderr", { text: "noise noise noise\n", times: 100_000 }),
    opened.ask("echo", "next"),
  ]);
  assert.equal(answer, "written");
  await opened.ask("stderr", { text: "last\n" });
  const suppressed = () =>
    opened.log.of("mcp server stderr suppressed").map(({ fields }) => Number(fields.lines));
  const sum = () => suppressed().reduce((all, lines) => all + lines, 0) + stderrLines(opened).length;
  await eventually("all lines are accounted for", () => sum() === 100_001);
  assert.ok(stderrLines(opened).length <= 500, `${stderrLines(opened).length} lines in the log`);
});

Deno.test("a line without end on stderr is drained", async () => {
  await using opened = await open({
    argv: [SH, "-c", "head -c 50000000 /dev/zero | tr '\\0' x >&2; echo done >&2; cat"],
  });
  await eventually("the line has ended", () => stderrLines(opened).length > 0);
  assert.equal(String(stderrLines(opened)[0]).length, 2000);
});

Deno.test("a flood of noise on stdout is skipped, counted and not kept", async () => {
  await using opened = await open({
    argv: [SH, "-c", 'yes "not json" | head -n 100000; exec "$@"', "sh", ...childArgv()],
  });
  assert.equal(await opened.ask("echo", "after"), "after");
  assert.ok(opened.log.of("mcp server stdout skipped").length <= 500);
});

Deno.test("the child gets exactly the given environment, and nothing of the dynamic linker", async () => {
  Deno.env.set("STDIO_TEST_SECRET", "hunter2");
  try {
    await using opened = await open({
      env: { HOME: "/nonexistent", GIVEN: "yes", LD_PRELOAD: "/evil.so", DYLD_X: "1" },
    });
    const env = await opened.ask("env") as Record<string, string>;
    assert.deepEqual([env.GIVEN, env.STDIO_TEST_SECRET, env.LD_PRELOAD, env.DYLD_X], [
      "yes",
      undefined,
      undefined,
      undefined,
    ]);
    assert.deepEqual(
      opened.log.of("stdio MCP environment variables left out")[0]?.fields.variables,
      ["LD_PRELOAD", "DYLD_X"],
    );
  } finally {
    Deno.env.delete("STDIO_TEST_SECRET");
  }
});

Deno.test("processes that have left the group and hold the pipes hold up neither restart nor stop", async () => {
  const script = 'setsid sh -c "sleep 2; echo late" & exec "$@"';
  await using opened = await open({ argv: [SH, "-c", script, "sh", ...childArgv()] });
  assert.equal(await opened.ask("echo", 1), 1);
  const startedMs = performance.now();
  const result = await opened.call("exit", { code: 4 });
  assert.ok(result.type === "failure" && result.detail === "the MCP command exited with code 4");
  assert.ok(performance.now() - startedMs < 1000, "the failure is not held up");
  assert.equal(await opened.ask("echo", 2), 2);
  await opened.channel.stop(1000);
  assert.ok(performance.now() - startedMs < 4000);
});
