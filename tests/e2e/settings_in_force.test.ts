/** Settings as an operator meets them: each one that can be set has an effect that can be seen. */
import assert from "node:assert/strict";
import {
  API_KEY as SCRIPTED_KEY,
  callCommand,
  TUNNEL_ID as SCRIPTED_TUNNEL,
} from "../support/agent_commands.ts";
import { Changes } from "../support/agent_changes.ts";
import { ScriptedControlPlane } from "../support/agent_scripted_control_plane.ts";
import { AgentProgram, API_KEY } from "../support/e2e_agent.ts";
import { Folder } from "../support/e2e_folder.ts";
import { call } from "../support/e2e_json_rpc.ts";
import { TestRelay } from "../support/e2e_relay.ts";
import { result, Target } from "../support/e2e_target.ts";
import { eventually } from "../support/e2e_wait.ts";

Deno.test("the first poll is short, a trace is forwarded, and the answer tells the target's time [A-4, A-51, A-60, A-160]", async () => {
  await using target = new Target((arrival) => result(arrival, "done"));
  const controlPlane = new ScriptedControlPlane(new Changes(), { tunnelId: SCRIPTED_TUNNEL });
  await using agent = await AgentProgram.listening({
    controlPlaneUrl: controlPlane.url,
    args: [
      `--control-plane.tunnel-id=${SCRIPTED_TUNNEL}`,
      `--mcp.server-url=${target.url}`,
      "--control-plane.initial-poll-timeout=250ms",
    ],
    env: { CONTROL_PLANE_API_KEY: SCRIPTED_KEY, MCP_FORWARD_TRACE_CONTEXT: "true" },
  });
  assert.match((await controlPlane.nthPoll(0)).query, /timeout_ms=250$/);
  assert.match((await controlPlane.nthPoll(1)).query, /timeout_ms=30000$/);
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const command = callCommand(1, { params: { n: 1 } });
  controlPlane.deliver(`${command.slice(0, -1)},"trace_context":{"traceparent":"${traceparent}"}}`);
  const { body } = await controlPlane.responseTo("req-1");
  const { transport } = body.resp_timing as { transport: string };
  assert.equal(transport, "streamable_http");
  const arrival = target.arrivals.find(({ message }) => message.method === "tools/call");
  assert.deepEqual(arrival?.message.params, { _meta: { traceparent }, n: 1 });
  controlPlane.finish();
  assert.equal((await agent.stopped()).code, 0);
  await controlPlane.close();
});

Deno.test("raw HTTP logging is warned of once, shows payloads at debug, and never the key [CFG-95, L-15]", async () => {
  await using target = new Target((arrival) => result(arrival, "an answer to be seen"));
  await using relay = await TestRelay.start();
  await using agent = await AgentProgram.serving(relay, {
    logLevel: "debug",
    args: [`--mcp.server-url=${target.url}`, "--log.http-raw-unsafe"],
  });
  assert.equal((await call(relay.mcpUrl, 1, "ask", { text: "a question to be seen" })).status, 200);
  await eventually("the dumps", () => agent.events("raw http response").length >= 2);
  assert.equal((await agent.stopped()).code, 0);
  const warnings = agent.log().filter(({ msg }) => msg.startsWith("Raw HTTP logging enabled"));
  assert.deepEqual(warnings.map(({ level }) => level.toLowerCase()), ["warn"]);
  const dumps = (component: string, what: "request" | "response") =>
    agent.events(`raw http ${what}`).filter((line) => line.component === component)
      .map(({ dump }) => String(dump)).join("\n");
  assert.match(dumps("mcpclient", "request"), /a question to be seen/);
  assert.match(dumps("mcpclient", "response"), /an answer to be seen/);
  assert.match(dumps("controlplane", "request"), /POST \/v1\/tunnels\/[^]*an answer to be seen/);
  assert.doesNotMatch(dumps("controlplane", "request"), /\/poll/);
  assert.ok(!agent.program.stdout.includes(API_KEY));
});

Deno.test(
  "open-web-ui opens the page at start [CFG-103]",
  { ignore: Deno.build.os !== "linux" },
  async () => {
    await using folder = new Folder();
    const seen = folder.file("seen");
    await Deno.writeTextFile(folder.file("xdg-open"), `#!/bin/sh\nprintf "%s" "$1" > ${seen}\n`, {
      mode: 0o755,
    });
    await using target = new Target((arrival) => result(arrival, "done"));
    await using relay = await TestRelay.start();
    await using agent = await AgentProgram.serving(relay, {
      args: [`--mcp.server-url=${target.url}`, "--open-web-ui", "--allow-remote-ui"],
      env: { DISPLAY: ":7", PATH: `${folder.file("")}:${Deno.env.get("PATH")}` },
    });
    await eventually("the page is opened", async () => await folder.read("seen") === `${agent.healthUrl}/ui`);
    assert.equal((await fetch(`${agent.healthUrl}/ui`).then((page) => page.text())).length > 0, true);
    assert.equal((await agent.stopped()).code, 0);
  },
);
