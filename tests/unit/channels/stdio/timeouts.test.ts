import assert from "node:assert/strict";
import type { CallObserver } from "../../../../src/channels/channel.ts";
import {
  answerOf,
  childArgv,
  eventually,
  NEVER,
  open,
  type Opened,
  requestOf,
  resultOf,
  textOf,
} from "../../../support/stdio_harness.ts";

/** Makes a call that the server holds, and gives it up as soon as it has been written. */
async function loseCall(opened: Opened, id: string | number, params: unknown = "lost"): Promise<void> {
  const deadline = new AbortController();
  const reason = new Error("deadline");
  const observer = { sent: () => deadline.abort(reason) };
  await assert.rejects(opened.call("hold", params, { id, signal: deadline.signal, observer }), reason);
}

function collect(into: unknown[]): Partial<CallObserver> {
  return {
    notification: (text) => {
      into.push(JSON.parse(textOf(text)));
      return Promise.resolve();
    },
  };
}

Deno.test("a deadline ends its call only: same child, next call answered, late answer swallowed [T-11, P-74, P-75, SE-7]", async () => {
  await using opened = await open();
  const pid = opened.pid();
  await loseCall(opened, 1);
  assert.equal(await opened.ask("echo", "next", { id: 2 }), "next");
  // The late answer comes first, the right one behind it.
  assert.equal(await opened.ask("release", undefined, { id: 3 }), "released");
  assert.equal(await opened.ask("pid"), pid);
  assert.deepEqual(
    opened.log.of("mcp server message dropped").map(({ fields }) => fields.reason),
    ["late response"],
  );
  // The id is free again and goes out as it is.
  await opened.ask("echo", "again", { id: 1 });
  const lines = await opened.ask("seen") as string[];
  assert.equal(lines.at(-1), '{"jsonrpc":"2.0","id":1,"method":"echo","params":"again"}');
});

Deno.test("the server is told that a call was given up, by the id it knows [A-196]", async () => {
  await using opened = await open();
  await loseCall(opened, 1);
  await loseCall(opened, 1);
  await loseCall(opened, 'a"b');
  const lines = await opened.ask("seen", undefined, { id: 4 }) as string[];
  const messages = lines.map((line) => JSON.parse(line));
  const calls = messages.filter(({ method }) => method === "hold");
  const cancelled = messages.filter(({ method }) => method === "notifications/cancelled");
  assert.deepEqual(cancelled.map(({ params }) => params.requestId), calls.map(({ id }) => id));
  assert.equal(calls[0].id, 1);
  assert.notEqual(calls[1].id, 1);
});

Deno.test("a call whose id many servers cannot read is cancelled by the id that the server knows", async () => {
  await using opened = await open();
  const deadline = new AbortController();
  const lost = opened.call("hold", undefined, {
    text: '{"jsonrpc":"2.0","id":12345678901234567890123456,"method":"hold"}',
    signal: deadline.signal,
    observer: { sent: () => deadline.abort(new Error("deadline")) },
  });
  await assert.rejects(lost, /deadline/);
  const lines = await opened.ask("seen") as string[];
  const { id } = JSON.parse(lines[0]!);
  assert.ok(Number.isSafeInteger(id));
  assert.equal(JSON.parse(lines[1]!).params.requestId, id);
});

Deno.test("`initialize` is never cancelled, and its late answer still counts [P-74, A-72]", async () => {
  await using opened = await open({
    argv: childArgv("hold-initialize"),
    replayTimeoutMs: 100,
    restartWaitMs: 100,
  });
  const deadline = new AbortController();
  const lost = opened.call("initialize", {}, {
    signal: deadline.signal,
    observer: { sent: () => deadline.abort(new Error("deadline")) },
  });
  await assert.rejects(lost, /deadline/);
  const methods = (await opened.ask("seen") as string[]).map((line) => JSON.parse(line).method);
  assert.deepEqual(methods, ["initialize"]);
  assert.equal(await opened.ask("release"), "released");
  // That it counts shows in the replay, which this server does not answer either.
  await opened.call("exit", { code: 1 });
  const reasons = () => opened.log.of("stdio MCP command exited").map(({ fields }) => fields.reason);
  await eventually(
    "the replay is tried",
    () => reasons().includes("did not answer the replayed initialize in time"),
  );
});

Deno.test("an id that is still owed is used again under a private one, which nobody sees [A-82, A-83]", async () => {
  await using opened = await open();
  await loseCall(opened, 5);
  const seen: unknown[] = [];
  const second = await opened.call("progress", { count: 1, _meta: { progressToken: 5 } }, {
    id: 5,
    observer: collect(seen),
  });
  assert.equal(answerOf(second), '{"jsonrpc":"2.0","id":5,"result":"done"}');
  assert.deepEqual(seen, [
    { jsonrpc: "2.0", method: "notifications/progress", params: { progressToken: 5, progress: 1, total: 1 } },
  ]);
  const asking = await opened.call("ask", undefined, { id: 5 });
  assert.equal(JSON.parse(answerOf(asking)).id, 5);
  assert.equal(await opened.ask("release", undefined, { id: 5 }), "released");
});

Deno.test("nothing of a call that was not yet written is owed or cancelled [SE-5, P-74]", async () => {
  await using opened = await open();
  // Fills the pipe, so that the next message stays in the queue.
  const stalled = opened.call("stall", { ms: 300 }, { id: 1 });
  await opened.notify("x");
  const filling = opened.channel.notify(
    requestOf({ jsonrpc: "2.0", method: "notifications/x", params: "y".repeat(1024 * 1024) }),
    NEVER,
  );
  const deadline = new AbortController();
  const waiting = opened.channel.notify(
    requestOf({ jsonrpc: "2.0", method: "notifications/z" }),
    deadline.signal,
  );
  deadline.abort(new Error("deadline"));
  await assert.rejects(waiting, /deadline/);
  assert.equal((await filling).type, "accepted");
  assert.equal(resultOf(await stalled), "awake");
  const methods = (await opened.ask("seen") as string[]).map((line) => JSON.parse(line).method);
  assert.deepEqual(methods, ["stall", "x", "notifications/x"]);
});

Deno.test("a call that is cut off in the middle of its write leaves the framing intact [SE-5]", async () => {
  await using opened = await open({ concurrency: 2 });
  const sent = Promise.withResolvers<void>();
  const stalled = opened.call("stall", { ms: 300 }, { observer: { sent: sent.resolve } });
  const deadline = new AbortController();
  const long = opened.call("echo", "y".repeat(1024 * 1024), { signal: deadline.signal });
  const queued = opened.channel.notify(requestOf({ jsonrpc: "2.0", method: "notifications/queued" }), NEVER);
  await sent.promise;
  await new Promise((resolve) => setTimeout(resolve)); // now the long one is being written
  deadline.abort(new Error("deadline"));
  await assert.rejects(long, /deadline/);
  assert.equal(resultOf(await stalled), "awake");
  assert.equal((await queued).type, "accepted");
  const methods = (await opened.ask("seen") as string[]).map((line) => JSON.parse(line).method);
  assert.deepEqual(methods, ["stall", "echo", "notifications/queued", "notifications/cancelled"]);
});

Deno.test("while an answer is owed, notifications go by their token or nowhere [SE-7]", async () => {
  await using opened = await open();
  await loseCall(opened, 1, { _meta: { progressToken: "lost" } });
  const seen: { params: { progress?: number } }[] = [];
  const call = { _meta: { progressToken: "mine" } };
  await opened.call("gossip", call, { observer: collect(seen) });
  assert.deepEqual(seen.map(({ params }) => params.progress), [2]);
  // Two callers with the same token are told apart, too.
  seen.length = 0;
  await opened.call("gossip", { _meta: { progressToken: "lost" } }, { observer: collect(seen) });
  assert.deepEqual(seen, [
    { jsonrpc: "2.0", method: "notifications/progress", params: { progressToken: "lost", progress: 2 } },
  ]);
  // Once it has come, everything goes to the running call again.
  await opened.ask("release");
  seen.length = 0;
  await opened.call("gossip", call, { observer: collect(seen) });
  assert.deepEqual(seen.map(({ params }) => params.progress), [undefined, 2]);
});

Deno.test("1025 lost calls: the oldest is forgotten, the child lives, no answer goes astray [P-75, T-16]", async () => {
  await using opened = await open();
  const pid = opened.pid();
  for (let id = 0; id < 1025; id++) await loseCall(opened, id, { id });
  // The answer to the forgotten call 0 comes while a new call 0 runs.
  const result = await opened.call("release", undefined, { id: 0 });
  assert.equal(answerOf(result), '{"jsonrpc":"2.0","id":0,"result":"released"}');
  assert.equal(opened.log.of("mcp server message dropped").length, 1025);
  assert.equal(await opened.ask("pid"), pid);
});

Deno.test("a cancelled call that the server rightly does not answer frees its slot [A-196]", async () => {
  await using opened = await open();
  const running = opened.call("hold", undefined, { id: 9 });
  const next = opened.ask("echo", "next");
  await opened.notify("notifications/cancelled", { requestId: 9 });
  const result = await running;
  assert.ok(result.type === "failure");
  assert.deepEqual([result.kind, result.statusCode], ["timeout", 504]);
  assert.equal(await next, "next");
});

Deno.test("a cancelled call that the server does answer gets its answer", async () => {
  await using opened = await open();
  const running = opened.ask("hold", "params", { id: 9 });
  await opened.notify("notifications/cancelled", { requestId: 9 });
  await opened.notify("release", undefined);
  assert.deepEqual(await running, { late: "params" });
});

Deno.test("abort while a notification is being delivered does not hold up the reader", async () => {
  await using opened = await open();
  const deadline = new AbortController();
  const never = Promise.withResolvers<void>();
  const lost = opened.call("progress", { count: 2, _meta: { progressToken: 1 } }, {
    signal: deadline.signal,
    observer: {
      notification: () => {
        deadline.abort(new Error("deadline"));
        return never.promise;
      },
    },
  });
  await assert.rejects(lost, /deadline/);
  assert.equal(await opened.ask("echo", "next"), "next");
  never.resolve();
  await eventually(
    "the late answer is dropped",
    () => opened.log.of("mcp server message dropped").length >= 1,
  );
});
