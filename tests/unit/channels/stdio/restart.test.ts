import assert from "node:assert/strict";
import {
  childArgv,
  eventually,
  membersOf,
  open,
  type Opened,
  resultOf,
  SH,
} from "../../../support/stdio_harness.ts";

/** What a connector does first. */
async function shakeHands(opened: Opened, client: string): Promise<void> {
  await opened.ask("initialize", { protocolVersion: "2025-06-18", clientInfo: { name: client } }, {
    id: `init-${client}`,
  });
  await opened.notify("notifications/initialized", { of: client });
}

Deno.test("a child killed in the middle of calls: they fail within 1 s, the next call is served by another [ST-17]", async () => {
  for (const concurrency of [1, 4]) {
    await using opened = await open({ concurrency, backoffMinMs: 200 });
    await shakeHands(opened, "a");
    const pid = opened.pid();
    let sent = 0;
    const calls = Array.from(
      { length: concurrency },
      () => opened.call("hold", 0, { observer: { sent: () => void sent++ } }),
    );
    await eventually("the calls are with the child", () => sent === concurrency);
    const killedAtMs = performance.now();
    Deno.kill(pid, "SIGKILL");
    for (const result of await Promise.all(calls)) {
      assert.ok(result.type === "failure");
      assert.deepEqual(
        [result.kind, result.statusCode, result.upstreamStatus, result.detail],
        ["eof", 502, 0, "the MCP command was ended by SIGKILL"],
      );
    }
    assert.ok(performance.now() - killedAtMs < 1000);
    assert.equal(opened.channel.health().state, "degraded");
    assert.notEqual(await opened.ask("pid"), pid);
    assert.equal(opened.channel.health().state, "ready");
    assert.equal(opened.metrics.counters.get('mcp_stdio_restarts_total{"channel":"main"}'), 1);
    assert.deepEqual(membersOf(pid), []);
    assert.equal(opened.log.of("stdio MCP command started").length, 2);
    const [exited] = opened.log.of("stdio MCP command exited");
    assert.deepEqual(
      [exited?.level, exited?.fields.reason, exited?.fields.restartInMs],
      ["warn", "was ended by SIGKILL", 200],
    );
  }
});

Deno.test("the last handshake is repeated before any new work, under a private id [ST-14]", async () => {
  await using opened = await open();
  await shakeHands(opened, "a");
  await shakeHands(opened, "b");
  await opened.call("exit", { code: 3 });
  assert.deepEqual(await opened.ask("echo", "work"), "work");
  const lines = (await opened.ask("seen") as string[]).map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map(({ method, params }) => [method, params.of ?? params.clientInfo?.name ?? params]),
    [
      ["initialize", "b"],
      ["notifications/initialized", "b"],
      ["echo", "work"],
    ],
  );
  assert.notEqual(lines[0].id, "init-b");
});

Deno.test("without a handshake nothing is repeated; half a handshake is repeated by half", async () => {
  await using opened = await open();
  await opened.call("exit");
  assert.deepEqual(await opened.ask("seen"), []);
  await opened.ask("initialize", {});
  await opened.call("exit");
  const half = await opened.ask("seen") as string[];
  assert.deepEqual(half.map((line) => JSON.parse(line).method), ["initialize"]);
});

Deno.test("an initialize that was refused is not repeated", async () => {
  await using opened = await open({ argv: childArgv("refuse-initialize") });
  await opened.call("initialize", {});
  await opened.call("exit");
  assert.deepEqual(await opened.ask("seen"), []);
});

Deno.test("an answer that was written before the exit is delivered", async () => {
  await using opened = await open();
  for (let round = 1; round <= 5; round++) {
    assert.equal(await opened.ask("exit", { answer: true, code: round }), "last words");
    await eventually("the exit is seen", () => opened.log.of("stdio MCP command exited").length === round);
  }
});

Deno.test("a call that waits for its slot while the child dies is given to the next child", async () => {
  await using opened = await open();
  const first = opened.call("exit", { code: 9 });
  const waiting = [opened.ask("echo", "b"), opened.ask("echo", "c")];
  const result = await first;
  assert.ok(result.type === "failure");
  assert.equal(result.detail, "the MCP command exited with code 9");
  assert.deepEqual(await Promise.all(waiting), ["b", "c"]);
});

Deno.test({
  name: "a call behind a blocked pipe when the child dies is given to the next child",
  // Deno 2.7 takes a write that the child's end has cut off for a success, and the queue goes on.
  ignore: Deno.version.deno.startsWith("2.7."),
}, async () => {
  await using opened = await open({ concurrency: 3 });
  const pid = opened.pid();
  const sent = Promise.withResolvers<void>();
  const stalled = opened.call("stall", { ms: 60_000 }, { observer: { sent: sent.resolve } });
  const partly = opened.call("echo", "y".repeat(1024 * 1024));
  const queued = opened.ask("echo", "queued");
  await sent.promise;
  await new Promise((resolve) => setTimeout(resolve)); // now the long one is being written
  Deno.kill(pid, "SIGKILL");
  assert.equal((await stalled).type, "failure");
  assert.equal((await partly).type, "failure");
  assert.equal(await queued, "queued");
});

Deno.test("notifications wait for the new child, too", async () => {
  await using opened = await open();
  await opened.call("exit");
  await opened.notify("notifications/roots/list_changed");
  assert.equal((await opened.ask("seen") as string[]).length, 1);
});

Deno.test("a closed stdout counts as the end of the child [ST-17]", async () => {
  await using opened = await open({ argv: [SH, "-c", "read line; exec 1>&-; sleep 1000"] });
  const group = opened.pid();
  const result = await opened.call("echo");
  assert.ok(result.type === "failure");
  assert.deepEqual([result.kind, result.detail], ["eof", "the MCP command closed its standard output"]);
  await eventually("it is replaced", () => opened.channel.health().state === "ready");
  assert.notEqual(opened.pid(), group);
  assert.deepEqual(membersOf(group), []);
});

Deno.test("a closed stdin counts as the end of the child [ST-17, LC-13]", async () => {
  await using opened = await open({ argv: [SH, "-c", "exec 0<&-; echo closed >&2; sleep 1000"] });
  await eventually("it is closed", () => opened.log.of("mcp server stderr").length === 1);
  // Deno 2.7 takes the first write into a broken pipe for a success; the cancellation is the second.
  const lost = opened.call("echo", 0, { signal: AbortSignal.timeout(500) }).catch(() => undefined);
  const ended = () => opened.log.of("stdio MCP command exited").map(({ fields }) => fields.reason);
  await eventually("it is noticed", () => ended().length === 1);
  assert.deepEqual(ended(), ["closed its standard input"]);
  const result = await lost;
  if (result !== undefined) assert.ok(result.type === "failure" && result.kind === "closed_pipe");
  await eventually("it is replaced", () => opened.log.of("mcp server stderr").length === 2);
});

Deno.test("a crash loop shows in health with the last words, and calls fail fast [ST-17]", async () => {
  await using opened = await open({
    argv: childArgv("die-at-once"),
    backoffMaxMs: 60_000,
    backoffMinMs: 50,
    restartWaitMs: 200,
  });
  await eventually("the loop is seen", () => opened.channel.health().state === "failed");
  assert.match(
    opened.channel.health().reason,
    /^MCP command "deno" is being restarted: it exited with code 7 \(\d+ times in a row without an answer\); last stderr: cannot open database$/,
  );
  await eventually("the delay is long", () => opened.log.of("stdio MCP command exited").length >= 5, 20_000);
  const startedMs = performance.now();
  const result = await opened.call("echo", 1);
  assert.ok(result.type === "failure");
  assert.ok(performance.now() - startedMs < 150, "at once, because the next start comes too late for it");
  assert.equal(result.kind, "connection_closed");
  assert.match(
    result.detail,
    /^the MCP command is not running: it exited with code 7, and \d+ times in a row nothing/,
  );
  assert.doesNotMatch(result.detail, /database/);
  const delays = opened.log.of("stdio MCP command exited").map(({ fields }) => fields.restartInMs);
  assert.deepEqual(delays.slice(0, 5), [50, 100, 200, 400, 800]);
});

Deno.test("waiting for a restart ends with the call's own deadline, or after the limit", async () => {
  await using opened = await open({ backoffMinMs: 60_000, restartWaitMs: 150 });
  await opened.call("exit");
  const reason = new Error("deadline");
  const deadline = new AbortController();
  const waiting = opened.call("echo", 1, { signal: deadline.signal });
  setTimeout(() => deadline.abort(reason), 20);
  await assert.rejects(waiting, reason);
  const startedMs = performance.now();
  const results = await Promise.all(["a", "b", "c"].map((params) => opened.call("echo", params)));
  for (const result of results) assert.ok(result.type === "failure" && result.kind === "connection_closed");
  // One after the other they would take three times as long.
  assert.ok(performance.now() - startedMs < 400);
});

Deno.test("a server that refuses the repeated handshake is not let in", async () => {
  const flag = await Deno.makeTempFile();
  try {
    // The first child is a good one, its replacements are not.
    const script = `if [ -s ${flag} ]; then set -- "$@" refuse-initialize; fi; echo x >> ${flag}; exec "$@"`;
    await using opened = await open({ argv: [SH, "-c", script, "sh", ...childArgv()], restartWaitMs: 300 });
    await shakeHands(opened, "a");
    await opened.call("exit");
    const result = await opened.call("echo", 1);
    assert.ok(result.type === "failure" && result.kind === "connection_closed");
    assert.match(result.detail, /refused the replayed initialize with error -32000/);
    await eventually("the loop is seen", () => opened.channel.health().state === "failed");
    // And it is let in when it is good again.
    await Deno.writeTextFile(flag, "");
    await Deno.truncate(flag);
    await eventually("the good server is back", () => opened.channel.health().state !== "failed");
  } finally {
    await Deno.remove(flag);
  }
});

Deno.test("a replacement that cannot be started is tried again, and stop() ends the trying [ST-4]", async () => {
  const directory = await Deno.makeTempDir();
  const program = `${directory}/server`;
  try {
    await Deno.symlink(Deno.execPath(), program);
    await using opened = await open({ argv: [program, ...childArgv().slice(1)], backoffMinMs: 20 });
    assert.equal(await opened.ask("echo", 1), 1);
    await Deno.remove(program);
    await opened.call("exit");
    await eventually(
      "starting fails",
      () => opened.log.of("stdio MCP command could not be started").length >= 2,
    );
    assert.match(opened.channel.health().reason, /could not be started/);
    await Deno.symlink(Deno.execPath(), program);
    assert.equal(await opened.ask("echo", 2), 2);
    await Deno.remove(program);
    await opened.call("exit");
    await eventually(
      "starting fails again",
      () => opened.log.of("stdio MCP command could not be started").length >= 6,
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("processes that a dead child leaves in its group are ended before the next one starts", async () => {
  await using opened = await open();
  const group = opened.pid();
  const left = await opened.ask("spawn") as number;
  assert.deepEqual(membersOf(group).map((member) => Number.parseInt(member)).sort(), [group, left].sort());
  const result = await opened.call("exit", { code: 2 });
  assert.ok(result.type === "failure");
  await opened.ask("echo", 1);
  assert.deepEqual(membersOf(group), []);
});

Deno.test("after a restart late answers, ids and slots start afresh", async () => {
  await using opened = await open();
  const deadline = new AbortController();
  const lost = opened.call("hold", 0, {
    id: 1,
    signal: deadline.signal,
    observer: { sent: () => deadline.abort(new Error("deadline")) },
  });
  await assert.rejects(lost, /deadline/);
  await opened.call("exit", {}, { id: 2 });
  assert.equal(resultOf(await opened.call("echo", "x", { id: 1 })), "x");
  const lines = await opened.ask("seen") as string[];
  assert.equal(JSON.parse(lines[0]!).id, 1);
});

Deno.test("the handshake of a channel before is repeated with the first child, and given up when that refuses it", async () => {
  const initialize = JSON.stringify({
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: { of: "before" },
  });
  const handshake = { initialize, initialized: '{"jsonrpc":"2.0","method":"notifications/initialized"}' };
  {
    await using opened = await open({ handshake });
    const lines = await opened.ask("seen") as string[];
    assert.equal(lines.filter((line) => line.includes('"initialize"') && line.includes("before")).length, 1);
    assert.deepEqual(opened.channel.handshake(), handshake);
  }
  {
    await using opened = await open({ handshake, argv: childArgv("refuse-initialize"), backoffMinMs: 10 });
    await eventually("another child", () => opened.log.of("stdio MCP command started").length === 2);
    assert.equal(opened.channel.handshake(), undefined);
    await eventually("it is up", () => opened.channel.health().state !== "failed");
  }
});
