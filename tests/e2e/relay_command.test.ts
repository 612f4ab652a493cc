import assert from "node:assert/strict";
import { AgentProgram } from "../support/e2e_agent.ts";
import { Folder } from "../support/e2e_folder.ts";
import { call } from "../support/e2e_json_rpc.ts";
import { type Program, tunnelClient, tunnelClientEnd } from "../support/e2e_program.ts";
import { TUNNEL_ID } from "../support/e2e_relay.ts";
import { freePort } from "../support/e2e_servers.ts";
import { Target } from "../support/e2e_target.ts";

interface RelayDocument {
  readonly control_plane_base_url: string;
  readonly tunnels: readonly { readonly tunnel_id: string; readonly mcp_url: string }[];
}

/** What the relay has printed with `--print-json`. */
async function documentOf(relay: Program): Promise<RelayDocument> {
  await relay.untilPrinted(/^\}\n/m);
  return JSON.parse(relay.stdout);
}

/** The first call that is answered with success, once the agent is there. */
async function answered(url: string, headers: Record<string, string> = {}) {
  let status = 0;
  for (const endAt = performance.now() + 30_000; performance.now() < endAt;) {
    const answer = await call(url, 1, "ping", {}, { headers });
    status = answer.status;
    if (status === 200) return answer;
    assert.equal(status, 503, "anything but an agent that is not there yet");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no success, last status ${status}`);
}

Deno.test("relay and run, each told by files alone, carry a connector's call", async () => {
  await using target = new Target();
  await using folder = new Folder();
  await using relay = tunnelClient([
    "relay",
    `--tunnel-id=${TUNNEL_ID}`,
    `--api-key-file=${folder.file("agent.key")}`,
    "--connector-key=env:CONNECTOR_KEY",
    `--url-file=${folder.file("relay.json")}`,
    "--print-json",
  ], { env: { CONNECTOR_KEY: "connector-secret" } });
  const document = await documentOf(relay);
  assert.equal(await folder.read("relay.json"), relay.stdout);
  assert.equal((await Deno.stat(folder.file("agent.key"))).mode! & 0o777, 0o600);
  const { mcp_url: url = "" } = document.tunnels[0] ?? {};
  assert.equal(url, `${document.control_plane_base_url}/v1/mcp/${TUNNEL_ID}`);

  const early = await call(url, 1, "ping", {}, { headers: { authorization: "Bearer connector-secret" } });
  assert.equal(early.status, 503);
  assert.equal((early.error as unknown as { code: string }).code, "tunnel_client_not_seen");

  await using agent = await AgentProgram.listening({
    controlPlaneUrl: document.control_plane_base_url,
    args: [`--mcp.server-url=${target.url}`, `--control-plane.api-key=file:${folder.file("agent.key")}`],
    env: { CONTROL_PLANE_API_KEY: "the flag wins over the environment" },
  });
  await agent.untilReadyz(200, /^ready/);
  assert.deepEqual((await answered(url, { "x-tunnel-connector-key": "connector-secret" })).result, {});
  assert.equal(target.arrivals.at(-1)?.headers.get("x-tunnel-connector-key"), null);
  assert.equal((await call(url, 2, "ping")).status, 401);

  for (const path of ["/healthz", "/readyz", "/metrics"]) {
    const response = await fetch(document.control_plane_base_url + path);
    await response.body?.cancel();
    assert.equal(response.status, 200, path);
  }
  assert.equal((await agent.stopped()).code, 0);
  const end = await relay.stopped();
  assert.equal(end.code, 0, end.stderr);
  assert.equal(await folder.exists("relay.json"), false);
  const key = (await folder.read("agent.key"))!.trim();
  assert.equal((end.stdout + end.stderr).split(key).length - 1, 1, "the new key is shown exactly once");
  assert.doesNotMatch(end.stdout + end.stderr, /connector-secret/);
});

Deno.test("an agent outlives a restart of its relay and goes on by itself", async () => {
  await using target = new Target();
  const args = [
    "relay",
    `--listen=127.0.0.1:${freePort()}`,
    `--tunnel-id=${TUNNEL_ID}`,
    "--api-key=env:KEY",
    "--print-json",
  ];
  const env = { KEY: "e2e-agent-key" };
  await using first = tunnelClient(args, { env });
  const { control_plane_base_url: controlPlaneUrl, tunnels } = await documentOf(first);
  const url = tunnels[0]!.mcp_url;
  await using agent = await AgentProgram.listening({
    controlPlaneUrl,
    args: [`--mcp.server-url=${target.url}`],
  });
  await answered(url);
  assert.equal((await first.stopped()).code, 0);
  await agent.untilEvent("poll failed; backing off");
  await using second = tunnelClient(args, { env });
  await documentOf(second);
  await answered(url);
  await agent.untilEvent("poller recovered; polling operational");
  await agent.untilReadyz(200, /^ready/);
  assert.equal((await agent.stopped()).code, 0);
});

Deno.test("the relay refuses what would be unsafe or makes no sense, with exit code 1 and without a stack", async () => {
  await using folder = new Folder();
  await Deno.writeTextFile(folder.file("key"), "k\n");
  const cases: readonly (readonly [args: readonly string[], message: RegExp])[] = [
    [["--listen=0.0.0.0:0"], /connector key/],
    [["--tunnel-id=SHOUT"], /--tunnel-id/],
    [["--api-key=plain-text-key"], /env:.*file:/],
    [["--api-key=env:NO_SUCH_VARIABLE"], /NO_SUCH_VARIABLE/],
    [["--api-key=file:/no/such/file"], /no\/such\/file/],
    [[`--api-key=file:${folder.file("key")}`, `--api-key-file=${folder.file("key")}`], /mutually exclusive/],
    [["--tunnels-file=/no/such/file"], /no\/such\/file/],
    [["--response-timeout=soon"], /response-timeout/],
    [["--no-such-flag"], /no-such-flag/],
  ];
  await Promise.all(cases.map(async ([args, message]) => {
    const end = await tunnelClientEnd(["relay", ...args]);
    assert.equal(end.code, 1, `${args}: ${end.stderr}`);
    assert.match(end.stderr, message);
    assert.doesNotMatch(end.stderr, /\n\s+at |plain-text-key/);
    assert.equal(end.stdout, "");
  }));
});

Deno.test("relay says which address is taken, and what to do", async () => {
  await using target = new Target();
  const end = await tunnelClientEnd([
    "relay",
    `--tunnel-id=${TUNNEL_ID}`,
    `--listen=127.0.0.1:${target.port}`,
  ]);
  assert.equal(end.code, 1);
  assert.equal(
    end.stderr,
    `listen on 127.0.0.1:${target.port}: address already in use; choose another port, or 0 for any\n`,
  );
});
