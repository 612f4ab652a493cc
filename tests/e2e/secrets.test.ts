import assert from "node:assert/strict";
import { AgentProgram } from "../support/e2e_agent.ts";
import { Front } from "../support/e2e_front.ts";
import { call, postText } from "../support/e2e_json_rpc.ts";
import { processesWith } from "../support/e2e_processes.ts";
import { TestRelay } from "../support/e2e_relay.ts";
import { type Arrival, json, result, Target } from "../support/e2e_target.ts";
import { eventually } from "../support/e2e_wait.ts";

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
  sessionId: "meadow-session-79",
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
    id: `${kind}-${SECRETS.argument}`,
    method: "tools/call",
    params: { name: SECRETS.toolName, arguments: { kind, text: SECRETS.argument } },
  };
  const posted = await postText(url, JSON.stringify(body), {
    headers: {
      accept: "application/json, text/event-stream",
      authorization: `Bearer ${SECRETS.connectorToken}`,
      "mcp-session-id": SECRETS.sessionId,
    },
  });
  return posted.status;
}

/** Names of the secrets that a text holds, base64 of them included. */
function found(text: string): string[] {
  return Object.entries(SECRETS).filter(([, word]) => text.includes(word) || text.includes(btoa(word)))
    .map(([name]) => name);
}

Deno.test("no secret and no payload is ever shown: output, logs, metrics, status, files, command lines, at level debug", async () => {
  await using target = new Target((arrival) => {
    const script = SCRIPTS[arrival.message.params?.arguments?.kind];
    return script === undefined ? undefined : script(arrival);
  });
  await using relay = await TestRelay.start({ responseTimeoutMs: 1_500 }, SECRETS.apiKey);
  let broken = 0;
  await using front = new Front({
    upstream: relay.url,
    // The control plane has bad moments too, and says too much in them.
    meddle: (request) => {
      if (!request.url.endsWith("/response") || broken++ % 4 !== 0) return undefined;
      return new Response(`trace: ${request.headers.get("authorization")} ${SECRETS.failure}`, {
        status: 500,
      });
    },
  });
  const { urlUser, urlPassword, urlQuery } = SECRETS;
  await using agent = await AgentProgram.listening({
    controlPlaneUrl: front.url,
    logLevel: "debug",
    args: [
      "--mcp.extra-headers=X-Internal: env:MCP_HEADER",
      "--mcp.discovery-extra-headers=X-Discovery: env:DISCOVERY_HEADER",
      "--control-plane.extra-headers=X-Gateway: env:GATEWAY_HEADER",
      "--control-plane.poll-timeout=1s",
      "--mcp.stdio-concurrency=4",
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
  await relay.polled();

  const statuses: Record<string, number> = {};
  await Promise.all(
    Object.keys(SCRIPTS).map(async (kind) => {
      statuses[kind] = await disappoint(relay.mcpUrl, kind);
    }),
  );
  assert.equal(statuses.fine, 200);
  assert.equal(statuses.rpcError, 400);
  assert.equal(statuses.locked, 401);
  assert.ok(
    [statuses.crash, statuses.page, statuses.notJson, statuses.wrongId].every((status) => status! >= 500),
  );
  assert.equal(statuses.never, 504);
  await disappoint(`${relay.mcpUrl}/nobody`, "fine");
  await fetch(relay.mcpUrl, { method: "DELETE", headers: { "mcp-session-id": SECRETS.sessionId } })
    .then((response) => response.body?.cancel());
  await fetch(`${relay.url}/.well-known/oauth-protected-resource/v1/mcp/${relay.tunnelId}`)
    .then((response) => response.body?.cancel());

  const child = `${relay.mcpUrl}/child`;
  await call(child, 1, "echo", { text: SECRETS.child });
  await call(child, 2, "raw", {
    text: `${SECRETS.child} is no JSON\n{"jsonrpc":"2.0","id":$ID,"result":{}}\n`,
  });
  await call(child, 3, "raw", {
    text: `{"jsonrpc":"2.0","id":99,"result":"${SECRETS.child}"}\n{"jsonrpc":"2.0","id":$ID,"result":{}}\n`,
  });
  await call(child, 4, "ask", { text: SECRETS.child });
  const processes = processesWith(agent.mark).filter(({ pid }) => pid !== agent.program.pid);
  await call(child, SECRETS.child, "exit", { code: 3, text: SECRETS.child });

  // The secrets were really at work.
  const inPlay = target.arrivals.find(({ message }) => message.params?.arguments?.kind === "fine");
  assert.equal(inPlay?.headers.get("x-internal"), SECRETS.mcpHeader);
  assert.equal(inPlay?.headers.get("authorization"), `Bearer ${SECRETS.connectorToken}`);
  assert.ok(inPlay?.text.includes(SECRETS.argument));
  assert.ok(broken > 4);

  const shown: Record<string, string> = {};
  for (const path of ["/healthz", "/readyz", "/readyz?format=json", "/metrics", "/api/status", "/ui"]) {
    shown[path] = (await agent.get(path)).body;
  }
  for (const file of ["health.url", "agent.pid"]) shown[file] = (await agent.folder.read(file)) ?? "";
  shown["command line of the agent"] = await Deno.readTextFile(`/proc/${agent.program.pid}/cmdline`);
  assert.ok(processes.length > 0);
  shown["command lines of its children"] = processes.map(({ commandLine }) => commandLine).join("\n");
  await eventually("the deadline of the last call", () => relay.counts.inFlight === 0);
  const end = await agent.stopped();
  assert.equal(end.code, 0, end.stderr);
  shown["stdout"] = end.stdout;
  shown["stderr"] = end.stderr;

  const leaks = Object.entries(shown).map(([where, text]) => [where, found(text)]).filter(([, names]) =>
    names!.length > 0
  );
  const lines = end.stdout.split("\n").filter((line) => found(line).length > 0);
  assert.deepEqual(leaks, [], `for instance:\n${lines.slice(0, 5).join("\n")}`);
  // A child is outside the sandbox; what it is not given, it cannot leak.
  const { apiKey, mcpHeader, discoveryHeader, controlPlaneHeader } = SECRETS;
  for (const { environment } of processes) {
    for (const word of [apiKey, mcpHeader, discoveryHeader, controlPlaneHeader]) {
      assert.ok(!environment.includes(word), "a child has a secret of the agent in its environment");
    }
  }
  // The log was not silent about it all.
  const msgs = new Set(agent.log().map(({ msg }) => msg));
  for (
    const msg of [
      "downstream MCP failure; answering with an error",
      "poll cycle complete",
      "response delivered",
    ]
  ) {
    assert.ok(msgs.has(msg), `nothing in the log about "${msg}": ${[...msgs].join(", ")}`);
  }
});
