import assert from "node:assert/strict";
import { AgentProgram } from "../support/e2e_agent.ts";
import { Folder } from "../support/e2e_folder.ts";
import { call } from "../support/e2e_json_rpc.ts";
import { PROGRAM_IS_OLD, tunnelClientEnd } from "../support/e2e_program.ts";
import { TestRelay, TUNNEL_ID } from "../support/e2e_relay.ts";
import { result, Target } from "../support/e2e_target.ts";
import { makeKeyForms, makePki, type Pki } from "../support/net_pki.ts";
import { programTest, startNginx } from "../support/net_programs.ts";
import { startProxy } from "../support/net_proxies.ts";
import { startPipe } from "../support/network_peers.ts";

/** An nginx that demands a client certificate and tells what stands behind it whose it was. */
function startGuard(pki: Pki, upstreamPort: number, host: string) {
  return startNginx((port) => [
    `listen 127.0.0.1:${port} ssl;`,
    `ssl_certificate ${pki.folder}/good.pem;`,
    `ssl_certificate_key ${pki.folder}/good.key;`,
    `ssl_client_certificate ${pki.folder}/clients.pem;`,
    "ssl_verify_client on;",
    "location / {",
    `proxy_pass http://127.0.0.1:${upstreamPort};`,
    `proxy_set_header Host ${host};`,
    "proxy_set_header X-Client $ssl_client_s_dn;",
    "proxy_buffering off;",
    "proxy_read_timeout 65s;",
    "}",
  ]);
}

const seeing = () => new Target((arrival) => result(arrival, { client: arrival.headers.get("x-client") }));

/** At once, as those do who renew certificates. */
async function replaceFile(path: string, text: string): Promise<void> {
  await Deno.writeTextFile(`${path}.new`, text);
  await Deno.rename(`${path}.new`, path);
}

programTest(
  ["nginx"],
  "client certificates open control plane and channels that demand them, and are renewed without a restart [P-2, TL-4 … TL-6, CFG-56, CFG-57]",
  async () => {
    await using pki = await makePki();
    await using folder = new Folder();
    const [cert, key] = [folder.file("mcp.pem"), folder.file("mcp.key")];
    await Deno.writeTextFile(cert, pki.client.cert);
    await Deno.writeTextFile(key, pki.client.key);
    await using relay = await TestRelay.start();
    await using target = seeing();
    const relayPort = Number(new URL(relay.url).port);
    await using controlPlane = await startGuard(pki, relayPort, `127.0.0.1:${relayPort}`);
    await using guarded = await startGuard(pki, target.port, `127.0.0.1:${target.port}`);
    await using agent = await AgentProgram.listening({
      controlPlaneUrl: `https://localhost:${controlPlane.port}`,
      args: [
        `--ca-bundle=${pki.folder}/authority.pem`,
        `--control-plane.client-cert=${pki.folder}/client.pem`,
        `--control-plane.client-key=${pki.folder}/client.key`,
        `--mcp.client-cert=${cert}`,
        `--mcp.client-key=${key}`,
        `--mcp.server-url=https://localhost:${guarded.port}/mcp`,
      ],
    });
    await relay.polled();
    assert.deepEqual((await call(relay.mcpUrl, 1, "tools/list")).result, { client: "CN=client" });
    assert.equal(agent.events("control-plane route resolved")[0]?.mtls_enabled, true);
    assert.equal(agent.events("MCP route resolved")[0]?.mtls_cert_path, cert);

    await replaceFile(cert, pki.foreign.cert);
    const failed = await agent.untilEvent(
      "certificate files have changed and cannot be used; what was read before stays in use",
    );
    assert.match(
      String(failed.error),
      /MCP client key: private key does not match: .*mcp\.key is not the key of/,
    );
    assert.deepEqual((await call(relay.mcpUrl, 2, "tools/list")).result, { client: "CN=client" });
    await replaceFile(key, pki.foreign.key);
    await agent.untilEvent("certificate files have changed; new connections use them");
    assert.deepEqual(
      await agent.program.until("the new certificate", async () => {
        const { result } = await call(relay.mcpUrl, 3, "tools/list");
        return result.client === "CN=foreign" && result;
      }),
      { client: "CN=foreign" },
    );
    const shown = agent.program.stdout + agent.program.stderr + (await agent.get("/api/system")).body;
    for (const pem of [pki.client.key, pki.foreign.key]) assert.ok(!shown.includes(pem.slice(60, 100)));
    assert.equal((await agent.stopped()).code, 0);
  },
);

// Before Deno 2.9 no certificate can be shown inside a tunnel.
if (!PROGRAM_IS_OLD) {
  programTest(
    ["nginx"],
    "a certificate is shown to its own channel's origin only: neither to another channel's nor to an https proxy [TL-6, CFG-57]",
    async () => {
      await using pki = await makePki();
      await using relay = await TestRelay.start();
      await using target = seeing();
      await using guarded = await startGuard(pki, target.port, `127.0.0.1:${target.port}`);
      await using proxy = startProxy({ kind: "https", certificate: pki.good });
      const url = `https://localhost:${guarded.port}/mcp`;
      const pair = `client-cert=${pki.folder}/client.pem,client-key=${pki.folder}/client.key`;
      await using agent = await AgentProgram.serving(relay, {
        args: [
          `--ca-bundle=${pki.folder}/authority.pem`,
          `--mcp.server-url=${target.url}`,
          `--mcp.server-url=channel=shows,url=${url},http-proxy=${proxy.url},${pair}`,
          `--mcp.server-url=channel=bare,url=${url}`,
        ],
      });
      assert.deepEqual((await call(`${relay.mcpUrl}/shows`, 1, "tools/list")).result, {
        client: "CN=client",
      });
      const bare = await call(`${relay.mcpUrl}/bare`, 2, "tools/list");
      assert.equal(bare.status, 400, "nginx says so over HTTP");
      assert.deepEqual(new Set(proxy.tunnels), new Set([`localhost:${guarded.port}`]));
      assert.equal((await agent.stopped()).code, 0);
    },
  );
}

Deno.test("roots of SSL_CERT_FILE and SSL_CERT_DIR are trusted beside those of the process [TL-1]", async () => {
  await using pki = await makePki();
  await using relay = await TestRelay.start();
  await using target = seeing();
  await using front = startPipe(Number(new URL(relay.url).port), { tls: pki.chained });
  await using folder = new Folder();
  await Deno.writeTextFile(folder.file("company.pem"), pki.authority);
  const places: readonly Readonly<Record<string, string>>[] = [
    { SSL_CERT_FILE: folder.file("company.pem") },
    { SSL_CERT_DIR: folder.path },
  ];
  for (const env of places) {
    await using agent = await AgentProgram.listening({
      controlPlaneUrl: `https://localhost:${front.port}`,
      args: [`--mcp.server-url=${target.url}`],
      env,
    });
    await agent.untilReadyz(200, /^ready/);
    const { tls } = JSON.parse((await agent.get("/api/system")).body);
    assert.deepEqual(tls.system_trust.source_paths, [folder.file("company.pem")]);
    assert.equal((await agent.stopped()).code, 0);
  }
});

Deno.test("files that cannot be used end the start, with their name and what is wrong with them [CFG-55, CFG-56, TL-4]", async () => {
  await using pki = await makePki();
  await makeKeyForms(pki);
  const at = (name: string) => `${pki.folder}/${name}`;
  const pair = (cert: string, key: string) => [
    `--control-plane.client-cert=${at(cert)}`,
    `--control-plane.client-key=${at(key)}`,
  ];
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [[`--ca-bundle=${at("nothing.pem")}`], /invalid ca-bundle: there is no file .*nothing\.pem/],
    [[`--ca-bundle=${at("client.key")}`], /invalid ca-bundle: no certificate in .*client\.key/],
    [
      pair("client.pem", "encrypted.key"),
      /control-plane client key: the key in .*encrypted\.key is encrypted; decrypt it/,
    ],
    [pair("client.pem", "der.key"), /control-plane client key: .*der\.key is DER, PEM is wanted/],
    [
      pair("client.pem", "good.key"),
      /private key does not match: .*good\.key is not the key of .*client\.pem/,
    ],
  ];
  for (const [args, pattern] of cases) {
    const { code, stderr } = await tunnelClientEnd([
      "run",
      `--control-plane.tunnel-id=${TUNNEL_ID}`,
      "--mcp.server-url=http://127.0.0.1:9/mcp",
      "--health.listen-addr=127.0.0.1:0",
      ...args,
    ], { env: { CONTROL_PLANE_API_KEY: "key" } });
    assert.equal(code, 1);
    assert.match(stderr, pattern);
  }
});
