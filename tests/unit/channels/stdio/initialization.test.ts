/** Section 8 of spec 08: what a child may be told before its handshake, and who completes that. */
import assert from "node:assert/strict";
import type { CallResult } from "../../../../src/channels/mod.ts";
import { isSelfContained } from "../../../../src/channels/stdio/initialization_gate.ts";
import {
  childArgv,
  eventually,
  open,
  type Opened,
  requestOf,
  SH,
  textOf,
} from "../../../support/stdio_harness.ts";

const GUARDED = { requireHandshake: true };
const MODERN = {
  _meta: {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
  },
};

function statusOf(result: CallResult): number {
  return result.type === "failure" ? result.statusCode : result.status;
}

/** Methods that the child has read so far; asks in a form that needs no handshake. */
async function heard(opened: Opened): Promise<unknown[]> {
  const lines = await opened.ask("seen", MODERN) as string[];
  return lines.map((line) => JSON.parse(line).method).filter((method) => method !== "seen");
}

Deno.test("a call before the handshake is answered 409 at once, by the agent, and the child hears nothing [A-73, A-76, A-78]", async () => {
  await using opened = await open(GUARDED);
  const early = await opened.call("tools/call", {}, {
    text: '{"jsonrpc":"2.0","id":1e2,"method":"tools/call"}',
  });
  assert(early.type === "preserved");
  assert.deepEqual([early.status, early.errorCode, early.targetElapsedMs], [409, -32002, undefined]);
  assert.equal(
    textOf(early.text),
    '{"jsonrpc":"2.0","id":1e2,"error":{"code":-32002,"message":"MCP server is not initialized; send initialize and ' +
      'notifications/initialized before operational requests","data":{"origin":"tunnel-client",' +
      '"error_type":"mcp_initialization_required"}}}',
  );
  assert.equal(statusOf(await opened.call("initialize")), 200);
  assert.equal(statusOf(await opened.call("tools/call")), 409, "half a handshake is none");
  await opened.notify("notifications/initialized");
  assert.equal(statusOf(await opened.call("tools/call", { name: "x" })), 200);
  assert.deepEqual(await heard(opened), ["initialize", "notifications/initialized", "tools/call"]);
});

Deno.test("with the shim the handshake is complete when initialize is answered, and stays complete once [A-67 … A-71, A-78]", async () => {
  await using opened = await open({ ...GUARDED, sendInitialized: true });
  assert.equal(statusOf(await opened.call("tools/call")), 409);
  const initialized = opened.call("initialize");
  // It waits for its slot: nothing can come between.
  const next = opened.call("tools/call", { name: "x" });
  assert.equal(statusOf(await initialized), 200);
  assert.equal(statusOf(await next), 200);
  await opened.notify("notifications/initialized");
  assert.deepEqual(await heard(opened), ["initialize", "notifications/initialized", "tools/call"]);
  assert.equal(statusOf(await opened.call("initialize")), 200);
  assert.deepEqual(
    (await heard(opened)).slice(3),
    ["initialize", "notifications/initialized"],
    "once per handshake",
  );
});

Deno.test("the shim sends nothing after an initialize that was refused [A-68, A-74]", async () => {
  await using opened = await open({
    ...GUARDED,
    sendInitialized: true,
    argv: childArgv("refuse-initialize"),
  });
  assert.equal((await opened.call("initialize")).type, "response");
  assert.equal(statusOf(await opened.call("tools/call")), 409);
  assert.deepEqual(await heard(opened), ["initialize"]);
});

// Deno 2.7 learns of a closed pipe only at the write after the first one.
const LEARNS_LATE = Deno.version.deno.startsWith("2.7.");

Deno.test("an initialize is answered with a failure when the child takes no more input for the shim [A-70]", {
  ignore: LEARNS_LATE,
}, async () => {
  // Answers initialize after it has closed its standard input.
  const script = 'read line; exec 0<&-; echo \'{"jsonrpc":"2.0","id":1,"result":{}}\'; sleep 60';
  await using opened = await open({ ...GUARDED, sendInitialized: true, argv: [SH, "-c", script] });
  const result = await opened.call("initialize", {}, { id: 1 });
  assert(result.type === "failure");
  assert.deepEqual([result.statusCode, result.kind], [502, "closed_pipe"]);
});

Deno.test("before the handshake ping, discovery, notifications and self-contained requests pass and open nothing [A-73, A-74]", async () => {
  await using opened = await open(GUARDED);
  await opened.notify("notifications/initialized");
  await opened.notify("notifications/other");
  assert.notEqual(statusOf(await opened.call("ping")), 409);
  assert.notEqual(statusOf(await opened.call("server/discover", { code: -32601 })), 409);
  assert.equal(statusOf(await opened.call("tools/call", { ...MODERN, name: "x" })), 200);
  assert.equal(statusOf(await opened.call("initialize", MODERN)), 200);
  await opened.notify("notifications/initialized", MODERN);
  await opened.notify("notifications/initialized");
  assert.equal(statusOf(await opened.call("tools/call")), 409);
});

Deno.test("a connector that begins its handshake shuts no other out, however many share the child [A-199, not A-74]", async () => {
  for (const concurrency of [1, 4]) {
    await using opened = await open({ ...GUARDED, concurrency });
    await opened.call("initialize");
    await opened.call("initialize");
    await opened.notify("notifications/initialized");
    assert.equal(statusOf(await opened.call("tools/call", { name: "x" })), 200);
    await opened.call("initialize");
    assert.equal(statusOf(await opened.call("tools/call", { name: "x" })), 200);
  }
});

Deno.test("a call right behind notifications/initialized waits for that write instead of being refused [A-72]", async () => {
  await using opened = await open({ ...GUARDED, concurrency: 4 });
  await opened.call("initialize");
  const notified = opened.notify("notifications/initialized");
  const calls = [1, 2, 3].map((name) => opened.call("tools/call", { name }));
  for (const result of await Promise.all(calls)) assert.equal(statusOf(result), 200);
  await notified;
});

Deno.test("an initialize whose caller has gone counts when it is answered [A-72]", async () => {
  await using opened = await open({ ...GUARDED, argv: childArgv("hold-initialize"), concurrency: 2 });
  const gone = new AbortController();
  const lost = opened.call("initialize", {}, { signal: gone.signal });
  while (!(await heard(opened)).includes("initialize")) continue;
  gone.abort(new Error("gone"));
  await assert.rejects(lost, /gone/);
  await opened.call("release", MODERN);
  await opened.notify("notifications/initialized");
  assert.equal(statusOf(await opened.call("tools/call", { name: "x" })), 200);
});

Deno.test("the handshake is repeated with a replacement, so that its gate is open too [A-77, A-79]", async () => {
  await using opened = await open(GUARDED);
  await opened.call("initialize");
  await opened.notify("notifications/initialized");
  const before = opened.pid();
  Deno.kill(before, "SIGKILL");
  await eventually("another child", () => opened.channel.processInfo().pid !== before);
  assert.equal(statusOf(await opened.call("tools/call", { name: "x" })), 200);
});

Deno.test("what opened the gate opens that of a replacement, also where a self-contained initialize came after it [A-74, A-79]", async () => {
  for (const sendInitialized of [false, true]) {
    await using opened = await open({ ...GUARDED, sendInitialized });
    await opened.call("initialize", { of: "the handshake" });
    await opened.notify("notifications/initialized");
    assert.equal(statusOf(await opened.call("initialize", MODERN)), 200);
    const before = opened.pid();
    Deno.kill(before, "SIGKILL");
    await eventually("another child", () => opened.channel.processInfo().pid !== before);
    assert.equal(statusOf(await opened.call("tools/call", { name: "x" })), 200);
    assert.deepEqual(await heard(opened), ["initialize", "notifications/initialized", "tools/call"]);
  }
});

for (
  const [meta, expected] of [
    [MODERN._meta, true],
    [{ ...MODERN._meta, "io.modelcontextprotocol/protocolVersion": "2025-11-25" }, false],
    [{ ...MODERN._meta, "io.modelcontextprotocol/protocolVersion": "next" }, false],
    [{ ...MODERN._meta, "io.modelcontextprotocol/clientCapabilities": null }, false],
    [{ ...MODERN._meta, "io.modelcontextprotocol/clientCapabilities": [] }, false],
    [{ "io.modelcontextprotocol/protocolVersion": "2026-07-28" }, false],
    [null, false],
    [[], false],
  ] as const
) {
  Deno.test(`isSelfContained() is ${expected} with _meta ${JSON.stringify(meta)} [A-75]`, () => {
    assert.equal(
      isSelfContained(requestOf({ jsonrpc: "2.0", id: 1, method: "m", params: { _meta: meta } })),
      expected,
    );
  });
}
