import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { AgentProgram, API_KEY } from "../support/e2e_agent.ts";
import { Folder } from "../support/e2e_folder.ts";
import { call } from "../support/e2e_json_rpc.ts";
import { tunnelClient } from "../support/e2e_program.ts";
import { TestRelay, TUNNEL_ID } from "../support/e2e_relay.ts";
import { result, Target } from "../support/e2e_target.ts";
import { startProxy } from "../support/net_proxies.ts";
import { startSocketPipe } from "../support/network_peers.ts";

const SOCKET_VARIABLE = "TUNNEL_INTEGRATION_TUNNEL_SERVICE_SOCKET_PATH";

Deno.test("control plane and target are reached through Unix sockets, past every proxy; Host stays the URL's [P-7, CFG-54, US-1, US-3]", async () => {
  await using folder = new Folder();
  await using relay = await TestRelay.start({ allowedHosts: ["control.example"] });
  await using target = new Target((arrival) => result(arrival, { host: arrival.headers.get("host") }));
  await using controlSocket = await startSocketPipe(folder.file("cp.sock"), Number(new URL(relay.url).port));
  await using targetSocket = await startSocketPipe(folder.file("mcp.sock"), target.port);
  await using proxy = startProxy();
  await using agent = await AgentProgram.listening({
    controlPlaneUrl: "http://control.example",
    args: [
      `--http-proxy=${proxy.url}`,
      `--mcp.server-url=channel=main,url=http://mcp.example/mcp,unix-socket=${folder.file("mcp.sock")}`,
    ],
    env: { [SOCKET_VARIABLE]: folder.file("cp.sock"), HTTP_PROXY: proxy.url },
  });
  await relay.polled();
  await agent.untilReadyz(200, /^ready/);
  assert.deepEqual((await call(relay.mcpUrl, 1, "tools/list")).result, { host: "mcp.example" });
  assert.ok(controlSocket.accepted > 0 && targetSocket.accepted > 0);
  assert.equal(proxy.accepted, 0);
  const [permissions] = agent.events("agent permissions");
  assert.deepEqual(permissions?.net, []);
  assert.deepEqual(permissions?.sockets, [folder.file("cp.sock"), folder.file("mcp.sock")]);
  const [route] = agent.events("MCP route resolved");
  assert.equal(route?.route_mode, "direct");
  assert.equal(route?.unix_socket_path, folder.file("mcp.sock"));
  assert.equal((await agent.stopped()).code, 0);
});

Deno.test("a redirect never leaves a socket, and nothing else is dialled when the socket is gone [HT-32, US-2]", async () => {
  await using folder = new Folder();
  await using relay = await TestRelay.start();
  await using elsewhere = new Target();
  await using target = new Target(() =>
    new Response(null, { status: 307, headers: { location: elsewhere.url } })
  );
  const main = `channel=main,url=http://mcp.example/mcp,unix-socket=${folder.file("mcp.sock")}`;
  const gone = `channel=gone,url=${elsewhere.url},unix-socket=${folder.file("gone.sock")}`;
  await using _socket = await startSocketPipe(folder.file("mcp.sock"), target.port);
  await using agent = await AgentProgram.serving(relay, {
    args: [`--mcp.server-url=${main}`, `--mcp.server-url=${gone}`],
  });
  assert.ok((await call(relay.mcpUrl, 1, "tools/list")).error !== undefined);
  const { error } = await call(`${relay.mcpUrl}/gone`, 2, "tools/list");
  assert.deepEqual(error?.data?.tunnel_failure, {
    version: 1,
    source: "connect",
    transport_error_kind: "connection_refused",
    upstream_response_received: false,
  });
  assert.equal(elsewhere.arrivals.length, 0);
  assert.equal((await agent.stopped()).code, 0);
});

Deno.test("the health listener on a socket tells of routes and trust [CFG-64, spec 06 §6.2]", async () => {
  await using folder = new Folder();
  await using relay = await TestRelay.start();
  await using target = new Target();
  await using program = tunnelClient([
    "run",
    `--control-plane.base-url=${relay.url}`,
    `--control-plane.tunnel-id=${TUNNEL_ID}`,
    `--mcp.server-url=${target.url}`,
    `--health.unix-socket=${folder.file("health.sock")}`,
  ], { env: { CONTROL_PLANE_API_KEY: API_KEY } });
  await relay.polled();
  const { tls, proxy_health, main_channel_probe_status } = await program.until("/api/system", async () => {
    const body = JSON.parse(await getOverSocket(folder.file("health.sock"), "/api/system"));
    return body.main_channel_probe_status === "ok" && body;
  });
  assert.deepEqual(tls, { system_trust: { enabled: true, source: "system cert pool" } });
  assert.deepEqual(
    proxy_health.map(({ route, health_state }: { route: { name: string }; health_state: string }) => [
      route.name,
      health_state,
    ]),
    [["control-plane", "direct"], ["main", "direct"]],
  );
  assert.equal(main_channel_probe_status, "ok");
  assert.equal((await program.stopped()).code, 0);
});

function getOverSocket(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath, path, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece) => text += piece).on("end", () => resolve(text));
    });
    request.on("error", reject).end();
  });
}
