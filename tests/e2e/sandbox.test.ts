import assert from "node:assert/strict";
import { AgentProgram } from "../support/e2e_agent.ts";
import { call } from "../support/e2e_json_rpc.ts";
import { TestRelay } from "../support/e2e_relay.ts";
import { Target } from "../support/e2e_target.ts";

const CHILD = new URL("../support/stdio_child.ts", import.meta.url).pathname;

/** A target that sends every call elsewhere. */
function redirecting(to: () => string): Target {
  return new Target(() => new Response(null, { status: 307, headers: { location: to() } }));
}

Deno.test("the agent may reach what its profile names and nothing else, and says what that is", async () => {
  await using relay = await TestRelay.start();
  await using elsewhere = new Target();
  await using target = redirecting(() => elsewhere.url);
  await using agent = await AgentProgram.serving(relay, {
    args: [
      `--mcp.server-url=${target.url}`,
      `--mcp.command=channel=child,command=${Deno.execPath()} run -A --no-check --quiet ${CHILD} plain`,
    ],
  });
  const logged = agent.events("agent permissions")[0];
  assert.equal(logged?.mode, "strict");
  const net = [new URL(relay.url).host, `127.0.0.1:${target.port}`].sort();
  assert.deepEqual(logged?.net, net);
  const run = logged?.run as string[];
  assert.ok(run.includes(Deno.execPath()), `${run}`);
  assert.ok(run.every((path) => path === Deno.execPath() || /\/kill$/.test(path)), `${run}`);

  const answer = await call(relay.mcpUrl, 1, "work");
  assert.notEqual(answer.status, 200);
  assert.equal(elsewhere.arrivals.length, 0, "it went where its profile does not lead");
  assert.equal((await call(`${relay.mcpUrl}/child`, 1, "echo", { a: 1 })).result.a, 1);

  const { body } = await agent.get("/api/status");
  assert.deepEqual(JSON.parse(body).sandbox, {
    mode: "strict",
    permissions: [...net.map((peer) => `net ${peer}`), ...run.map((path) => `run ${path}`)],
  });
  assert.equal((await agent.stopped()).code, 0);
});

Deno.test("--sandbox off lets the agent go where the process may go, and warns of it", async () => {
  await using relay = await TestRelay.start();
  await using elsewhere = new Target();
  await using target = redirecting(() => elsewhere.url);
  await using agent = await AgentProgram.serving(relay, {
    args: [`--mcp.server-url=${target.url}`, "--sandbox=off"],
  });
  // The same redirect as above: what stopped it there was the sandbox.
  assert.equal((await call(relay.mcpUrl, 1, "work")).status, 200);
  assert.equal(elsewhere.arrivals.length, 1);
  const warning = agent.log().find(({ msg }) => /sandbox is off/.test(msg));
  assert.equal(warning?.level, "WARN");
  const status = JSON.parse((await agent.get("/api/status")).body);
  assert.equal(status.sandbox.mode, "off");
  assert.match(status.warnings[0], /sandbox is off/);
  assert.equal((await agent.stopped()).code, 0);
});
