import assert from "node:assert/strict";
import { AgentProgram } from "../support/e2e_agent.ts";
import { Folder } from "../support/e2e_folder.ts";
import { Front } from "../support/e2e_front.ts";
import { call, handshake, postText } from "../support/e2e_json_rpc.ts";
import { processesWith } from "../support/e2e_processes.ts";
import { TestRelay } from "../support/e2e_relay.ts";
import { type Arrival, json, result, Target } from "../support/e2e_target.ts";

/** Words that must not be seen anywhere; none looks like a key, so that no pattern finds it by its form. */
const SECRETS = {
  apiKey: "walrus-canoe-71",
  mcpHeader: "tangerine-mill-72",
  discoveryHeader: "velvet-anchor-73",
  controlPlaneHeader: "copper-orchid-74",
  urlUser: "margot75",
  urlPassword: "quarry-lantern-76",
  urlQuery: "saffron-gate-77",
  connectorToken: "birch-tunnel-78",
  argument: "payload-argument-80",
  answer: "payload-answer-81",
  failure: "payload-failure-82",
  location: "payload-location-83",
  challenge: "payload-challenge-84",
  notification: "payload-notification-85",
  method: "payload-method-86",
  child: "payload-child-87",
  toolName: "payload-tool-88",
} as const;

const CHILD = new URL("../support/stdio_child.ts", import.meta.url).pathname;

function events(...messages: unknown[]): Response {
  const text = messages.map((message) =>
    `data: ${typeof message === "string" ? message : JSON.stringify(message)}\n\n`
  ).join("");
  return new Response(text, { headers: { "content-type": "text/event-stream" } });
}

/** Every way in which a target can disappoint, by the kind that the call asks for. */
const SCRIPTS: Readonly<Record<string, (arrival: Arrival) => Response | Promise<Response>>> = {
  fine: (arrival) => result(arrival, { text: SECRETS.answer }),
  toolError: (arrival) =>
    result(arrival, { isError: true, content: [{ type: "text", text: SECRETS.failure }] }),
  rpcError: (arrival) => {
    const error = { code: -32000, message: SECRETS.failure, data: { text: SECRETS.failure } };
    return json(JSON.stringify({ jsonrpc: "2.0", id: arrival.message.id, error }), 400);
  },
  page: () => new Response(`<html>${SECRETS.failure}</html>`, { headers: { "content-type": "text/html" } }),
  crash: () => new Response(`Error: ${SECRETS.failure}\n at line 1`, { status: 500 }),
  notJson: () => json(`{"oops": ${SECRETS.failure}`),
  notRpc: () => json(JSON.stringify({ text: SECRETS.failure })),
  wrongId: () => json(JSON.stringify({ jsonrpc: "2.0", id: SECRETS.failure, result: SECRETS.answer })),
  stream: (arrival) =>
    events(
      { jsonrpc: "2.0", method: SECRETS.method, params: { text: SECRETS.notification } },
      {
        jsonrpc: "2.0",
        id: SECRETS.notification,
        method: SECRETS.method,
        params: { text: SECRETS.notification },
      },
      { jsonrpc: "2.0", id: arrival.message.id, result: { text: SECRETS.answer } },
    ),
  brokenStream: () =>
    events({ jsonrpc: "2.0", method: "x", params: SECRETS.notification }, `{"a": ${SECRETS.failure}`),
  cutStream: () => events({ jsonrpc: "2.0", method: "x", params: SECRETS.notification }),
  moved: () =>
    new Response(null, { status: 307, headers: { location: `http://127.0.0.1:9/${SECRETS.location}?a=1` } }),
  locked: () =>
    new Response(SECRETS.failure, {
      status: 401,
      headers: { "www-authenticate": `Bearer realm="${SECRETS.challenge}"` },
    }),
  never: () => new Promise<Response>(() => {}),
};

/** A JSON-RPC call full of payload. */
async function disappoint(url: string, kind: string): Promise<number> {
  const body = {
    jsonrpc: "2.0",
    id: kind,
    method: "tools/call",
    params: { name: SECRETS.toolName, arguments: { kind, text: SECRETS.argument } },
  };
  const posted = await postText(url, JSON.stringify(body), {
    headers: {
      accept: "application/json, text/event-stream",
      authorization: `Bearer ${SECRETS.connectorToken}`,
      "mcp-session-id": "session-79",
    },
  });
  return posted.status;
}

/** Names of the secrets that a text holds, base64 of them included. */
function found(text: string): string[] {
  return Object.entries(SECRETS).filter(([, word]) => text.includes(word) || text.includes(btoa(word)))
    .map(([name]) => name);
}

/** An agent that knows every secret. */
async function startAgent(controlPlaneUrl: string, target: Target, logFile: string): Promise<AgentProgram> {
  const { urlUser, urlPassword, urlQuery } = SECRETS;
  return await AgentProgram.listening({
    controlPlaneUrl,
    logLevel: "debug",
    args: [
      "--mcp.extra-headers=X-Internal: env:MCP_HEADER",
      "--mcp.discovery-extra-headers=X-Discovery: env:DISCOVERY_HEADER",
      "--control-plane.extra-headers=X-Gateway: env:GATEWAY_HEADER",
      "--control-plane.poll-timeout=1s",
      "--mcp.stdio-concurrency=4",
      ...(logFile === "" ? [] : [`--log.file=${logFile}`]),
    ],
    env: {
      CONTROL_PLANE_API_KEY: SECRETS.apiKey,
      MCP_SERVER_URL: `http://${urlUser}:${urlPassword}@127.0.0.1:${target.port}/mcp?key=${urlQuery}`,
      MCP_COMMAND: `channel=child,command=${Deno.execPath()} run -A --no-check --quiet ${CHILD} plain`,
      MCP_HEADER: SECRETS.mcpHeader,
      DISCOVERY_HEADER: SECRETS.discoveryHeader,
      GATEWAY_HEADER: SECRETS.controlPlaneHeader,
    },
  });
}

/** Calls that go wrong in every way that the target knows, and a few more. */
async function haveBadDay(relay: TestRelay, target: Target): Promise<void> {
  const statuses: Record<string, number> = {};
  const visits = Object.keys(SCRIPTS).map(async (kind) => {
    statuses[kind] = await disappoint(relay.mcpUrl, kind);
  });
  await Promise.all(visits);
  assert.equal(statuses.fine, 200);
  assert.equal(statuses.rpcError, 400);
  assert.equal(statuses.locked, 401);
  assert.equal(statuses.never, 504);
  for (const kind of ["crash", "page", "notJson", "wrongId"]) assert.ok(statuses[kind]! >= 500, kind);
  await disappoint(`${relay.mcpUrl}/nobody`, "fine");
  const metadataUrl = `${relay.url}/.well-known/oauth-protected-resource/v1/mcp/${relay.tunnelId}`;
  for (
    const response of [
      await fetch(relay.mcpUrl, { method: "DELETE", headers: { "mcp-session-id": "session-79" } }),
      await fetch(metadataUrl),
    ]
  ) await response.body?.cancel();

  // The secrets were really at work.
  const arrival = target.arrivals.find(({ message }) => message.params?.arguments?.kind === "fine");
  assert.equal(arrival?.headers.get("x-internal"), SECRETS.mcpHeader);
  assert.equal(arrival?.headers.get("authorization"), `Bearer ${SECRETS.connectorToken}`);
  assert.equal(arrival?.path, `/mcp?key=${SECRETS.urlQuery}`);
  assert.ok(arrival?.text.includes(SECRETS.argument));
  const heard = found(JSON.stringify(target.arrivals.flatMap(({ headers }) => [...headers])));
  assert.ok(!heard.includes("apiKey") && !heard.includes("controlPlaneHeader"), `the target heard ${heard}`);
}

/** What a stdio server can do wrong. */
async function haveBadChild(url: string): Promise<void> {
  const { child } = SECRETS;
  const fine = '{"jsonrpc":"2.0","id":$ID,"result":{}}\n';
  await handshake(url);
  await call(url, 1, "echo", { text: child });
  await call(url, 2, "raw", { text: `{"damaged": ${child}\n${fine}` });
  await call(url, 3, "raw", { text: `{"jsonrpc":"2.0","id":99,"result":"${child}"}\n${fine}` });
  await call(url, 4, "ask", { text: child });
  await call(url, 5, "exit", { code: 3, text: child });
}

/** Everything that an operator can see while it runs. */
async function visible(agent: AgentProgram): Promise<Record<string, string>> {
  const shown: Record<string, string> = {};
  for (const path of ["/healthz", "/readyz", "/readyz?format=json", "/metrics", "/api/status", "/ui"]) {
    shown[path] = (await agent.get(path)).body;
  }
  for (const file of ["health.url", "agent.pid"]) shown[file] = (await agent.folder.read(file)) ?? "";
  for (const { pid, commandLine } of processesWith(agent.mark)) shown[`command line of ${pid}`] = commandLine;
  return shown;
}

const EVENTS = [
  "downstream MCP failure; answering with an error",
  "poll cycle complete",
  "response delivered",
];

async function assertDiscreet(logFileName: "" | "agent.log"): Promise<void> {
  await using target = new Target((arrival) => SCRIPTS[arrival.message.params?.arguments?.kind]?.(arrival));
  await using relay = await TestRelay.start({ responseTimeoutMs: 1_500 }, SECRETS.apiKey);
  let broken = 0;
  const toldControlPlane = new Set<string>();
  await using front = new Front({
    upstream: relay.url,
    // The control plane has bad moments too, and says too much in them.
    meddle: (request) => {
      for (const name of found(JSON.stringify([...request.headers]))) toldControlPlane.add(name);
      if (!request.url.endsWith("/response") || broken++ % 4 !== 0) return undefined;
      return new Response(`trace: ${request.headers.get("authorization")}`, { status: 500 });
    },
  });
  await using folder = new Folder();
  const logFile = logFileName === "" ? "" : folder.file(logFileName);
  await using agent = await startAgent(front.url, target, logFile);
  await relay.polled();
  // A child is outside the sandbox; what it is not given, it cannot leak.
  const children = processesWith(agent.mark).filter(({ pid }) => pid !== agent.program.pid);
  assert.ok(children.length > 0);
  const { apiKey, mcpHeader, discoveryHeader, controlPlaneHeader } = SECRETS;
  for (const word of [apiKey, mcpHeader, discoveryHeader, controlPlaneHeader]) {
    assert.ok(children.every(({ environment }) => !environment.includes(word)), "a child was given a secret");
  }

  await haveBadDay(relay, target);
  await haveBadChild(`${relay.mcpUrl}/child`);
  assert.ok(broken > 4);
  assert.deepEqual([...toldControlPlane].sort(), ["apiKey", "controlPlaneHeader"]);
  const shown = await visible(agent);
  const end = await agent.stopped();
  assert.equal(end.code, 0, end.stderr);
  const log = logFile === "" ? end.stdout : await Deno.readTextFile(logFile);
  Object.assign(shown, { stdout: end.stdout, stderr: end.stderr, log });

  const leaks = Object.entries(shown).map(([where, text]) => [where, ...found(text)]);
  const examples = log.split("\n").filter((line) => found(line).length > 0).slice(0, 5);
  assert.deepEqual(leaks.filter(({ length }) => length > 1), [], `for instance:\n${examples.join("\n")}`);
  // The log was not silent about it all.
  for (const event of EVENTS) assert.ok(log.includes(`"msg":"${event}"`), `nothing about "${event}"`);
}

Deno.test("no secret and no payload is ever shown at level debug: output, metrics, status, files, command lines", async () => {
  await assertDiscreet("");
});

Deno.test("no secret and no payload is ever written to a log file", async () => {
  await assertDiscreet("agent.log");
});
