import assert from "node:assert/strict";
import { AgentProgram } from "../support/e2e_agent.ts";
import { Folder } from "../support/e2e_folder.ts";
import { call, postText } from "../support/e2e_json_rpc.ts";
import { CHECKOUT, tunnelClient } from "../support/e2e_program.ts";

const INITIALIZE = {
  protocolVersion: "2025-06-18",
  capabilities: {},
  clientInfo: { name: "sample test", version: "1" },
};

Deno.test("samples/mcp-server and samples/relay work as they stand", async () => {
  await using folder = new Folder();
  await using relay = tunnelClient([
    "relay",
    `--tunnels-file=${CHECKOUT}samples/relay/tunnels.json`,
    "--print-json",
  ], {
    env: {
      FIRST_AGENT_KEY: "first-agent-key",
      FIRST_CONNECTOR_KEY: "first-connector-key",
      SECOND_AGENT_KEY: "second-agent-key",
      SECOND_AGENT_KEY_NEW: "second-agent-key-new",
    },
  });
  await relay.untilPrinted(/^\}\n/m);
  const { control_plane_base_url: base, tunnels } = JSON.parse(relay.stdout);
  const [first] = tunnels;
  await using agent = await AgentProgram.listening({
    controlPlaneUrl: base,
    args: [
      `--control-plane.tunnel-id=${first.tunnel_id}`,
      "--control-plane.api-key=env:SAMPLE_KEY",
      `--mcp.command=${Deno.execPath()} run --no-lock ${CHECKOUT}samples/mcp-server/weather.ts`,
      `--log.file=${folder.file("agent.log")}`,
    ],
    env: { SAMPLE_KEY: "first-agent-key" },
  });
  await agent.untilReadyz(200, /^ready/);

  const headers = { "x-tunnel-connector-key": "first-connector-key" };
  const opened = await call(first.mcp_url, 1, "initialize", INITIALIZE, { headers });
  assert.equal(opened.status, 200);
  const initialized = JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" });
  assert.ok((await postText(first.mcp_url, initialized, { headers })).status < 300);
  const answer = await call(first.mcp_url, 2, "tools/call", {
    name: "temperature",
    arguments: { city: "Oslo" },
  }, { headers });
  assert.deepEqual((answer.result as { structuredContent: unknown }).structuredContent, { celsius: 4 });
  assert.equal((await call(first.mcp_url, 3, "ping")).status, 401, "without the connector key");
  assert.equal((await agent.stopped()).code, 0);
});
