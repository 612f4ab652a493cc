import assert from "node:assert/strict";
import { startStubServer } from "../../src/stub/mod.ts";
import { metadata, MetadataPlane } from "../support/doctor_control_plane.ts";
import { smallServer } from "../support/doctor_ask.ts";
import { AgentProgram } from "../support/e2e_agent.ts";
import { Folder } from "../support/e2e_folder.ts";
import { tunnelClient, tunnelClientEnd } from "../support/e2e_program.ts";
import { TestRelay, TUNNEL_ID } from "../support/e2e_relay.ts";
import { Target } from "../support/e2e_target.ts";
import { eventually } from "../support/e2e_wait.ts";
import { makePki } from "../support/net_pki.ts";
import { startProxy } from "../support/net_proxies.ts";
import { unusedPort } from "../support/net_servers.ts";

/** Words that must not be seen anywhere; none looks like a key, so that no pattern finds it by its form. */
const SECRETS = {
  apiKey: "walrus-canoe-81",
  header: "tangerine-mill-82",
  controlPlaneHeader: "copper-orchid-83",
  urlUser: "margot84",
  urlPassword: "quarry-lantern-85",
  urlQuery: "saffron-gate-86",
  proxyPassword: "velvet-anchor-87",
  childVariable: "birch-tunnel-88",
  literal: "heron-ladder-89",
} as const;

/** Flags and variables with every kind of secret; each run of this file has them. */
const SECRET_ARGS = [
  "--control-plane.extra-headers=X-Edge: env:EDGE",
  "--mcp.extra-headers=X-Team: env:TEAM",
];
const ENV = {
  CONTROL_PLANE_API_KEY: SECRETS.apiKey,
  EDGE: SECRETS.controlPlaneHeader,
  TEAM: SECRETS.header,
  CODEX_HOME: "/nowhere",
};

interface Document {
  readonly result: string;
  readonly failed_checks?: readonly string[];
  readonly next?: string;
  readonly summary_line: string;
  readonly checks: readonly {
    readonly id: string;
    readonly status: string;
    readonly summary: string;
    readonly evidence?: readonly string[];
    readonly next?: readonly string[];
  }[];
}

/** Asks in all three forms; compares them, and looks for secrets in each. */
async function doctor(args: readonly string[], env: Record<string, string> = {}): Promise<Document> {
  const all = ["doctor", "--health.listen-addr=127.0.0.1:0", ...SECRET_ARGS, ...args];
  const { CONTROL_PLANE_API_KEY: key = "", ...others } = { ...ENV, ...env };
  const options = { env: key === "" ? others : { ...others, CONTROL_PLANE_API_KEY: key } };
  const [brief, explained, machine] = await Promise.all([
    tunnelClientEnd(all, options),
    tunnelClientEnd([...all, "--explain"], options),
    tunnelClientEnd([...all, "--json"], options),
  ]);
  for (const [name, secret] of Object.entries(SECRETS)) {
    for (const { stdout, stderr } of [brief, explained, machine]) {
      assert.ok(!(stdout + stderr).includes(secret), `${name}\n${stdout}`);
    }
  }
  const document: Document = JSON.parse(machine.stdout);
  assert.equal(machine.stdout, `${JSON.stringify(document, null, 2)}\n`, "nothing but the document [C-15]");
  const code = document.result === "ok" ? 0 : 2;
  for (const end of [brief, explained, machine]) {
    assert.deepEqual([end.code, end.stderr], [code, ""], end.stdout);
  }
  const lines = [...brief.stdout.matchAll(/^CHECK (\S+) +(PASS|WARN|FAIL|SKIP) /gm)].map(([, id, status]) =>
    `${id} ${status}`
  );
  assert.deepEqual(lines, document.checks.map(({ id, status }) => `${id} ${status}`));
  assert.deepEqual(
    document.failed_checks ?? [],
    document.checks.filter(({ status }) => status === "FAIL").map(({ id }) => id),
  );
  for (const { id, status } of document.checks) {
    if (status === "FAIL" || status === "WARN") {
      assert.match(explained.stdout, new RegExp(`\nCHECK ${id} {3}${status}\nWhy this matters:`));
    }
  }
  assert.match(document.summary_line, /^tunnel-client [^\n]+$/);
  for (const word of [TUNNEL_ID, "127.0.0.1", "localhost", "/tmp"]) {
    assert.ok(!document.summary_line.includes(word), word);
  }
  return document;
}

function statusOf({ checks }: Document, id: string): string {
  return checks.find((check) => check.id === id)?.status ?? "(absent)";
}

/** What every working configuration of a test has, beside its target. */
function controlPlane(url: string): string[] {
  return [`--control-plane.base-url=${url}`, `--control-plane.tunnel-id=${TUNNEL_ID}`];
}

Deno.test("doctor passes everything of a configuration that then serves [13.3]", async () => {
  await using relay = await TestRelay.start({}, SECRETS.apiKey);
  const well = await doctor([...controlPlane(relay.url), `--mcp.command=${smallServer("pages")}`]);
  assert.deepEqual([well.result, well.next, well.failed_checks], ["ok", "tunnel-client run", undefined]);
  assert.deepEqual(well.checks.map(({ id }) => id), [
    "config_source",
    "profile_load",
    "tunnel_id",
    "control_plane_api_key",
    "tunnels_management_url",
    "runtime_api_keys_url",
    "admin_api_keys_url",
    "chatgpt_connector_settings_url",
    "mcp_target",
    "mcp_command_executable",
    "mcp_server_reachable",
    "oauth_metadata",
    "health_listener",
    "ui",
    "codex_plugin",
    "config_warnings",
    "certificates",
    "proxies",
    "control_plane_reachable",
    "control_plane_key",
    "control_plane_tunnel",
    "clock",
    "mcp_handshake",
    "mcp_tools",
    "mcp_channels",
    "files",
    "permissions",
  ]);
  const polled = relay.relay.firstPollSeen(TUNNEL_ID).then(() => "polled");
  assert.equal(await Promise.race([polled, Promise.resolve("not polled")]), "not polled");
});

Deno.test("doctor asks a server over HTTP, with the secrets of its URL and a protected one's metadata [13.5]", async () => {
  await using relay = await TestRelay.start({}, SECRETS.apiKey);
  const stub = startStubServer({ listenAddr: "127.0.0.1:0", name: "demo", version: "1" });
  try {
    const { host } = new URL(stub.mcpUrl);
    const report = await doctor([
      ...controlPlane(relay.url),
      `--mcp.server-url=http://${SECRETS.urlUser}:${SECRETS.urlPassword}@${host}/mcp?token=${SECRETS.urlQuery}`,
    ]);
    assert.equal(statusOf(report, "oauth_metadata"), "PASS");
    assert.equal(statusOf(report, "mcp_server_reachable"), "PASS");
  } finally {
    await stub.stop();
  }
});

Deno.test("doctor names what is wrong with the control plane: key, tunnel, network, certificate, proxy, clock", async () => {
  await using relay = await TestRelay.start({}, SECRETS.apiKey);
  await using pki = await makePki();
  await using expired = new MetadataPlane(undefined, pki.expired);
  await using unknown = new MetadataPlane(undefined, pki.good);
  await using late = new MetadataPlane(() =>
    metadata({ date: new Date(Date.now() + 900_000).toUTCString() })
  );
  await using proxy = startProxy({ credentials: { username: "ann", password: "other" } });
  const proxyUrl = proxy.url.replace("://", `://ann:${SECRETS.proxyPassword}@`);
  const command = `--mcp.command=${smallServer()}`;
  const cases: readonly (readonly [
    what: string,
    failed: readonly string[],
    args: readonly string[],
    env?: Record<string, string>,
  ])[] = [
    ["wrong key", ["control_plane_key"], controlPlane(relay.url), {
      CONTROL_PLANE_API_KEY: SECRETS.literal,
    }],
    ["unknown tunnel", ["control_plane_tunnel"], [
      `--control-plane.base-url=${relay.url}`,
      `--control-plane.tunnel-id=tunnel_${"x".repeat(32)}`,
    ]],
    ["nobody there", ["control_plane_reachable"], controlPlane(`http://127.0.0.1:${unusedPort()}`)],
    ["expired certificate", ["control_plane_reachable"], [
      ...controlPlane(expired.url),
      `--ca-bundle=${pki.folder}/authority.pem`,
    ]],
    ["unknown authority", ["control_plane_reachable"], controlPlane(unknown.url)],
    ["proxy wants another password", ["proxies", "control_plane_reachable"], [
      ...controlPlane("http://plane.invalid"),
      `--control-plane.http-proxy=${proxyUrl}`,
    ]],
    [
      "proxy of the environment",
      ["proxies", "control_plane_reachable"],
      controlPlane("http://plane.invalid"),
      {
        HTTP_PROXY: proxyUrl,
      },
    ],
    ["clock", ["clock"], controlPlane(late.url)],
  ];
  for (const [what, failed, args, env] of cases) {
    const report = await doctor([...args, command], env);
    assert.deepEqual(report.failed_checks, failed, what);
    assert.equal(report.next, undefined);
  }
});

Deno.test("doctor names what is wrong with the target: dead, not there, no MCP, silent port", async () => {
  await using relay = await TestRelay.start({}, SECRETS.apiKey);
  await using page = new MetadataPlane(() =>
    new Response("<html>", { headers: { "content-type": "text/html" } })
  );
  const cases: readonly (readonly [what: string, failed: readonly string[], target: string])[] = [
    ["dead", ["mcp_handshake"], `--mcp.command=${smallServer("die")}`],
    ["no such program", ["mcp_command_executable"], "--mcp.command=no-such-program-anywhere --stdio"],
    ["chatter", ["mcp_handshake"], "--mcp.command=echo hello"],
    [
      "nobody there",
      ["mcp_server_reachable", "oauth_metadata", "mcp_handshake"],
      `--mcp.server-url=http://127.0.0.1:${unusedPort()}/mcp`,
    ],
    ["no MCP server", ["oauth_metadata", "mcp_handshake"], `--mcp.server-url=${page.url}/mcp`],
  ];
  for (const [what, failed, target] of cases) {
    const report = await doctor([...controlPlane(relay.url), target]);
    assert.deepEqual(report.failed_checks, failed, what);
  }
});

Deno.test("doctor beside an agent that runs says that the address is its, and disturbs nothing", async () => {
  await using relay = await TestRelay.start({}, SECRETS.apiKey);
  await using target = new Target();
  await using agent = await AgentProgram.serving(relay, {
    args: [`--mcp.server-url=${target.url}`],
    env: { CONTROL_PLANE_API_KEY: SECRETS.apiKey },
  });
  const { host } = new URL(agent.healthUrl);
  const report = await doctor([
    ...controlPlane(relay.url),
    `--mcp.command=${smallServer()}`,
    `--health.listen-addr=${host}`,
    `--pid.file=${agent.folder.file("agent.pid")}`,
  ]);
  assert.deepEqual(report.failed_checks, ["health_listener", "files"]);
  assert.match(report.checks.find(({ id }) => id === "health_listener")?.summary ?? "", /by a tunnel-client/);
  assert.equal((await agent.get("/readyz")).status, 200);
});

Deno.test("doctor --profile repeats profile and directory in what is to be typed next, and hides what the profile holds", async () => {
  await using relay = await TestRelay.start({}, SECRETS.apiKey);
  await using folder = new Folder();
  await Deno.writeTextFile(
    folder.file("wiki.yaml"),
    [
      "config_version: 1",
      "control_plane:",
      `  base_url: ${relay.url}`,
      `  tunnel_id: ${TUNNEL_ID}`,
      `  api_key: ${SECRETS.apiKey}`,
      "mcp:",
      "  commands:",
      "    - channel: main",
      `      command: ${smallServer("die")} --password ${SECRETS.literal}`,
      "      env:",
      `        CHILD_TOKEN: ${SECRETS.childVariable}`,
      "",
    ].join("\n"),
  );
  const selection = ["--profile=wiki", `--profile-dir=${folder.path}`];
  const report = await doctor(selection, { CONTROL_PLANE_API_KEY: "" });
  const command = `tunnel-client doctor --profile wiki --profile-dir ${folder.path} --explain`;
  const { next = [], evidence = [] } = report.checks.find(({ id }) => id === "mcp_handshake") ?? {};
  assert.ok(next.at(-1)?.endsWith(command), next.join("\n"));
  assert.ok(
    evidence.some((line) => line.includes("cannot open the database, token [REDACTED]")),
    evidence.join("\n"),
  );
  assert.equal(statusOf(report, "config_warnings"), "WARN");
  assert.deepEqual(report.failed_checks, ["mcp_handshake"]);
});

Deno.test("doctor takes a wrong command line for what it is: exit code 1, and no report [D-2, C-7]", async () => {
  for (const args of [["--no-such-flag"], ["--explain=maybe"]]) {
    const { code, stdout, stderr } = await tunnelClientEnd(["doctor", ...args]);
    assert.deepEqual([code, stdout], [1, ""], args.join(" "));
    assert.match(stderr, /^[^\n]+\n$/);
  }
});

Deno.test("doctor that is stopped takes its child down with it", async () => {
  await using relay = await TestRelay.start({}, SECRETS.apiKey);
  await using folder = new Folder();
  const script = folder.file("server.sh");
  await Deno.writeTextFile(script, `#!/bin/sh\necho $$ > '${folder.path}/pid'\nexec sleep 600\n`, {
    mode: 0o755,
  });
  await using program = tunnelClient([
    "doctor",
    "--health.listen-addr=127.0.0.1:0",
    ...controlPlane(relay.url),
    `--mcp.command=${script}`,
  ], { env: ENV });
  const pid = Number(await program.until("start of the child", () => folder.read("pid")));
  const { code, stdout, stderr } = await program.stopped();
  assert.deepEqual([code, stdout, stderr], [143, "", "stopped by SIGTERM\n"]);
  await eventually("end of the child", () => !isRunning(pid));
});

function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
