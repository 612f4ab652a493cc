import assert from "node:assert/strict";
import { AgentProgram, API_KEY } from "../support/e2e_agent.ts";
import { Front } from "../support/e2e_front.ts";
import { call } from "../support/e2e_json_rpc.ts";
import { tunnelClientEnd } from "../support/e2e_program.ts";
import { TestRelay, TUNNEL_ID } from "../support/e2e_relay.ts";
import { freePort } from "../support/e2e_servers.ts";
import { Target } from "../support/e2e_target.ts";
import { eventually } from "../support/e2e_wait.ts";

function runArgs(controlPlaneUrl: string, ...more: string[]): string[] {
  return [
    "run",
    `--control-plane.base-url=${controlPlaneUrl}`,
    `--control-plane.tunnel-id=${TUNNEL_ID}`,
    "--health.listen-addr=127.0.0.1:0",
    ...more,
  ];
}

const ENV = { CONTROL_PLANE_API_KEY: API_KEY };

Deno.test("a refused key and a control plane that is not there show in readiness, and heal without a restart [P-46]", async () => {
  await using target = new Target();
  await using strict = await TestRelay.start({}, "another-key");
  await using open = await TestRelay.start();
  await using front = new Front({ upstream: strict.url });
  const args = [`--mcp.server-url=${target.url}`];
  const port = freePort();

  await using refused = await AgentProgram.listening({ controlPlaneUrl: front.url, args });
  await using alone = await AgentProgram.listening({ controlPlaneUrl: `http://127.0.0.1:${port}`, args });
  assert.equal(
    await refused.untilReadyz(503, /refuses/),
    "control plane refuses the API key (401): check control-plane.api-key",
  );
  await alone.untilReadyz(503, /control plane not reached/);
  assert.equal((await refused.get("/healthz")).status, 200);
  assert.equal((await alone.get("/healthz")).status, 200);
  assert.equal(
    refused.events("control plane refuses the API key; check the key and its access to this tunnel").length,
    1,
  );

  // The slow end of the backoff is 10 s; both wait for it at the same time.
  front.upstream = open.url;
  await using late = new Front({ upstream: open.url, port });
  await open.polled();
  await eventually("both poll", () => open.counts.openPolls === 2);
  for (let id = 0; id < 2; id++) assert.equal((await call(open.mcpUrl, id, "ping")).status, 200);
  assert.ok(late.requests.length > 0);
  const ends = await Promise.all([refused.stopped(), alone.stopped()]);
  assert.deepEqual(ends.map(({ code }) => code), [0, 0]);
});

Deno.test("an idle agent is ready again soon after its control plane is back, not after a whole poll wait", async () => {
  await using target = new Target();
  await using relay = await TestRelay.start();
  const port = freePort();
  await using agent = await AgentProgram.listening({
    controlPlaneUrl: `http://127.0.0.1:${port}`,
    args: [`--mcp.server-url=${target.url}`],
  });
  await agent.untilReadyz(503, /control plane not reached/);
  await using _front = new Front({ upstream: relay.url, port });
  await relay.polled();
  await agent.untilReadyz(200, /^ready/, 5_000);
  assert.equal((await agent.stopped()).code, 0);
});

Deno.test("an agent that cannot reach its control plane stops at once when it is told to", async () => {
  await using target = new Target();
  await using agent = await AgentProgram.listening({
    controlPlaneUrl: `http://127.0.0.1:${freePort()}`,
    args: [`--mcp.server-url=${target.url}`],
  });
  await agent.untilEvent("poll failed; backing off");
  const startedAt = performance.now();
  assert.equal((await agent.stopped()).code, 0);
  assert.ok(performance.now() - startedAt < 3_000);
});

Deno.test("an MCP server that is not there is said in readiness, its calls are answered, and it may come later [PB-12]", async () => {
  await using relay = await TestRelay.start();
  const port = freePort();
  await using agent = await AgentProgram.listening({
    controlPlaneUrl: relay.url,
    args: [`--mcp.server-url=http://127.0.0.1:${port}/mcp?token=in-the-url`],
  });
  const body = await agent.untilReadyz(503, /mcp probe failed/);
  assert.doesNotMatch(body, /in-the-url/);
  const startedAt = performance.now();
  const answer = await call(relay.mcpUrl, "a", "tools/list");
  assert.ok(performance.now() - startedAt < 3_000);
  assert.equal(answer.status, 502);
  assert.equal(answer.id, "a");
  assert.equal(answer.error?.code, -32603);
  await using target = new Target(undefined, port);
  await agent.untilReadyz(200, /^ready/);
  assert.equal((await call(relay.mcpUrl, 1, "ping")).status, 200);
  assert.equal(target.arrivals.length, 1);
  assert.equal((await agent.stopped()).code, 0);
});

Deno.test("--mcp.startup-wait-timeout: nothing is polled until the MCP server is there, and no call fails [T-10]", async () => {
  await using relay = await TestRelay.start();
  await using front = new Front({ upstream: relay.url });
  const port = freePort();
  await using agent = await AgentProgram.listening({
    controlPlaneUrl: front.url,
    args: [`--mcp.server-url=http://127.0.0.1:${port}/mcp`, "--mcp.startup-wait-timeout=20s"],
  });
  await agent.untilEvent("retrying MCP startup probe");
  assert.ok(!front.requests.some((line) => line.endsWith("/poll")), "it has polled");
  await using target = new Target(undefined, port);
  await agent.untilReadyz(200, /^ready/);
  await relay.polled();
  assert.equal((await call(relay.mcpUrl, 1, "ping")).status, 200);
  assert.equal(target.arrivals.length, 1);
  assert.equal((await agent.stopped()).code, 0);
});

Deno.test("a port that is taken ends the start with exit code 1, before anything was polled [R-11]", async () => {
  await using target = new Target();
  await using relay = await TestRelay.start();
  await using front = new Front({ upstream: relay.url });
  const end = await tunnelClientEnd(
    runArgs(front.url, `--mcp.server-url=${target.url}`, `--health.listen-addr=127.0.0.1:${target.port}`),
    { env: ENV },
  );
  assert.equal(end.code, 1);
  assert.match(end.stderr, /^start tunnel-client: .*address already in use/m);
  assert.doesNotMatch(end.stderr, /\n\s+at /);
  assert.deepEqual(front.requests, []);
});

Deno.test("a command that does not exist ends the start with exit code 1 and its name [ST-4]", async () => {
  await using relay = await TestRelay.start();
  await using front = new Front({ upstream: relay.url });
  for (const command of ["no-such-program-e2e --flag", "/no/such/path/e2e", CHECKOUT_FILE]) {
    const end = await tunnelClientEnd(runArgs(front.url, `--mcp.command=${command}`), { env: ENV });
    assert.equal(end.code, 1, end.stderr);
    assert.match(end.stderr, /^start tunnel-client: /m);
    assert.ok(end.stderr.includes(command.split(" ")[0]!), end.stderr);
    assert.doesNotMatch(end.stderr, /\n\s+at /);
  }
  assert.deepEqual(front.requests, []);
});

/** A file that is there and cannot be executed. */
const CHECKOUT_FILE = new URL("../../deno.json", import.meta.url).pathname;

Deno.test("a configuration that cannot work ends with exit code 1, the cause and what to do [R-29, R-30]", async () => {
  const tunnel = `--control-plane.tunnel-id=${TUNNEL_ID}`;
  const url = "--mcp.server-url=http://127.0.0.1:9/mcp";
  const cases: readonly (readonly [string[], Record<string, string>, RegExp])[] = [
    [[url], ENV, /tunnel ID is required/],
    [[tunnel, url], {}, /control plane API key is required/],
    [[tunnel], ENV, /main channel is required.*set --mcp\.server-url or --mcp\.command/],
    [[tunnel, url, "--control-plane.api-key=plain-key-on-the-command-line"], {}, /api-key.*env:/],
    [[tunnel, url, "--log.level=debug"], ENV, /log level requires a log format/],
    [[tunnel, url, "--shutdown.drain-timeout=soon"], ENV, /drain-timeout/],
    [[tunnel, url, "--mcp.serverurl=x"], ENV, /mcp\.serverurl.*mcp\.server-url/s],
  ];
  await Promise.all(cases.map(async ([args, env, message]) => {
    const end = await tunnelClientEnd(["run", ...args], { env });
    assert.equal(end.code, 1, `${args}: ${end.stderr}`);
    assert.match(end.stderr, message);
    assert.doesNotMatch(end.stderr, /\n\s+at |plain-key-on-the-command-line/);
    assert.equal(end.stdout, "");
  }));
});

Deno.test("a log file that cannot be opened and a PID file that cannot be written end the start with exit code 1", async () => {
  await using relay = await TestRelay.start();
  await using front = new Front({ upstream: relay.url });
  await using target = new Target();
  for (const flag of ["--log.file=/no/such/folder/log", "--pid.file=/no/such/folder/pid"]) {
    const end = await tunnelClientEnd(runArgs(front.url, `--mcp.server-url=${target.url}`, flag), {
      env: ENV,
    });
    assert.equal(end.code, 1, end.stderr);
    assert.match(end.stderr, /^start tunnel-client: .*\/no\/such\/folder/m);
  }
  assert.deepEqual(front.requests, []);
});
