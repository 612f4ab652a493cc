import assert from "node:assert/strict";
import { createStdioChannel, type ProcessGroupEvent } from "../../../../src/channels/stdio/mod.ts";
import {
  childArgv,
  eventually,
  KeptLog,
  KeptMetrics,
  membersOf,
  open,
  SH,
} from "../../../support/stdio_harness.ts";

/** Runs `stop` and tells how long it took. */
async function stopMs(
  opened: { readonly channel: { stop(graceMs: number): Promise<void> } },
  graceMs: number,
) {
  const startedMs = performance.now();
  await opened.channel.stop(graceMs);
  return performance.now() - startedMs;
}

Deno.test("stop() closes stdin, which is enough for a child that ends by itself [ST-20]", async () => {
  await using opened = await open();
  await opened.ask("echo", 1);
  const group = opened.pid();
  assert.ok(await stopMs(opened, 60_000) < 5_000);
  assert.deepEqual(membersOf(group), []);
  const [exited] = opened.log.of("stdio MCP command exited");
  assert.deepEqual([exited?.level, exited?.fields.reason], ["info", "exited with code 0"]);
  assert.equal(exited?.fields.restartInMs, undefined);
});

Deno.test("stop() sends SIGTERM to a child that ignores the end of stdin [ST-20]", async () => {
  await using opened = await open({ argv: childArgv("ignore-eof") });
  await opened.ask("echo", 1);
  assert.ok(await stopMs(opened, 1000) < 1000);
  assert.equal(opened.log.of("stdio MCP command exited")[0]?.fields.reason, "was ended by SIGTERM");
});

Deno.test("stop() kills a child that ignores SIGTERM, too [ST-20]", async () => {
  await using opened = await open({ argv: childArgv("ignore-eof", "ignore-term") });
  await opened.ask("echo", 1);
  const tookMs = await stopMs(opened, 300);
  assert.ok(tookMs >= 300 && tookMs < 2000, `${tookMs}`);
  assert.equal(opened.log.of("stdio MCP command exited")[0]?.fields.reason, "was ended by SIGKILL");
});

Deno.test("stop(0) kills at once", async () => {
  await using opened = await open({ argv: childArgv("ignore-eof", "ignore-term") });
  await opened.ask("echo", 1);
  assert.ok(await stopMs(opened, 0) < 1500);
});

const SHELLS: Record<string, string> = {
  "a shell that waits for its command": 'echo up >&2; sleep 1000; echo "never"',
  "a shell with background commands": "sleep 1000 & sleep 1001 & echo up >&2; cat >/dev/null",
  "a shell that ignores SIGTERM": 'trap "" TERM; echo up >&2; while :; do sleep 1; done',
  "commands that ignore SIGTERM behind a shell that does not":
    '(trap "" TERM; while :; do sleep 1; done) & echo up >&2; wait',
  "commands that hold all pipes after the shell has gone":
    "(trap '' TERM; sleep 1000) & (sleep 1000) & echo up >&2; read line",
};
for (const [name, script] of Object.entries(SHELLS)) {
  Deno.test(`stop() leaves no process of ${name}`, async () => {
    await using opened = await open({ argv: [SH, "-c", script] });
    const group = opened.pid();
    await eventually("it is up", () => opened.log.of("mcp server stderr").length > 0);
    assert.ok(membersOf(group).length > 0);
    assert.ok(await stopMs(opened, 400) < 4000);
    assert.deepEqual(membersOf(group), []);
    assert.deepEqual(opened.channel.processGroups(), []);
  });
}

Deno.test("the group of a child that died by itself is cleared, and a stop in the middle of it waits for that", async () => {
  const argv = [SH, "-c", 'trap "" TERM; (trap "" TERM; while :; do sleep 1; done) & exit 3'];
  await using opened = await open({ argv, backoffMinMs: 60_000 });
  const [group] = opened.channel.processGroups();
  await eventually("it has exited", () => opened.log.of("stdio MCP command exited").length === 1);
  await opened.channel.stop(400);
  assert.deepEqual(membersOf(group!), []);
});

Deno.test("stop() ends the wait for a restart and a replay that hangs", async () => {
  for (const backoffMinMs of [10, 60_000]) {
    const flag = await Deno.makeTempFile();
    const script = `if [ -s ${flag} ]; then set -- "$@" hold-initialize; fi; echo x >> ${flag}; exec "$@"`;
    await using opened = await open({ argv: [SH, "-c", script, "sh", ...childArgv()], backoffMinMs });
    await opened.ask("initialize", {});
    await opened.call("exit");
    const waiting = opened.call("echo", 1);
    if (backoffMinMs === 10) {
      await eventually("the replay hangs", () => opened.log.of("stdio MCP command started").length === 2);
    }
    assert.ok(await stopMs(opened, 200) < 2000);
    const result = await waiting;
    assert.ok(result.type === "failure" && result.kind === "connection_closed");
    await Deno.remove(flag);
  }
});

Deno.test("stop() may be called twice, at once and before start()", async () => {
  const opened = await open();
  await Promise.all([opened.channel.stop(100), opened.channel.stop(5000)]);
  await opened[Symbol.asyncDispose]();
  const never = createStdioChannel(
    { name: "main", argv: childArgv(), command: "", env: {}, killProgram: undefined },
    new KeptLog(),
    new KeptMetrics(),
  );
  assert.equal(never.health().state, "starting");
  await never.stop(1000);
  assert.equal(never.health().state, "stopped");
});

Deno.test("process groups are reported when they begin and when they are gone", async () => {
  const events: ProcessGroupEvent[] = [];
  const opened = await open({ onProcessGroup: (event) => events.push(event) });
  const first = opened.pid();
  assert.deepEqual(opened.channel.processGroups(), [first]);
  await opened.call("exit");
  const second = await opened.ask("pid") as number;
  assert.deepEqual(opened.channel.processGroups(), [second]);
  await opened[Symbol.asyncDispose]();
  assert.deepEqual(events, [
    { type: "started", channel: "main", groupId: first },
    { type: "gone", channel: "main", groupId: first },
    { type: "started", channel: "main", groupId: second },
    { type: "gone", channel: "main", groupId: second },
  ]);
});

for (const killProgram of [undefined, "/nonexistent/kill"]) {
  Deno.test(`without a usable kill program (${killProgram}) the child itself is ended, and that is said`, async () => {
    await using opened = await open({ argv: childArgv("ignore-eof", "ignore-term"), killProgram });
    await opened.ask("echo", 1);
    const group = opened.pid();
    await opened.channel.stop(300);
    assert.deepEqual(membersOf(group), []);
    assert.equal(
      opened.log.of("stdio MCP process group cannot be reached; only the command itself is ended").length,
      1,
    );
  });
}

Deno.test("stop() ends a child that floods stdout and does not read", async () => {
  await using opened = await open({ argv: [SH, "-c", "exec yes noise"] });
  await eventually("it floods", () => opened.log.of("mcp server stdout skipped").length > 10);
  const blocked = opened.call("echo", "y".repeat(1024 * 1024));
  assert.ok(await stopMs(opened, 400) < 3000);
  assert.equal((await blocked).type, "failure");
});

Deno.test("start() refuses a command that cannot be started, and says what to check [ST-4]", async () => {
  const directory = await Deno.makeTempDir();
  const file = `${directory}/not-executable`;
  await Deno.writeTextFile(file, "");
  try {
    for (const program of [`${directory}/absent`, file]) {
      const channel = createStdioChannel(
        {
          name: "files",
          argv: [program, "--key=hunter2"],
          command: program,
          env: {},
          killProgram: undefined,
        },
        new KeptLog(),
        new KeptMetrics(),
      );
      await assert.rejects(channel.start(), (error: Error) => {
        assert.match(
          error.message,
          /^cannot start the MCP command "[a-z-]+" of channel files: .*; check mcp\.command$/,
        );
        assert.doesNotMatch(error.message, /hunter2/);
        return true;
      });
      assert.deepEqual(channel.processGroups(), []);
      await channel.stop(0);
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
