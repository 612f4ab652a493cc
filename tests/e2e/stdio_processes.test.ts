import assert from "node:assert/strict";
import { AgentProgram } from "../support/e2e_agent.ts";
import { connect } from "../support/e2e_clients.ts";
import { call, handshake, postText } from "../support/e2e_json_rpc.ts";
import { killAllWith, MARK_VARIABLE, processesWith } from "../support/e2e_processes.ts";
import { tunnelClient } from "../support/e2e_program.ts";
import { assertNothingLost, TestRelay, TUNNEL_ID } from "../support/e2e_relay.ts";
import { EVERYTHING_STDIO } from "../support/e2e_servers.ts";
import { eventually } from "../support/e2e_wait.ts";

const SCRIPT = new URL("../support/stdio_child.ts", import.meta.url).pathname;

/** Command line of the scripted server. */
function scripted(...flags: string[]): string {
  return [Deno.execPath(), "run", "-A", "--no-check", "--quiet", SCRIPT, ...flags].join(" ");
}

/** Everything that carries the agent's mark, without the agent itself. */
function childrenOf({ mark, program }: AgentProgram) {
  return processesWith(mark).filter(({ pid }) => pid !== program.pid);
}

/** No process that the agent started is there; ends those that are, so that they do not outlive the test. */
function assertNothingLeft({ mark }: Pick<AgentProgram, "mark">): void {
  const left = processesWith(mark).map(({ commandLine }) => commandLine);
  killAllWith(mark);
  assert.deepEqual(left, []);
}

Deno.test("a stdio child that is killed in the middle of a call is answered fast and replaced [A-80]", async () => {
  await using relay = await TestRelay.start();
  await using agent = await AgentProgram.serving(relay, {
    args: [`--mcp.command=${scripted("plain")}`, "--mcp.stdio-concurrency=2"],
  });
  await handshake(relay.mcpUrl);
  const { result: firstPid } = await call(relay.mcpUrl, 1, "pid");
  const lost = call(relay.mcpUrl, 2, "hold", { text: "never answered" });
  await eventually("the call has reached the child", async () => {
    const { result: lines } = await call(relay.mcpUrl, 3, "seen");
    return lines.some((line: string) => line.includes('"hold"'));
  });

  const killedAt = performance.now();
  Deno.kill(firstPid, "SIGKILL");
  const answer = await lost;
  const answeredAfterMs = performance.now() - killedAt;
  assert.ok(answeredAfterMs < 1_000, `answered after ${answeredAfterMs} ms`);
  assert.equal(answer.id, 2);
  assert.equal(answer.status, 502);
  assert.equal(answer.error?.code, -32603);
  assert.equal((answer.error?.data?.tunnel_failure as { source: string }).source, "transport_closed");

  // No new handshake: the agent has repeated the last one with the new child.
  const { result: secondPid } = await call(relay.mcpUrl, 4, "pid");
  assert.notEqual(secondPid, firstPid);
  const { result: lines } = await call(relay.mcpUrl, 5, "seen");
  const methods = lines.map((line: string) => JSON.parse(line).method);
  assert.deepEqual(methods, ["initialize", "notifications/initialized", "pid"]);
  assert.equal(await agent.metric("mcp_stdio_restarts_total"), 1);
  assert.match(String(agent.events("stdio MCP command exited")[0]?.reason), /SIGKILL|signal/);

  assert.equal((await agent.stopped()).code, 0);
  assertNothingLost(relay.counts);
  assertNothingLeft(agent);
});

Deno.test("an official client does not notice that its stdio server was killed between two calls", async () => {
  await using relay = await TestRelay.start();
  await using agent = await AgentProgram.serving(relay, {
    args: [`--mcp.command=${EVERYTHING_STDIO.join(" ")}`],
  });
  await using client = await connect("v1", relay.mcpUrl);
  for (let round = 1; round <= 3; round++) {
    const reply = await client.callTool("get-sum", { a: round, b: 1 });
    assert.equal(reply.content[0].text, `The sum of ${round} and 1 is ${round + 1}.`);
    for (const { pid } of childrenOf(agent)) Deno.kill(pid, "SIGKILL");
    await eventually("its end is noticed", () => agent.events("stdio MCP command exited").length === round);
  }
  assert.equal(
    (await client.callTool("echo", { message: "still here" })).content[0].text,
    "Echo: still here",
  );
  assert.equal((await agent.stopped()).code, 0);
  assertNothingLost(relay.counts);
  assertNothingLeft(agent);
});

Deno.test("calls that run and wait at a serial child when SIGTERM comes are all answered", async () => {
  await using relay = await TestRelay.start();
  await using agent = await AgentProgram.serving(relay, { args: [`--mcp.command=${scripted("plain")}`] });
  await handshake(relay.mcpUrl);
  const calls = [1, 2, 3, 4, 5].map((id) => call(relay.mcpUrl, id, "stall", { ms: 200 }));
  await eventually("all delivered", () => relay.counts.inFlight === 5);
  const end = await agent.stopped();
  assert.equal(end.code, 0, end.stderr);
  for (const answer of await Promise.all(calls)) assert.equal(answer.result, "awake");
  assertNothingLost(relay.counts);
  assertNothingLeft(agent);
});

Deno.test("no process is left behind: not of a shell, not a grandchild, not one that ignores SIGTERM [ST-20]", async () => {
  await using relay = await TestRelay.start();
  await using agent = await AgentProgram.serving(relay, {
    args: [
      `--mcp.command=${scripted("plain")}`,
      `--mcp.command=channel=shell,command=sh -c 'sleep 1000 & ${scripted("plain")}; sleep 1000'`,
      `--mcp.command=channel=stubborn,command=${scripted("plain", "ignore-term", "ignore-eof")}`,
    ],
  });
  const grandchildren = [];
  for (const channel of ["", "/shell", "/stubborn"]) {
    const url = relay.mcpUrl + channel;
    await handshake(url);
    grandchildren.push((await call(url, 1, "spawn")).result);
    assert.deepEqual((await call(url, 2, "echo", { channel })).result, { channel });
  }
  const before = childrenOf(agent);
  // Three servers, the shell with its sleep, and one grandchild of each server.
  assert.equal(before.length, 8, JSON.stringify(before.map(({ commandLine }) => commandLine)));
  assert.ok(grandchildren.every((pid) => before.some((process) => process.pid === pid)));
  const end = await agent.stopped();
  assert.equal(end.code, 0, end.stderr);
  assertNothingLeft(agent);
  assertNothingLost(relay.counts);
});

Deno.test("a stdio server that cannot stay up shows in readiness with its last words, and calls fail fast", async () => {
  await using relay = await TestRelay.start();
  await using agent = await AgentProgram.listening({
    controlPlaneUrl: relay.url,
    args: [`--mcp.command=${scripted("plain", "die-at-once")}`],
  });
  await relay.polled();
  const body = await agent.untilReadyz(503, /channel main failed/);
  assert.match(body, /cannot open .*database/);
  const startedAt = performance.now();
  const answer = await call(relay.mcpUrl, 1, "initialize");
  assert.ok(performance.now() - startedAt < 5_000);
  assert.equal(answer.status, 502);
  assert.equal(answer.error?.code, -32603);
  assert.equal((await agent.stopped()).code, 0);
  assertNothingLost(relay.counts);
  assertNothingLeft(agent);
});

Deno.test("SIGTERM while the agent starts leaves no stdio child behind", async () => {
  const mark = `e2e-${crypto.randomUUID()}`;
  await using relay = await TestRelay.start();
  await using program = tunnelClient([
    "run",
    `--control-plane.base-url=${relay.url}`,
    `--control-plane.tunnel-id=${TUNNEL_ID}`,
    "--health.listen-addr=127.0.0.1:0",
    `--mcp.command=${scripted("plain", "ignore-term", "ignore-eof")}`,
  ], { env: { CONTROL_PLANE_API_KEY: "e2e-agent-key", [MARK_VARIABLE]: mark } });
  await program.until("child", () => processesWith(mark).length > 1);
  const end = await program.stopped();
  assertNothingLeft({ mark });
  assert.ok(end.code === 0 || end.code === 1, `exit code ${end.code}`);
});

const REVISION = "2026-07-28";
const META = {
  "io.modelcontextprotocol/protocolVersion": REVISION,
  "io.modelcontextprotocol/clientCapabilities": {},
};

for (const vouches of [true, false]) {
  Deno.test(`a connector of 2026-07-28 finds an HTTP server before a stdio server; what is missing is ${vouches ? "refused" : "let pass"} where the relay ${vouches ? "vouches" : "does not vouch"} for headers [connector-headers]`, async () => {
    await using relay = await TestRelay.start({ withoutFeatures: vouches ? [] : ["connector-headers"] });
    await using agent = await AgentProgram.serving(relay, { args: [`--mcp.command=${scripted()}`] });
    const ask = async (method: string, params: object, headers: Record<string, string>) => {
      const { status, error } = await call(relay.mcpUrl, 1, method, { _meta: META, ...params }, { headers });
      return [status, error?.code];
    };
    const version = { "MCP-Protocol-Version": REVISION };
    const raise = { ...version, "Mcp-Method": "raise" };
    await handshake(relay.mcpUrl);
    assert.deepEqual(await ask("raise", { code: -32021 }, raise), [400, -32021]);
    assert.deepEqual(await ask("raise", { code: -32601 }, raise), [404, -32601]);
    assert.deepEqual(await ask("raise", { code: -32602 }, raise), [200, -32602]);
    assert.deepEqual(await ask("raise", { code: -32602, _meta: {} }, raise), [400, -32602]);
    assert.deepEqual(await ask("raise", { code: -1 }, { ...raise, "Mcp-Method": "Raise" }), [400, -32020]);
    const tool = { ...version, "Mcp-Method": "tools/call" };
    assert.deepEqual(await ask("tools/call", { name: "a" }, { ...tool, "Mcp-Name": "b" }), [400, -32020]);
    // What a published control plane with an older connector, or one that drops headers, would bring.
    const published = [200, -32601];
    const missing = vouches ? [400, -32020] : published;
    assert.deepEqual(await ask("raise", { code: -32601 }, version), missing);
    assert.deepEqual(
      await ask("tools/call", { name: "a" }, tool),
      vouches ? [400, -32020] : [200, undefined],
    );
    const earlier = { "MCP-Protocol-Version": "2025-11-25", "Mcp-Method": "other" };
    assert.deepEqual(await ask("raise", { code: -32601, _meta: {} }, earlier), published);
    assert.deepEqual(await ask("raise", { code: -32601, _meta: {} }, {}), published);
    assert.equal((await agent.stopped()).code, 0);
    assertNothingLeft(agent);
    assertNothingLost(relay.counts);
  });
}

Deno.test("at --mcp.stdio-concurrency 1 an open subscription holds up no call, and the stop not either", async () => {
  await using relay = await TestRelay.start();
  await using agent = await AgentProgram.serving(relay, {
    args: [`--mcp.command=${scripted()}`, "--mcp.stdio-concurrency=1", "--mcp.max-concurrent-requests=1"],
  });
  const headers = {
    accept: "application/json, text/event-stream",
    "MCP-Protocol-Version": REVISION,
    "Mcp-Method": "subscriptions/listen",
  };
  await handshake(relay.mcpUrl);
  const subscriptions = Array.from({ length: 3 }, (_, at) => {
    const message = { jsonrpc: "2.0", id: `s${at}`, method: "subscriptions/listen", params: { _meta: META } };
    return postText(relay.mcpUrl, JSON.stringify(message), { headers });
  });
  await eventually("the server has all of them", async () => {
    const { result } = await call(relay.mcpUrl, 1, "change");
    return result === 3;
  });
  for (let id = 2; id < 12; id++) assert.equal((await call(relay.mcpUrl, id, "echo", [id])).result[0], id);
  const stoppedAt = performance.now();
  assert.equal((await agent.stopped()).code, 0);
  const stopMs = performance.now() - stoppedAt;
  assert.ok(stopMs < 10_000, `stopped after ${stopMs} ms`);
  for (const [at, { text }] of (await Promise.all(subscriptions)).entries()) {
    assert.match(text, /notifications\/subscriptions\/acknowledged/);
    assert.match(text, new RegExp(`"io.modelcontextprotocol/subscriptionId":"s${at}"`));
    assert.match(text, new RegExp(`"id":"s${at}","error"`));
  }
  assertNothingLeft(agent);
  assertNothingLost(relay.counts);
});

Deno.test("a call before the handshake is refused at once; with the shim the connector's initialize is all it takes [A-67, A-78]", async () => {
  for (const shim of [false, true]) {
    await using relay = await TestRelay.start();
    await using agent = await AgentProgram.serving(relay, {
      args: [
        `--mcp.command=${scripted("plain")}`,
        ...(shim ? ["--mcp.stdio-send-initialized-notification"] : []),
      ],
    });
    const early = await call(relay.mcpUrl, 1, "echo", {});
    assert.deepEqual([early.status, early.id, early.error?.code], [409, 1, -32002]);
    assert.equal(early.error?.data?.error_type, "mcp_initialization_required");
    assert.equal((await call(relay.mcpUrl, 2, "initialize", {})).status, 200);
    assert.equal((await call(relay.mcpUrl, 3, "echo", {})).status, shim ? 200 : 409);
    const notified = await postText(relay.mcpUrl, '{"jsonrpc":"2.0","method":"notifications/initialized"}');
    assert.ok(notified.status < 300, `${notified.status}`);
    const { result: lines } = await call(relay.mcpUrl, 4, "seen");
    const methods = lines.map((line: string) => JSON.parse(line).method);
    const handshakes = ["initialize", "notifications/initialized"];
    assert.deepEqual(methods, shim ? [...handshakes, "echo"] : handshakes);
    assert.equal((await agent.stopped()).code, 0);
    assertNothingLost(relay.counts);
    assertNothingLeft(agent);
  }
});
