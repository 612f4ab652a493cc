import assert from "node:assert/strict";
import { AgentProgram, API_KEY } from "../support/e2e_agent.ts";
import { Folder } from "../support/e2e_folder.ts";
import { call } from "../support/e2e_json_rpc.ts";
import { Program, PROGRAM_IS_OLD, tunnelClient, tunnelClientEnd } from "../support/e2e_program.ts";
import { TestRelay, TUNNEL_ID } from "../support/e2e_relay.ts";
import { Target } from "../support/e2e_target.ts";

const IS_WINDOWS = Deno.build.os === "windows";
const ENV = { CONTROL_PLANE_API_KEY: API_KEY };

/** Deno 2.7 opens files on the main thread: the pipe would stop the whole program, and not just its start. */
const CANNOT_BLOCK = IS_WINDOWS || PROGRAM_IS_OLD;

/** A start that never comes to its end: reading the PID file waits for somebody to write to it. */
async function blockedRun(folder: Folder): Promise<Program> {
  const pidFile = folder.file("agent.pid");
  await using maker = new Program(["mkfifo", pidFile]);
  assert.equal((await maker.ended()).code, 0);
  const program = tunnelClient([
    "run",
    "--embedded-mcp-stub",
    `--control-plane.tunnel-id=${TUNNEL_ID}`,
    "--control-plane.base-url=http://127.0.0.1:9",
    "--health.listen-addr=127.0.0.1:0",
    `--pid.file=${pidFile}`,
  ], { env: ENV });
  await program.untilPrinted(/uppercase/);
  return program;
}

Deno.test("a signal in the middle of the start ends it with exit code 1 and says so [R-29]", {
  ignore: CANNOT_BLOCK,
}, async () => {
  await using folder = new Folder();
  await using program = await blockedRun(folder);
  const { code, stderr } = await program.stopped(10_000);
  assert.equal(code, 1);
  assert.match(stderr, /^start tunnel-client: SIGTERM before everything was up\n$/m);
});

Deno.test("a start that takes too long ends with exit code 1 after 15 seconds [R-10]", {
  ignore: CANNOT_BLOCK,
}, async () => {
  await using folder = new Folder();
  const startedAt = performance.now();
  await using program = await blockedRun(folder);
  const { code, stderr } = await program.ended(40_000);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^start tunnel-client: not everything was up after 15 s; look for a file or a socket/m,
  );
  assert.ok(performance.now() - startedAt > 14_000);
});

Deno.test("run logs one summary of where everything is, without paths, arguments and secrets of the target [R-22]", async () => {
  await using target = new Target();
  await using relay = await TestRelay.start();
  await using agent = await AgentProgram.serving(relay, {
    args: [`--mcp.server-url=${target.url}?token=in-the-url`],
  });
  await agent.untilEvent("tunnel-client startup summary");
  const [summary, ...more] = agent.events("tunnel-client startup summary");
  assert.deepEqual(more, []);
  const { health_url, ui_url, metrics_url, health_url_file, config_source } = summary!;
  assert.deepEqual([health_url, ui_url, metrics_url], [
    agent.healthUrl,
    `${agent.healthUrl}/ui`,
    `${agent.healthUrl}/metrics`,
  ]);
  assert.equal(health_url_file, agent.folder.file("health.url"));
  assert.equal(config_source, "flags/environment");
  assert.equal(summary!.tunnel_id, TUNNEL_ID);
  assert.deepEqual([summary!.mcp_target_kind, summary!.mcp_target_value], [
    "http-streamable",
    new URL(target.url).origin,
  ]);
  assert.equal((await agent.stopped()).code, 0);
  assert.doesNotMatch(agent.program.stdout + agent.program.stderr, /in-the-url/);
});

Deno.test("health says of a real agent that it is well, and that it has polled [H-4, H-6, W-6]", async () => {
  await using target = new Target();
  await using relay = await TestRelay.start();
  await using agent = await AgentProgram.serving(relay, { args: [`--mcp.server-url=${target.url}`] });
  // The first poll ends when it brings something.
  assert.equal((await call(relay.mcpUrl, 1, "ping")).status, 200);
  const file = agent.folder.file("health.url");
  const asked = [
    `--url-file=${file}`,
    `--pid-file=${agent.folder.file("agent.pid")}`,
    "--require-control-plane-poll",
    "--max-poll-age=1h",
    "--json",
  ];
  const { code, stdout, stderr } = await tunnelClientEnd(["health", ...asked, "--wait=20s"]);
  assert.deepEqual([code, stderr], [0, ""], stdout);
  const report = JSON.parse(stdout);
  assert.equal(report.base_url, agent.healthUrl);
  assert.ok(Math.abs(report.control_plane_poll.value - Date.now() / 1000) < 600);
  assert.equal(report.process.pid, agent.program.pid);
  assert.equal((await agent.stopped()).code, 0);

  const gone = await tunnelClientEnd(["health", ...asked]);
  assert.deepEqual([gone.code, gone.stderr], [2, ""]);
  assert.match(JSON.parse(gone.stdout).locator.error, /it does not exist/);
});

Deno.test("health asks a real agent over its Unix socket [H-2]", { ignore: IS_WINDOWS }, async () => {
  await using target = new Target();
  await using relay = await TestRelay.start();
  await using folder = new Folder();
  const socket = folder.file("health.sock");
  await using agent = tunnelClient([
    "run",
    `--control-plane.base-url=${relay.url}`,
    `--control-plane.tunnel-id=${TUNNEL_ID}`,
    `--mcp.server-url=${target.url}`,
    `--health.unix-socket=${socket}`,
    `--health.url-file=${folder.file("health.url")}`,
  ], { env: ENV });
  await agent.until("URL file", () => folder.exists("health.url"));
  for (const locator of [`--unix-socket=${socket}`, `--url-file=${folder.file("health.url")}`]) {
    const { code, stdout } = await tunnelClientEnd(["health", locator, "--wait=20s"]);
    assert.equal(code, 0, stdout);
  }
  assert.equal((await agent.stopped()).code, 0);
});
