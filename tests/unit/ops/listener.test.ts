import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { formatHealthUrl, formatUnixHealthUrl } from "../../../src/ops/health_url.ts";
import { isLocalHost, isLoopbackIp, isLoopbackPeer } from "../../../src/ops/loopback_guard.ts";
import {
  type AgentStatus,
  type OperatorListenerOptions,
  StartError,
  startOperatorListener,
} from "../../../src/ops/mod.ts";
import { createOperatorApp } from "../../../src/ops/operator_app.ts";
import { startTestListener, testProviders } from "../../support/ops_listener.ts";
import { recordLog } from "../../support/ops_log.ts";
import { agentStatus, FACTS, stdioChannel } from "../../support/ops_status.ts";

const UNIX = Deno.build.os !== "windows";
const LOCAL: Deno.NetAddr = { transport: "tcp", hostname: "127.0.0.1", port: 1 };
const REMOTE: Deno.NetAddr = { transport: "tcp", hostname: "192.0.2.7", port: 1 };

async function start(options: Partial<OperatorListenerOptions>) {
  const recorded = recordLog();
  const all = { listenAddr: "127.0.0.1:0", unixSocket: "", urlFile: "", pidFile: "", ...options };
  return await startOperatorListener(all, testProviders(), recorded.log);
}

async function withDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await run(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function names(directory: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name).sort();
}

Deno.test("/healthz is always 200 live [R-1]", async () => {
  await using server = await startTestListener({}, { agentStatus: () => undefined });
  const answer = await server.get("/healthz");
  assert.equal(answer.status, 200);
  assert.equal(answer.text, "live");
  assert.equal(answer.headers["content-type"], "text/plain; charset=utf-8");
});

Deno.test("/healthz stays 200 and says so when the agent hangs", async () => {
  await using server = await startTestListener({}, { agentStatus: () => agentStatus({ agentAlive: false }) });
  const answer = await server.get("/healthz");
  assert.deepEqual([answer.status, answer.text], [200, "live (agent is not responding)"]);
});

Deno.test("/readyz is plain text without a line feed, 200 or 503 [R-2]", async () => {
  let status = agentStatus();
  await using server = await startTestListener({}, { agentStatus: () => status });
  const ready = await server.get("/readyz");
  assert.deepEqual([ready.status, ready.text], [200, "ready"]);
  assert.equal(ready.headers["content-type"], "text/plain; charset=utf-8");
  assert.equal(ready.headers["cache-control"], "no-store");
  status = agentStatus({ draining: true });
  const draining = await server.get("/readyz");
  assert.deepEqual([draining.status, draining.text], [503, "draining"]);
});

Deno.test("/readyz answers JSON when asked by query or Accept", async () => {
  let status = agentStatus();
  await using server = await startTestListener({}, { agentStatus: () => status });
  const ready = await server.get("/readyz?format=json");
  assert.equal(ready.headers["content-type"], "application/json; charset=utf-8");
  assert.equal(JSON.parse(ready.text).status, "ready");
  status = agentStatus({ channels: [stdioChannel("degraded", "restarting")] });
  assert.equal(JSON.parse((await server.get("/readyz?format=json")).text).status, "degraded");
  status = agentStatus({ channels: [stdioChannel("failed", "<gone> & away")] });
  const failed = await server.get("/readyz", { Accept: "application/json" });
  assert.equal(failed.status, 503);
  assert.ok(!/[<>&]/.test(failed.text), "escaped as G-11 asks");
  assert.deepEqual(JSON.parse(failed.text), {
    status: "not_ready",
    checks: [
      { name: "agent", status: "ok" },
      { name: "drain", status: "ok" },
      { name: "mcp_probe", status: "ok" },
      { name: "channel files", status: "failed", reason: "channel files failed: <gone> & away" },
      { name: "control_plane", status: "ok" },
    ],
  });
  assert.equal(
    (await server.get("/readyz?format=text", { Accept: "application/json" })).text,
    "channel files failed: <gone> & away",
  );
});

Deno.test("/metrics is Prometheus text, compressed when the caller accepts it [M-1]", async () => {
  await using server = await startTestListener();
  const plain = await server.get("/metrics");
  assert.equal(plain.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
  assert.equal(plain.headers["content-encoding"], undefined);
  assert.match(plain.text, /^liveness 1$/m);
  const zipped = await server.get("/metrics", { "Accept-Encoding": "br;q=0.5, gzip" });
  assert.equal(zipped.headers["content-encoding"], "gzip");
  assert.match(gunzipSync(zipped.bytes).toString(), /^liveness 1$/m);
  const refused = await server.get("/metrics", { "Accept-Encoding": "gzip;q=0" });
  assert.match(refused.text, /^liveness 1$/m);
});

Deno.test("/metrics answers 500 when collecting fails, and the log says why [06 §5]", async () => {
  await using server = await startTestListener();
  server.providers.own.gauge("commands_queue_length", () => {
    throw new Error("no queue");
  });
  assert.equal((await server.get("/metrics")).status, 500);
  assert.equal(server.recorded.find("operator request failed")?.fields.error, "Error: no queue");
});

Deno.test("/api/status has the published members and the page's own [06 §6.1]", async () => {
  const status = agentStatus({
    probe: { state: "auth_required", error: "HTTP 401" },
    channels: [
      { ...agentStatus().channels[0]!, target: "https://user:pw@mcp.test:9000/mcp?key=abc" },
      stdioChannel("degraded", "restarting after exit code 1"),
    ],
    poll: { lastSuccessAgoMs: 2500, consecutiveFailures: 2, lastErrorCategory: "timeout" },
  });
  await using server = await startTestListener({}, { agentStatus: () => status });
  server.providers.own.count("commands_received_total", undefined, 3);
  server.providers.own.count("commands_outcome_total", { outcome: "answered" }, 2);
  server.providers.timeline.add({
    timeMs: Date.UTC(2026, 0, 1),
    requestId: "req-1",
    channel: "main",
    kind: "call",
    method: "tools/call",
    outcome: "answered",
    statusCode: 200,
    queuedMs: 1.4,
    totalMs: 12.6,
    reason: "",
  });
  const answer = await server.get("/api/status");
  assert.equal(answer.headers["content-type"], "application/json; charset=utf-8");
  assert.ok(answer.text.endsWith("}\n"));
  const json = JSON.parse(answer.text);
  assert.equal(json.version, FACTS.version);
  assert.equal(json.client_instance_id, FACTS.clientInstanceId);
  assert.equal(json.health_listen_addr, server.listener.addr);
  assert.equal(json.control_plane_base_url, "https://api.example.test");
  assert.equal(json.control_plane_tunnel_id, FACTS.controlPlane.tunnelId);
  assert.equal(json.control_plane_max_inflight, 20);
  assert.equal(json.control_plane_poll_timeout, "30s");
  assert.equal(json.control_plane_poll_deadline_guardrail, "5s");
  assert.equal(json.mcp_server_url, "https://mcp.test:9000/mcp");
  assert.equal(json.raw_http_logging_enabled, false);
  assert.ok(json.uptime_seconds >= 90 && json.uptime_seconds < 10_000);
  assert.equal(Date.parse(json.started_at), FACTS.startedAtMs);
  assert.equal(json.warnings, undefined);
  assert.deepEqual(json.channels, [
    {
      name: "main",
      enabled: true,
      server_kind: "external",
      transport_kind: "http-streamable",
      state: "ready",
      probe_status: "auth-required",
      probe_error: "HTTP 401",
      reason: "mcp initialize requires auth",
      details: [{ key: "address", value: "https://mcp.test:9000/mcp" }],
    },
    {
      name: "files",
      enabled: true,
      server_kind: "external",
      transport_kind: "stdio",
      state: "degraded",
      reason: "restarting after exit code 1",
      details: [{ key: "command", value: "node server.js" }],
    },
  ]);
  assert.equal(json.readiness.ready, true);
  assert.equal(json.readiness.reason, "ready (mcp initialize requires auth: HTTP 401)");
  assert.equal(json.control_plane_poll.last_success_ago_seconds, 2);
  assert.equal(json.control_plane_poll.consecutive_failures, 2);
  assert.equal(json.control_plane_poll.last_error, "timeout");
  assert.deepEqual(json.commands, { received: 3, in_flight: 1, outcomes: { answered: 2 } });
  assert.deepEqual(json.timeline, [{
    time: "2026-01-01T00:00:00.000Z",
    request_id: "req-1",
    channel: "main",
    kind: "call",
    method: "tools/call",
    outcome: "answered",
    status_code: 200,
    queued_ms: 1,
    total_ms: 13,
  }]);
  assert.deepEqual(json.sandbox, { mode: "strict", permissions: FACTS.sandbox.permissions, refusals: {} });
});

Deno.test("/api/status answers before the agent has spoken, and warns when the sandbox is off", async () => {
  const facts = { ...FACTS, sandbox: { mode: "off" as const, permissions: [] } };
  await using server = await startTestListener({}, { agentStatus: () => undefined, facts: () => facts });
  const json = JSON.parse((await server.get("/api/status")).text);
  assert.equal(json.readiness.reason, "agent startup pending");
  assert.deepEqual(json.channels, []);
  assert.match(json.warnings[0], /sandbox is off/);
});

Deno.test("/api/system tells of roots, proxies and the probe, each proxy once [06 §6.2, PX-11]", async () => {
  const proxy = { proxy_url: "http://proxy.example:3128", proxy_id: "id" };
  const routes: AgentStatus["routes"] = [
    {
      route: {
        kind: "control_plane",
        name: "control-plane",
        target: "a:443",
        route_mode: "direct",
        proxy_source: "none",
      },
      health_state: "direct",
    },
    ...["far", "farther"].map((name, index) => ({
      route: {
        kind: "mcp_channel" as const,
        name,
        target: "b:443",
        route_mode: "proxy" as const,
        proxy_source: index === 0 ? "mcp.http-proxy" : "http-proxy",
        ...proxy,
      },
      health_state: "unhealthy" as const,
      last_check: "2026-01-01T00:00:00.000Z",
      history: [{
        timestamp: "2026-01-01T00:00:00.000Z",
        success: false,
        error_phase: "tcp" as const,
        error_reason: "dial_error",
      }],
    })),
  ];
  const status = agentStatus({
    routes,
    probe: { state: "wait_failed", error: "mcp startup wait timed out after 1s" },
  });
  await using server = await startTestListener({}, { agentStatus: () => status });
  const answer = await server.get("/api/system");
  assert.equal(answer.status, 200);
  assert.deepEqual(JSON.parse(answer.text), {
    tls: { system_trust: { enabled: true, source: "system cert pool" } },
    proxy_identity_map: [{ ...proxy, proxy_source: "mcp.http-proxy" }],
    proxy_health: routes,
    main_channel_probe_status: "failed",
    main_channel_probe_error: "mcp startup wait timed out after 1s",
  });
});

Deno.test("/api/status shows the routes, and what cut polls are asked for instead [06 §6.1]", async () => {
  const route = { route_mode: "direct", proxy_source: "none" } as const;
  const controlPlane = { ...route, kind: "control_plane", name: "control-plane", target: "a:443" } as const;
  const main = { ...route, kind: "mcp_channel", name: "main", target: "b:80" } as const;
  const routes = [controlPlane, main].map((route) => ({ route, health_state: "direct" as const }));
  const status = agentStatus({ routes, poll: { shortened: { waitMs: 45_000, cutAfterMs: 60_004 } } });
  await using server = await startTestListener({}, { agentStatus: () => status });
  const json = JSON.parse((await server.get("/api/status")).text);
  assert.deepEqual(json.control_plane_route, controlPlane);
  assert.deepEqual(json.mcp_routes, [main]);
  assert.equal(json.control_plane_poll.wait, "45s");
  assert.equal(json.control_plane_poll.cut_after, "1m0.004s");
});

Deno.test("/api/system answers before the agent has spoken", async () => {
  await using server = await startTestListener({}, { agentStatus: () => undefined });
  assert.deepEqual(JSON.parse((await server.get("/api/system")).text), {
    tls: { system_trust: { enabled: true, source: "system cert pool" } },
    main_channel_probe_status: "pending",
  });
});

Deno.test("/ redirects to the page, which comes without any other origin [A-2]", async () => {
  await using server = await startTestListener();
  const root = await server.get("/");
  assert.deepEqual([root.status, root.headers.location], [302, "/ui"]);
  for (const path of ["/ui", "/ui/"]) {
    const page = await server.get(path);
    assert.equal(page.headers["content-type"], "text/html; charset=utf-8");
    assert.ok(page.text.includes("<title>tunnel-client</title>"));
    assert.ok(!/(?:src|href)="(?!\/|#)/.test(page.text), "only own paths");
  }
  assert.match(String((await server.get("/assets/app.js")).headers["content-type"]), /^text\/javascript/);
  assert.match(String((await server.get("/assets/styles.css")).headers["content-type"]), /^text\/css/);
  assert.equal((await server.get("/favicon.ico")).status, 204);
});

Deno.test("every answer carries the security headers of 06 §4", async () => {
  await using server = await startTestListener();
  for (
    const path of [
      "/",
      "/ui",
      "/assets/app.js",
      "/api/status",
      "/api/system",
      "/healthz",
      "/readyz",
      "/metrics",
      "/nothing",
    ]
  ) {
    const { headers } = await server.get(path);
    assert.match(
      String(headers["content-security-policy"]),
      /default-src 'none'.*frame-ancestors 'none'/,
      path,
    );
    assert.equal(headers["x-content-type-options"], "nosniff", path);
    assert.equal(headers["referrer-policy"], "no-referrer", path);
    assert.equal(headers["cache-control"], "no-store", path);
    assert.equal(headers["access-control-allow-origin"], undefined, "G-9");
  }
});

Deno.test("HEAD answers like GET without a body, everything else is 405 with Allow [H-7, 06 §1]", async () => {
  await using server = await startTestListener();
  for (
    const path of ["/healthz", "/readyz", "/metrics", "/ui", "/api/status", "/api/system", "/assets/app.js"]
  ) {
    const head = await server.get(path, {}, "HEAD");
    assert.deepEqual([head.status, head.text], [200, ""], path);
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
      const refused = await server.get(path, {}, method);
      assert.equal(refused.status, 405, `${method} ${path}`);
      assert.equal(refused.headers.allow, "GET, HEAD");
    }
  }
  const missing = await server.get("/nothing/here");
  assert.deepEqual([missing.status, missing.headers["content-type"]], [404, "text/plain; charset=utf-8"]);
});

Deno.test("with allow-remote-ui page and data are for other machines too, by any name of this one [CFG-103]", async () => {
  const place = { listenAddr: "0.0.0.0:8080", configuredHost: "", allowRemote: true };
  const app = createOperatorApp(place, testProviders(), recordLog().log);
  for (const path of ["/ui", "/api/status", "/api/system", "/assets/app.js", "/healthz"]) {
    const request = new Request(`http://tunnel.example${path}`, { headers: { Host: "tunnel.example" } });
    assert.equal((await app.fetch(request, { peer: REMOTE })).status, 200, path);
  }
});

for (const allowRemote of [false, true]) {
  Deno.test(`a listener for all interfaces says at the start who sees the page (allow-remote-ui ${allowRemote}) [CFG-103]`, async () => {
    const { records, log } = recordLog();
    const options = { listenAddr: "0.0.0.0:0", unixSocket: "", urlFile: "", pidFile: "", allowRemote };
    const listener = await startOperatorListener(options, testProviders(), log);
    await listener.stop();
    const said = records.filter(({ event }) => /can be read from other machines/.test(event));
    assert.deepEqual(said.map(({ level }) => level), [allowRemote ? "warn" : "info"]);
  });
}

Deno.test("guarded routes are for this machine only, /healthz, /readyz and /metrics are for all [G-1 … G-4]", async () => {
  const app = createOperatorApp(
    { listenAddr: "0.0.0.0:8080", configuredHost: "", allowRemote: false },
    testProviders(),
    recordLog().log,
  );
  const ask = async (path: string, peer: Deno.Addr, headers: Record<string, string> = {}) =>
    await app.fetch(new Request(`http://127.0.0.1${path}`, { headers }), { peer });
  for (
    const path of [
      "/",
      "/ui",
      "/api/status",
      "/api/system",
      "/assets/app.js",
      "/favicon.ico",
      "/nothing",
      "/healthz/",
    ]
  ) {
    const refused = await ask(path, REMOTE, { "X-Forwarded-For": "127.0.0.1", Forwarded: "for=127.0.0.1" });
    assert.equal(refused.status, 403, path);
    assert.equal(refused.headers.get("Content-Type"), "text/plain; charset=utf-8");
    assert.equal(refused.headers.get("X-Content-Type-Options"), "nosniff");
    assert.match(await refused.text(), /--allow-remote-ui.*\n$/);
    assert.notEqual((await ask(path, LOCAL)).status, 403, path);
    assert.notEqual(
      (await ask(path, { transport: "unix", path: "/x" }, { Host: "anything" })).status,
      403,
      path,
    );
  }
  for (const path of ["/healthz", "/readyz", "/metrics"]) {
    assert.equal((await ask(path, REMOTE)).status, 200, path);
  }
});

Deno.test("a page of another site cannot read guarded routes through a name that points here [06 §4]", async () => {
  await using server = await startTestListener();
  for (const Host of ["attacker.example", "attacker.example:9090", "127.0.0.1.nip.io", "[2001:db8::1]:80"]) {
    assert.equal((await server.get("/api/status", { Host })).status, 403, Host);
    assert.equal((await server.get("/healthz", { Host })).status, 200, Host);
  }
  for (const Host of ["localhost", "LOCALHOST:1", "localhost.", "127.8.9.1:80", "[::1]:80"]) {
    assert.equal((await server.get("/api/status", { Host })).status, 200, Host);
  }
});

Deno.test("isLocalHost() also knows the configured name", () => {
  assert.equal(isLocalHost("agent.internal:8080", "agent.internal"), true);
  assert.equal(isLocalHost("agent.internal:8080", ""), false);
  assert.equal(isLocalHost(undefined, ""), true);
});

Deno.test("isLoopbackPeer() judges the address of the connection [G-2, H-6]", () => {
  for (const ip of ["127.0.0.1", "127.255.0.3", "::1", "::ffff:127.0.0.1", "::FFFF:127.0.0.1"]) {
    assert.equal(isLoopbackIp(ip), true, ip);
  }
  for (const ip of ["10.0.0.1", "128.0.0.1", "::2", "::ffff:10.0.0.1", "127.0.0.1.evil.example", ""]) {
    assert.equal(isLoopbackIp(ip), false, ip);
  }
  assert.equal(isLoopbackPeer(REMOTE), false);
  assert.equal(isLoopbackPeer({ transport: "unix", path: "" }), true);
});

Deno.test("formatHealthUrl() prefers the configured host, then the bound IP, then localhost [P-4, R-15]", () => {
  const url = (configured: string, bound: string) =>
    formatHealthUrl({ hostname: configured, port: 0 }, { hostname: bound, port: 4711 });
  assert.equal(url("127.0.0.1", "127.0.0.1"), "http://127.0.0.1:4711");
  assert.equal(url("agent.internal", "10.0.0.7"), "http://agent.internal:4711");
  assert.equal(url("", "10.0.0.7"), "http://10.0.0.7:4711");
  assert.equal(url("0.0.0.0", "0.0.0.0"), "http://localhost:4711");
  assert.equal(url("::", "::"), "http://localhost:4711");
  assert.equal(url("::1", "::1"), "http://[::1]:4711");
});

Deno.test("formatUnixHealthUrl() is the path in unpadded base64url [P-5]", () => {
  assert.equal(formatUnixHealthUrl("/run/ägent??>.sock"), "http+unix://L3J1bi_DpGdlbnQ_Pz4uc29jaw");
});

Deno.test("the listener binds a free port and says where [P-7, SS-1]", async () => {
  await using server = await startTestListener();
  const { url, addr } = server.listener;
  assert.match(addr, /^127\.0\.0\.1:\d+$/);
  assert.equal(url, `http://${addr}`);
  assert.deepEqual(server.recorded.find("health server listening")?.fields, { component: "health", addr });
  assert.deepEqual(server.recorded.find(`🌐 WEB UI: ${url}/ui`)?.fields, {
    component: "health",
    ui_url: `${url}/ui`,
    health_url: `${url}/healthz`,
    metrics_url: `${url}/metrics`,
  });
});

Deno.test("the listener serves IPv6 and, with an empty host, every interface [CFG-97]", async () => {
  await using all = await startTestListener({ listenAddr: ":0" });
  assert.match(all.listener.url, /^http:\/\/localhost:\d+$/);
  const port = new URL(all.listener.url).port;
  const answer = await fetch(`http://127.0.0.1:${port}/healthz`);
  assert.equal(await answer.text(), "live");
  if (!hasIpv6()) return;
  await using v6 = await startTestListener({ listenAddr: "[::1]:0" });
  assert.match(v6.listener.url, /^http:\/\/\[::1\]:\d+$/);
  assert.equal((await v6.get("/api/status")).status, 200);
});

function hasIpv6(): boolean {
  return Deno.networkInterfaces().some(({ address }) => address === "::1");
}

Deno.test("a taken port is an error with the words to look for, and takes the PID file back [H-3]", async () => {
  await using first = await startTestListener();
  await withDirectory(async (directory) => {
    await assert.rejects(
      start({
        listenAddr: first.listener.addr,
        pidFile: `${directory}/agent.pid`,
        urlFile: `${directory}/url`,
      }),
      (error: unknown) =>
        error instanceof StartError && error.message.includes("address already in use") &&
        error.message.includes(`health.listen-addr ${first.listener.addr}`),
    );
    assert.deepEqual(await names(directory), []);
  });
});

for (
  const [listenAddr, expected] of [
    ["192.0.2.1:0", /cannot listen on health\.listen-addr 192\.0\.2\.1:0: cannot assign requested address/],
    ["no.such.host.invalid:0", /cannot listen on health\.listen-addr no\.such\.host\.invalid:0: /],
    ["8080", /health\.listen-addr "8080": not a listen address/],
  ] as const
) {
  Deno.test(`health.listen-addr ${listenAddr} is an error that names the setting [H-3, CFG-97]`, async () => {
    await assert.rejects(
      start({ listenAddr }),
      (error: unknown) => error instanceof StartError && expected.test(error.message),
    );
  });
}

Deno.test("PID file, listener and URL file come in this order and go at the stop [P-1, P-9, H-8, R-29]", async () => {
  await withDirectory(async (directory) => {
    const server = await startTestListener({
      pidFile: `${directory}/agent.pid`,
      urlFile: `${directory}/health.url`,
    });
    assert.deepEqual(await names(directory), ["agent.pid", "health.url"]);
    assert.equal(await Deno.readTextFile(`${directory}/health.url`), server.listener.url);
    const wanted = ["pid file written", "🩺 HEALTH URL", "health server listening"];
    const seen = server.recorded.records.map(({ event }) =>
      wanted.find((prefix) => event.startsWith(prefix))
    );
    assert.deepEqual(seen.filter((event) => event !== undefined), wanted);
    await Promise.all([server.listener.stop(), server.listener.stop()]);
    assert.deepEqual(await names(directory), []);
    await assert.rejects(fetch(`${server.listener.url}/healthz`));
  });
});

Deno.test("a URL file that cannot be written closes the listener and takes everything back [P-2]", async () => {
  await withDirectory(async (directory) => {
    await Deno.mkdir(`${directory}/taken`);
    const options = { urlFile: `${directory}/taken`, pidFile: `${directory}/agent.pid` };
    const sockets = UNIX ? [{ unixSocket: `${directory}/agent.sock` }] : [];
    for (const where of [{}, ...sockets]) {
      await assert.rejects(start({ ...options, ...where }), StartError);
      assert.deepEqual(await names(directory), ["taken"]);
    }
  });
});

Deno.test("stop() reports every step that failed and still does the others [H-8]", async () => {
  await withDirectory(async (directory) => {
    const urlFile = `${directory}/health.url`;
    const server = await start({ urlFile, pidFile: `${directory}/agent.pid` });
    await Deno.remove(urlFile);
    await Deno.mkdir(urlFile);
    await assert.rejects(
      server.stop(),
      (error: unknown) =>
        error instanceof AggregateError && error.errors.length === 1 &&
        /did not stop cleanly: /.test(error.message),
    );
    assert.deepEqual(await names(directory), ["health.url"]);
  });
});

Deno.test("stop() lets a running request end [H-8]", async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  const { metrics } = testProviders();
  const waiting = {
    ...metrics,
    async text() {
      asked.resolve();
      await answer.promise;
      return await metrics.text();
    },
  };
  const server = await startTestListener({}, { metrics: waiting });
  const response = server.get("/metrics");
  await asked.promise;
  const stopping = server.listener.stop();
  answer.resolve();
  assert.match((await response).text, /^liveness 1$/m);
  await stopping;
});

Deno.test("stop() does not wait for connections that never finish asking [H-8]", async () => {
  const server = await startTestListener();
  const { hostname, port } = new URL(server.listener.url);
  const silent = await Deno.connect({ hostname, port: Number(port) });
  await silent.write(new TextEncoder().encode("GET /healthz HTTP/1.1\r\nHo"));
  assert.equal((await server.get("/healthz")).text, "live");
  const started = performance.now();
  await server.listener.stop(500);
  assert.ok(performance.now() - started < 5000);
  silent.close();
});

Deno.test("stop() does not wait longer than its grace [H-8]", async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<string>();
  const { metrics } = testProviders();
  const hanging = {
    ...metrics,
    text() {
      asked.resolve();
      return answer.promise;
    },
  };
  const server = await startTestListener({}, { metrics: hanging });
  const client = new AbortController();
  const response = fetch(`${server.listener.url}/metrics`, { signal: client.signal });
  await asked.promise;
  const started = performance.now();
  await server.listener.stop(50);
  assert.ok(performance.now() - started < 5000);
  client.abort();
  await assert.rejects(response);
  answer.resolve("");
});

Deno.test({
  name: "a Unix socket is served, counts as loopback and disappears at the stop [H-5, H-6, CFG-98]",
  ignore: !UNIX,
  async fn() {
    await withDirectory(async (directory) => {
      const unixSocket = `${directory}/run/agent.sock`;
      const server = await startTestListener({
        unixSocket,
        urlFile: `${directory}/health.url`,
        listenAddr: "ignored",
      });
      assert.equal(server.listener.addr, unixSocket);
      assert.equal(await Deno.readTextFile(`${directory}/health.url`), formatUnixHealthUrl(unixSocket));
      const answer = await server.get("/api/status", { Host: "localhost" });
      assert.equal(answer.status, 200);
      assert.equal(JSON.parse(answer.text).health_listen_addr, unixSocket);
      await assert.rejects(start({ unixSocket }), /is already accepting connections/);
      await server.listener.stop();
      assert.deepEqual(await names(`${directory}/run`), []);
      assert.deepEqual(await names(directory), ["run"]);
    });
  },
});
