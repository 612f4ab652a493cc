import assert from "node:assert/strict";
import { AgentProgram } from "../support/e2e_agent.ts";
import { call } from "../support/e2e_json_rpc.ts";
import { TestRelay } from "../support/e2e_relay.ts";
import { result, Target } from "../support/e2e_target.ts";
import { makePki } from "../support/net_pki.ts";
import { startOpensslServer } from "../support/net_programs.ts";
import { startProxy } from "../support/net_proxies.ts";
import { startServer, unusedPort } from "../support/net_servers.ts";
import { BEHIND, startPipe, startSilent } from "../support/network_peers.ts";

/** What a connector and an operator are told of one failure. */
interface Told {
  readonly source: string;
  readonly kind: string;
  readonly text: RegExp;
}

const connect = (kind: string, text: RegExp): Told => ({ source: "connect", kind, text });
const tls = (text: RegExp): Told => ({ source: "tls", kind: "tls", text });

Deno.test("every failure on the way to a target has its class, its text and its tunnel_failure [P-122, P-124, PX-8, LC-13]", async () => {
  await using pki = await makePki();
  await using relay = await TestRelay.start();
  await using target = new Target();
  await using denying = startProxy({ deny: 403 });
  await using failing = startProxy({ deny: 503 });
  await using wanting = startProxy({ credentials: { username: "ann", password: "right" } });
  await using dropping = startProxy({ drops: true });
  await using mute = startServer(async (peer) => void await peer.request());
  await using expired = startPipe(target.port, { tls: pki.expired });
  await using early = startPipe(target.port, { tls: pki.early });
  await using otherName = startPipe(target.port, { tls: pki.otherName });
  await using foreign = startPipe(target.port, { tls: pki.foreign });
  await using wantsCertificate = await startOpensslServer(pki.folder, "-tls1_3");
  const closedPort = unusedPort();
  const far = `https://${BEHIND}:${target.port}/mcp`;
  const local = (port: number) => `https://localhost:${port}/mcp`;
  const cases: Readonly<Record<string, readonly [binding: string, told: Told]>> = {
    "denied": [
      `url=${far},http-proxy=${denying.url}`,
      connect("dial", /proxy \S+: proxy refused to connect \(403\); ask who runs/),
    ],
    "unavailable": [
      `url=${far},http-proxy=${failing.url}`,
      connect("dial", /proxy refused to connect \(503\)/),
    ],
    "no-credentials": [
      `url=${far},http-proxy=${wanting.url}`,
      connect("dial", /proxy wants credentials \(407\); put user and password/),
    ],
    "wrong-credentials": [
      `url=${far},http-proxy=${wanting.url.replace("://", "://ann:wr0ng-pa55@")}`,
      connect("dial", /proxy does not accept the credentials \(407\)/),
    ],
    "no-credentials-http": [
      `url=http://${BEHIND}:${target.port}/mcp,http-proxy=${wanting.url}`,
      connect("dial", /proxy wants credentials \(407\)/),
    ],
    "proxy-drops": [`url=${far},http-proxy=${dropping.url}`, {
      source: "transport_closed",
      kind: "eof",
      text: /proxy \S+: proxy closed the connection/,
    }],
    "proxy-down": [
      `url=${far},http-proxy=http://127.0.0.1:${closedPort}`,
      connect(
        "connection_refused",
        /proxy http:\/\/127\.0\.0\.1:\d+: connection refused; check the proxy's address/,
      ),
    ],
    "proxy-unknown": [`url=${far},http-proxy=http://no-such-proxy.invalid:3128`, {
      source: "dns",
      kind: "dns",
      text: /proxy http:\/\/no-such-proxy\.invalid:3128: host name/,
    }],
    "unknown-host": [`url=http://no-such-host.invalid/mcp`, {
      source: "dns",
      kind: "dns",
      text: /host name/,
    }],
    "refused": [
      `url=http://127.0.0.1:${closedPort}/mcp`,
      connect("connection_refused", /connection refused/),
    ],
    "mute": [`url=${mute.origin}/mcp`, { source: "transport_closed", kind: "eof", text: /closed/ }],
    "expired": [`url=${local(expired.port)}`, tls(/certificate expired/)],
    "early": [`url=${local(early.port)}`, tls(/certificate not valid yet/)],
    "other-name": [`url=${local(otherName.port)}`, tls(/wrong host name in certificate/)],
    "foreign": [`url=${local(foreign.port)}`, tls(/unknown authority/)],
    "wants-certificate": [`url=${local(wantsCertificate.port)}`, tls(/peer requires a client certificate/)],
    "no-tls": [`url=https://127.0.0.1:${target.port}/mcp`, tls(/peer does not speak TLS/)],
  };
  await using agent = await AgentProgram.serving(relay, {
    args: [
      `--ca-bundle=${pki.folder}/authority.pem`,
      `--mcp.server-url=channel=main,url=${target.url}`,
      ...Object.entries(cases).map(([channel, [binding]]) =>
        `--mcp.server-url=channel=${channel},${binding}`
      ),
    ],
  });
  for (const [channel, [, told]] of Object.entries(cases)) {
    const answer = await call(`${relay.mcpUrl}/${channel}`, channel, "tools/call", { secret: "payload" });
    assert.equal(answer.status, 502, channel);
    assert.deepEqual(answer.error?.data?.tunnel_failure, {
      version: 1,
      source: told.source,
      transport_error_kind: told.kind,
      upstream_response_received: false,
    }, channel);
    const line = await agent.program.until(
      `a word about ${channel}`,
      () => agent.log().find((line) => line.channel === channel && line.level === "WARN"),
    );
    assert.match(JSON.stringify(line), told.text, channel);
  }
  const status = JSON.parse((await agent.get("/api/status")).body);
  const denied = status.channels.find(({ name }: { name: string }) => name === "denied");
  assert.equal(denied.state, "degraded");
  assert.match(denied.reason, /proxy refused to connect/);
  for (const text of [agent.program.stdout, agent.program.stderr, JSON.stringify(status)]) {
    assert.doesNotMatch(text, /wr0ng-pa55|payload/);
  }
  assert.equal(target.arrivals.length, 0, "nothing went past a proxy that says no");
  assert.equal((await agent.stopped()).code, 0);
});

/** The first thing that an agent says of a control plane that it cannot use. */
async function firstFailure(
  controlPlaneUrl: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  await using target = new Target();
  await using agent = await AgentProgram.listening({
    controlPlaneUrl,
    args: [`--mcp.server-url=${target.url}`, "--shutdown.drain-timeout=10ms", ...args],
    env,
  });
  const { error } = await agent.untilEvent("poll failed; backing off");
  await agent.untilReadyz(503, /control plane not reached/);
  const { stdout, stderr } = agent.program;
  assert.doesNotMatch(stdout + stderr, /wr0ng-pa55/);
  return String(error);
}

Deno.test("an operator is told why the control plane cannot be reached, and what to do [P-46, PX-8, TL-3]", async () => {
  await using pki = await makePki();
  await using relay = await TestRelay.start();
  const port = Number(new URL(relay.url).port);
  await using good = startPipe(port, { tls: pki.good });
  await using expired = startPipe(port, { tls: pki.expired });
  await using otherName = startPipe(port, { tls: pki.otherName });
  await using denying = startProxy({ deny: 403 });
  await using wanting = startProxy({ credentials: { username: "ann", password: "right" } });
  await using socks = startProxy({ kind: "socks5", deny: 2 });
  const at = (pipe: { readonly port: number }) => `https://localhost:${pipe.port}`;
  const trusting = `--ca-bundle=${pki.folder}/authority.pem`;
  const behind = `https://${BEHIND}:${good.port}`;
  const cases: readonly (readonly [Parameters<typeof firstFailure>, RegExp])[] = [
    [[at(good), []], /^https:\/\/localhost:\d+: tls: certificate of unknown authority; .*ca-bundle/],
    [[at(expired), [trusting]], /^https:\/\/localhost:\d+: tls: certificate expired;/],
    [[at(otherName), [trusting]], /^https:\/\/localhost:\d+: tls: wrong host name in certificate;/],
    [
      [behind, [trusting, `--control-plane.http-proxy=${denying.url}`]],
      /^proxy http:\/\/127\.0\.0\.1:\d+: dial: proxy refused to connect \(403\); ask who runs the proxy/,
    ],
    [
      [behind, [trusting], { HTTPS_PROXY: wanting.url.replace("://", "://ann:wr0ng-pa55@") }],
      /^proxy http:\/\/127\.0\.0\.1:\d+: dial: proxy does not accept the credentials \(407\); put user and password/,
    ],
    [
      [behind, [trusting], { HTTPS_PROXY: socks.url }],
      /^proxy socks5:\/\/127\.0\.0\.1:\d+: dial: proxy refused to connect \(not allowed by its rules\)/,
    ],
  ];
  for (const [way, pattern] of cases) assert.match(await firstFailure(...way), pattern);
});

Deno.test("a target that accepts and never answers frees its worker at the deadline, the end of its session too [HT-27, HT-28]", async () => {
  await using relay = await TestRelay.start({ responseTimeoutMs: 700 });
  await using target = new Target((arrival) => result(arrival, { worked: true }));
  await using silent = startSilent();
  await using agent = await AgentProgram.serving(relay, {
    args: [
      `--mcp.server-url=${target.url}`,
      `--mcp.server-url=channel=silent,url=http://127.0.0.1:${silent.port}/mcp`,
      "--mcp.max-concurrent-requests=1",
    ],
  });
  assert.equal((await call(`${relay.mcpUrl}/silent`, 1, "tools/list")).status, 504);
  assert.deepEqual((await call(relay.mcpUrl, 2, "tools/list")).result, { worked: true });
  const ended = await fetch(`${relay.mcpUrl}/silent`, {
    method: "DELETE",
    headers: { "mcp-session-id": "s" },
  });
  await ended.body?.cancel();
  assert.ok(ended.status >= 500, `${ended.status}`);
  assert.deepEqual((await call(relay.mcpUrl, 3, "tools/list")).result, { worked: true });
  await silent.whenOpen(0);
  assert.equal((await agent.stopped()).code, 0);
});

Deno.test("a redirect to another origin is not followed, neither by the control plane's client nor by a channel's [P-32, HT-32]", async () => {
  await using relay = await TestRelay.start();
  await using elsewhere = new Target();
  await using target = new Target(() =>
    new Response(null, { status: 307, headers: { location: elsewhere.url } })
  );
  await using agent = await AgentProgram.serving(relay, {
    // Allowed by the sandbox, so that it is the rule that holds it back.
    args: [
      `--mcp.server-url=${target.url}`,
      `--mcp.server-url=channel=elsewhere,url=${elsewhere.url}`,
      "--mcp.extra-headers=Authorization: Bearer of-the-target",
    ],
  });
  const answer = await call(relay.mcpUrl, 1, "tools/list", {}, {
    headers: { authorization: "Bearer of-the-connector" },
  });
  assert.ok(answer.error !== undefined);
  assert.equal(elsewhere.arrivals.length, 0);

  await using redirecting = startServer(async (peer) => {
    while (await peer.request() !== undefined) {
      await peer.send(`HTTP/1.1 307 No\r\nLocation: ${elsewhere.url}\r\nContent-Length: 0\r\n\r\n`);
    }
  });
  assert.match(await firstFailure(redirecting.origin, []), /status 307/);
  assert.equal(elsewhere.arrivals.length, 0);
  assert.equal((await agent.stopped()).code, 0);
});
