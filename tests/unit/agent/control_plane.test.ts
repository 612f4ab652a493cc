import assert from "node:assert/strict";
import { ControlPlane, tunnelUrl } from "../../../src/agent/control_plane.ts";
import { Deadlines } from "../../../src/agent/deadlines.ts";
import { INSTANCE_ID, SECRET, TUNNEL_ID } from "../../support/agent_commands.ts";
import { agentConfig } from "../../support/agent_harness.ts";
import { RecordedLog, RecordedMetrics } from "../../support/agent_recorders.ts";

/** P-3, P-4: base URL, prefix, and where the routes are. */
const URLS: [baseUrl: string, urlPath: string, url: string][] = [
  ["https://api.openai.com", "", "https://api.openai.com/v1/tunnels/t"],
  ["https://h/", "", "https://h/v1/tunnels/t"],
  ["https://h:8443", "", "https://h:8443/v1/tunnels/t"],
  ["https://h:443", "", "https://h/v1/tunnels/t"],
  ["https://h/v1/tunnel", "", "https://h/v1/tunnels/t"],
  ["https://h/a?b=c#d", "", "https://h/v1/tunnels/t"],
  ["https://H/", "", "https://h/v1/tunnels/t"],
  ["http://[::1]:8080/x", "", "http://[::1]:8080/v1/tunnels/t"],
  ["https://user:pass@h/x", "", "https://h/v1/tunnels/t"],
  ["https://h", "/gateway/dev/us", "https://h/gateway/dev/us/v1/tunnels/t"],
  ["https://h/ignored", "/gateway/", "https://h/gateway/v1/tunnels/t"],
  ["https://h", "//a///b//", "https://h/a/b/v1/tunnels/t"],
  ["https://h", "/a/./b/../c", "https://h/a/c/v1/tunnels/t"],
  ["https://h", "/", "https://h/v1/tunnels/t"],
];

for (const [baseUrl, urlPath, url] of URLS) {
  Deno.test(`tunnelUrl() of ${baseUrl} with prefix "${urlPath}" is ${url} [P-1, P-3, P-4]`, () => {
    assert.equal(tunnelUrl({ baseUrl, urlPath, tunnelId: "t" }), url);
  });
}

Deno.test("tunnelUrl() puts the tunnel id into one path segment [P-5]", () => {
  const url = tunnelUrl({ baseUrl: "https://h", urlPath: "", tunnelId: "a/b?c#d %" });
  assert.equal(url, "https://h/v1/tunnels/a%2Fb%3Fc%23d%20%25");
});

Deno.test("tunnelUrl() refuses a base without HTTP scheme or host, and does not repeat it [P-3, P-6]", () => {
  for (
    const baseUrl of [
      "",
      "h",
      "/x",
      "https://",
      `ftp://${SECRET}@h`,
      `https://${SECRET}:${SECRET}@`,
      "javascript:0",
    ]
  ) {
    assert.throws(
      () => tunnelUrl({ baseUrl, urlPath: "", tunnelId: "t" }),
      (error: unknown) =>
        error instanceof Error && !error.message.includes(SECRET) && /base URL/.test(error.message),
      baseUrl,
    );
  }
});

Deno.test("ControlPlane sends nothing when the server-info value cannot be built [P-14]", async () => {
  const controlPlane = build({}, new RecordedLog(), () => {
    throw new Error("no channels");
  });
  const { signal } = new AbortController();
  await assert.rejects(controlPlane.poll(1, 10, signal), /no channels/);
  await assert.rejects(controlPlane.metadata(signal), /no channels/);
  await assert.rejects(controlPlane.respond("{}", [], signal), /no channels/);
});

function build(
  changes: Parameters<typeof agentConfig>[1],
  log = new RecordedLog(),
  serverInfo = () => "{}",
): ControlPlane {
  return new ControlPlane(agentConfig("http://127.0.0.1:1", changes).controlPlane, {
    client: { request: () => assert.fail("nothing is sent"), close: () => {} },
    deadlines: new Deadlines(),
    log: log.log,
    metrics: new RecordedMetrics(),
    instanceId: INSTANCE_ID,
    serverInfo,
  });
}

Deno.test("ControlPlane refuses a missing or malformed key before any network use, without showing it [P-6]", () => {
  const keys = [
    "",
    " ",
    `${SECRET} x`,
    ` ${SECRET}`,
    `${SECRET}\n`,
    `${SECRET}.x`,
    `${SECRET}é`,
    `Bearer ${SECRET}`,
  ];
  for (const apiKey of keys) {
    assert.throws(
      () => build({ apiKey }),
      (error: unknown) =>
        error instanceof Error && /API key/.test(error.message) && !error.message.includes(SECRET),
      JSON.stringify(apiKey),
    );
  }
  build({ apiKey: "sk-Az09_-" });
});

Deno.test("ControlPlane refuses a missing tunnel id and a missing base URL [P-6]", () => {
  assert.throws(() => build({ tunnelId: "" }), /tunnel ID/);
  assert.throws(() => build({ baseUrl: "" }), /base URL/);
  assert.doesNotThrow(() => build({ tunnelId: TUNNEL_ID }));
});

Deno.test("ControlPlane allows a call the poll timeout and the guardrail, never more than ten minutes [P-29, P-30]", () => {
  assert.equal(build({}).limitMs, 35_000);
  assert.equal(build({ pollTimeoutMs: 1_000, pollDeadlineGuardrailMs: 1 }).limitMs, 1_001);
  assert.equal(build({ pollTimeoutMs: 599_999, pollDeadlineGuardrailMs: 5_000 }).limitMs, 600_000);
});

Deno.test("ControlPlane warns once of every extra header with a protected name, in any spelling, without its value [P-10, P-11, P-13]", () => {
  const log = new RecordedLog();
  const names = [
    "Authorization",
    "accept",
    "USER-AGENT",
    "X-Tunnel-Client-Name",
    "x-tunnel-client-version",
    "X-Tunnel-Client-Instance-Id",
    "X-TUNNEL-MCP-SERVER-INFO",
    "X-Tunnel-Shard-Token",
    "x-client-request-id",
    "Content-Type",
    " content-length ",
    "Host",
  ];
  build({ extraHeaders: [...names.map((name) => [name, SECRET] as const), ["X-Fine", SECRET]] }, log);
  assert.deepEqual(log.atLeast("warn").length, names.length);
  assert.deepEqual(log.records.map((record) => record.fields.header), names);
  assert(!JSON.stringify(log.records).includes(SECRET));
});
