import assert from "node:assert/strict";
import { AgentProgram } from "../support/e2e_agent.ts";
import { call } from "../support/e2e_json_rpc.ts";
import { PROGRAM_IS_OLD } from "../support/e2e_program.ts";
import { TestRelay } from "../support/e2e_relay.ts";
import { json, result, Target } from "../support/e2e_target.ts";
import { makePki } from "../support/net_pki.ts";
import { programTest, startSquid, startTinyproxy } from "../support/net_programs.ts";
import { type CountingProxy, startProxy } from "../support/net_proxies.ts";
import { BEHIND, HERE, startPipe } from "../support/network_peers.ts";

const USER = "ann";
const PASSWORD = "pa55word-of-the-proxy";
const CREDENTIALS = { username: USER, password: PASSWORD };
/** A call that goes the whole way says so. */
const echo = () =>
  new Target((arrival) =>
    result(arrival, { through: arrival.headers.get("proxy-authorization") ?? "no leak" })
  );

function withUser(proxy: { readonly url: string }): string {
  return proxy.url.replace("://", `://${USER}:${PASSWORD}@`);
}

/** Nothing that an operator, or his monitoring, gets to see holds the password. */
async function assertNoPassword(agent: AgentProgram): Promise<void> {
  const shown = [agent.program.stdout, agent.program.stderr];
  for (const path of ["/api/status", "/api/system", "/metrics", "/readyz", "/ui"]) {
    shown.push((await agent.get(path)).body);
  }
  for (const text of shown) {
    assert.ok(!text.includes(PASSWORD), "password");
    assert.ok(!text.includes(btoa(`${USER}:${PASSWORD}`)), "password as it is sent");
  }
}

async function system(agent: AgentProgram) {
  return JSON.parse((await agent.get("/api/system")).body);
}

Deno.test("everything takes the configured http proxy with its credentials, and nothing bypasses it [PX-2, PX-3, PX-8, PX-12]", async () => {
  await using relay = await TestRelay.start({ allowedHosts: [BEHIND] });
  await using target = echo();
  await using proxy = startProxy({ credentials: CREDENTIALS });
  await using agent = await AgentProgram.listening({
    controlPlaneUrl: `http://${BEHIND}:${new URL(relay.url).port}`,
    args: [
      `--http-proxy=${withUser(proxy)}`,
      `--mcp.server-url=http://${BEHIND}:${target.port}/mcp`,
      "--proxy.check-interval=50ms",
    ],
    logLevel: "debug",
    // What is configured counts, whatever the environment says (CFG-59).
    env: { NO_PROXY: "*", HTTP_PROXY: "http://127.0.0.1:9" },
  });
  await relay.polled();
  assert.deepEqual((await call(relay.mcpUrl, 1, "tools/list")).result, { through: "no leak" });
  await agent.untilReadyz(200, /^ready$/);
  // Names that nobody else resolves: had anything gone past the proxy, it would not have come there.
  const hosts = new Set(proxy.forwarded.map((line) => new URL(line.split(" ")[1]!).host));
  assert.deepEqual(hosts, new Set([`${BEHIND}:${new URL(relay.url).port}`, `${BEHIND}:${target.port}`]));

  const [controlPlane] = agent.events("control-plane route resolved");
  assert.equal(controlPlane?.route_mode, "proxy");
  assert.equal(controlPlane?.proxy_source, "http-proxy");
  assert.equal(controlPlane?.proxy_url, proxy.url);
  const [mcp] = agent.events("MCP route resolved");
  assert.equal(mcp?.target_host, `${BEHIND}:${target.port}`);
  assert.equal(mcp?.proxy_id, controlPlane?.proxy_id);
  const healthy = await agent.program.until("healthy proxies", async () => {
    const { proxy_health } = await system(agent);
    const states = proxy_health.map((route: { health_state: string }) => route.health_state);
    return states.every((state: string) => state === "healthy") && proxy_health;
  });
  assert.deepEqual(healthy.map(({ route }: { route: { kind: string } }) => route.kind), [
    "control_plane",
    "mcp_channel",
  ]);
  assert.deepEqual((await system(agent)).proxy_identity_map, [
    { proxy_id: controlPlane?.proxy_id, proxy_url: proxy.url, proxy_source: "http-proxy" },
  ]);
  assert.equal(await agent.metric("proxy_health_state"), 1);
  const permissions = agent.events("agent permissions")[0]?.net;
  assert.deepEqual(permissions, [new URL(proxy.url).host], "the agent may reach the proxy and nothing else");
  await assertNoPassword(agent);
  assert.equal((await agent.stopped()).code, 0);
});

// Before Deno 2.9 there is no TLS inside TLS.
const tunnelsTest = PROGRAM_IS_OLD ? Deno.test.ignore : Deno.test;

tunnelsTest(
  "everything takes an https proxy into tunnels, with roots from a bundle; targets never see its credentials [PX-8, TL-1]",
  async () => {
    await using pki = await makePki();
    await using relay = await TestRelay.start({ allowedHosts: [BEHIND] });
    await using target = echo();
    await using controlFront = startPipe(Number(new URL(relay.url).port), { tls: pki.good });
    await using targetFront = startPipe(target.port, { tls: pki.chained });
    await using proxy = startProxy({ kind: "https", certificate: pki.good, credentials: CREDENTIALS });
    await using agent = await AgentProgram.listening({
      controlPlaneUrl: `https://${BEHIND}:${controlFront.port}`,
      args: [
        "--http-proxy=env:COMPANY_PROXY",
        `--ca-bundle=${pki.folder}/authority.pem`,
        `--mcp.server-url=https://${BEHIND}:${targetFront.port}/mcp`,
      ],
      env: { COMPANY_PROXY: withUser(proxy) },
    });
    await relay.polled();
    assert.deepEqual((await call(relay.mcpUrl, 1, "tools/list")).result, { through: "no leak" });
    assert.deepEqual(
      new Set(proxy.tunnels),
      new Set([`${BEHIND}:${controlFront.port}`, `${BEHIND}:${targetFront.port}`]),
    );
    assert.deepEqual(proxy.forwarded, []);
    assert.equal(agent.events("control-plane route resolved")[0]?.proxy_source, "env:COMPANY_PROXY");
    const { tls } = await system(agent);
    assert.equal(tls.extra_bundle.cert_count, 1);
    assert.equal(tls.extra_bundle.certificates[0].subject_cn, "authority");
    await assertNoPassword(agent);
    assert.equal((await agent.stopped()).code, 0);
  },
);

Deno.test("SOCKS 5 from the environment carries https, NO_PROXY keeps out what it names, and loopback never takes it [PX-6, PX-7]", async () => {
  await using pki = await makePki();
  await using relay = await TestRelay.start();
  await using target = echo();
  await using outside = echo();
  await using excepted = echo();
  await using outsideFront = startPipe(outside.port, { tls: pki.good });
  await using proxy = startProxy({ kind: "socks5", credentials: CREDENTIALS });
  await using decoy = startProxy();
  await using agent = await AgentProgram.serving(relay, {
    args: [
      `--ca-bundle=${pki.folder}/authority.pem`,
      `--mcp.server-url=${target.url}`,
      `--mcp.server-url=channel=outside,url=https://${BEHIND}:${outsideFront.port}/mcp`,
      `--mcp.server-url=channel=excepted,url=http://${HERE}:${excepted.port}/mcp`,
    ],
    env: {
      https_proxy: withUser(proxy),
      http_proxy: decoy.url,
      no_proxy: `example.com, ${HERE}`,
      ALL_PROXY: "http://127.0.0.1:9",
    },
  });
  assert.deepEqual((await call(`${relay.mcpUrl}/outside`, 1, "tools/list")).result, { through: "no leak" });
  assert.deepEqual(new Set(proxy.tunnels), new Set([`${BEHIND}:${outsideFront.port}`]));
  const before = proxy.accepted;
  assert.deepEqual((await call(`${relay.mcpUrl}/excepted`, 2, "tools/list")).result, { through: "no leak" });
  assert.deepEqual((await call(relay.mcpUrl, 3, "tools/list")).result, { through: "no leak" });
  assert.equal(proxy.accepted, before);
  assert.equal(decoy.accepted, 0, "NO_PROXY and loopback addresses take no proxy");
  const routes = agent.events("MCP route resolved").map(({ route_name, route_mode, proxy_source }) =>
    [route_name, route_mode, proxy_source].join(" ")
  );
  assert.deepEqual(routes, ["main direct none", "outside proxy env:https_proxy", "excepted direct none"]);
  await assertNoPassword(agent);
  assert.equal((await agent.stopped()).code, 0);
});

Deno.test("without NO_PROXY the same target takes the proxy of the environment [PX-6]", async () => {
  await using relay = await TestRelay.start();
  await using target = echo();
  await using proxy = startProxy();
  await using agent = await AgentProgram.serving(relay, {
    args: [`--mcp.server-url=http://${HERE}:${target.port}/mcp`],
    env: { HTTP_PROXY: proxy.url.replace("http://", "") },
  });
  assert.deepEqual((await call(relay.mcpUrl, 1, "tools/list")).result, { through: "no leak" });
  assert.ok(proxy.forwarded.length >= 2, "start-up probe and call");
  const [control] = agent.events("control-plane route resolved");
  assert.equal(control?.route_mode, "direct", "it is on this machine");
  assert.equal((await agent.stopped()).code, 0);
});

Deno.test("a channel has a proxy of its own before that of all channels, and that before the global one [PX-2]", async () => {
  await using relay = await TestRelay.start();
  await using target = echo();
  await using own = startProxy();
  await using ofAll = startProxy();
  await using global = startProxy();
  const url = `http://${BEHIND}:${target.port}/mcp`;
  await using agent = await AgentProgram.serving(relay, {
    args: [
      `--http-proxy=${global.url}`,
      `--mcp.http-proxy=${ofAll.url}`,
      `--mcp.server-url=channel=main,url=${url}`,
      `--mcp.server-url=channel=own,url=${url},http-proxy=${own.url}`,
    ],
  });
  const [inOwn, inAll] = [own, ofAll].map((proxy) => proxy.forwarded.length) as [number, number];
  await call(`${relay.mcpUrl}/own`, 1, "tools/list");
  await call(relay.mcpUrl, 2, "tools/list");
  assert.deepEqual([own.forwarded.length - inOwn, ofAll.forwarded.length - inAll], [1, 1]);
  const controlPort = new URL(relay.url).port;
  assert.ok(global.forwarded.length > 0);
  assert.ok(global.forwarded.every((line) => line.includes(`127.0.0.1:${controlPort}/`)));
  assert.equal((await agent.stopped()).code, 0);
});

/** One agent, a control plane and a target through a real proxy. */
async function worksThrough(proxyUrl: string): Promise<string[]> {
  await using pki = await makePki();
  await using relay = await TestRelay.start();
  await using target = echo();
  await using controlFront = startPipe(Number(new URL(relay.url).port), { tls: pki.good });
  await using agent = await AgentProgram.listening({
    controlPlaneUrl: `https://localhost:${controlFront.port}`,
    args: [
      `--http-proxy=${proxyUrl}`,
      `--ca-bundle=${pki.folder}/authority.pem`,
      `--mcp.server-url=${target.url}`,
      "--proxy.check-interval=50ms",
    ],
  });
  await relay.polled();
  for (let id = 1; id <= 3; id++) {
    assert.deepEqual((await call(relay.mcpUrl, id, "tools/list")).result, { through: "no leak" });
  }
  await agent.program.until("health of the proxies", async () => {
    const { proxy_health } = await system(agent);
    return proxy_health.every((route: { health_state: string }) => route.health_state === "healthy");
  });
  await assertNoPassword(agent);
  assert.equal((await agent.stopped()).code, 0);
  return [`localhost:${controlFront.port}`, `127.0.0.1:${target.port}`];
}

programTest(
  ["squid"],
  "an agent works through squid with credentials, for tunnels and for plain http",
  async () => {
    await using squid = await startSquid({
      rules: ["http_access allow known", "http_access deny all"],
      credentials: CREDENTIALS,
    });
    const hosts = await worksThrough(`http://${USER}:${PASSWORD}@127.0.0.1:${squid.port}`);
    const log = await Deno.readTextFile(`${squid.folder}/access.log`);
    for (const host of hosts) assert.ok(log.includes(host), `${host} in\n${log}`);
    assert.doesNotMatch(log, /TCP_DENIED/, "credentials come with the first request");
  },
);

programTest(
  ["tinyproxy"],
  "an agent works through tinyproxy with credentials, for tunnels and for plain http",
  async () => {
    await using tinyproxy = await startTinyproxy([`BasicAuth ${USER} ${PASSWORD}`]);
    await worksThrough(`http://${USER}:${PASSWORD}@127.0.0.1:${tinyproxy.port}`);
  },
);

Deno.test("a proxy that breaks and comes back is told once each, shown, and counted; readiness stays [PH-7, PX-16, PX-18]", async () => {
  await using relay = await TestRelay.start();
  await using target = new Target(() => json(`{}`));
  const options: { deny?: number } = {};
  await using proxy: CountingProxy = startProxy(options);
  await using agent = await AgentProgram.serving(relay, {
    args: [
      `--mcp.server-url=${target.url}`,
      `--mcp.server-url=channel=far,url=https://${BEHIND}:${target.port}/mcp,http-proxy=${proxy.url}`,
      "--proxy.check-interval=30ms",
    ],
  });
  const states = () => agent.log().filter(({ msg }) => /^proxy is /.test(msg)).map(({ msg }) => msg);
  await agent.untilEvent("proxy is healthy");
  options.deny = 403;
  const told = await agent.untilEvent("proxy is unhealthy");
  assert.equal(told.reason, "bad_status");
  assert.match(
    String(told.error),
    /proxy http:\/\/127\.0\.0\.1:\d+: proxy refused to connect \(403\); ask who runs/,
  );
  const sick = (await system(agent)).proxy_health.find((entry: { route: { name: string } }) =>
    entry.route.name === "far"
  );
  assert.equal(sick.health_state, "unhealthy");
  assert.equal(sick.history.at(-1).http_status_category, "4xx");
  assert.ok(sick.last_success < sick.last_check);
  assert.equal((await agent.get("/readyz")).status, 200);
  assert.match((await agent.get("/metrics")).body, /proxy_check_failures_total\{[^}]*reason="bad_status"/);
  assert.equal(await agent.metric("proxy_health_state"), 0);
  delete options.deny;
  await agent.program.until("news of its recovery", () => states().length > 2);
  assert.deepEqual(states(), ["proxy is healthy", "proxy is unhealthy", "proxy is healthy"]);
  assert.equal((await agent.stopped()).code, 0);
});
