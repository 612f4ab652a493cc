import assert from "node:assert/strict";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { AgentProgram } from "../support/e2e_agent.ts";
import { Program } from "../support/e2e_program.ts";
import { assertNothingLost, TestRelay } from "../support/e2e_relay.ts";
import { startTarget, type TargetHandler } from "../support/channels_target.ts";
import { until } from "../support/relay_harness.ts";

const SERVER = new URL("../support/relay_asking_server.ts", import.meta.url).pathname;
const COMMAND = [Deno.execPath(), "run", "-A", "--frozen", "--no-check", "--quiet", SERVER, "http"];
const BOTH = { "Content-Type": "application/json", Accept: "application/json, text/event-stream" };

/** A connector whose person answers when the test says so. */
async function personAt(url: string) {
  const client = new Client({ name: "person", version: "1.0.0" }, { capabilities: { elicitation: {} } });
  const answers: (() => void)[] = [];
  client.setRequestHandler(ElicitRequestSchema, async () => {
    await new Promise<void>((resolve) => answers.push(resolve));
    return { action: "accept" as const, content: { name: "Zoë" } };
  });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  return {
    answers,
    call: async () => {
      const { content } = await client.callTool({ name: "ask-user" });
      return JSON.parse((content as { text: string }[])[0]!.text).content.name;
    },
    close: () => client.close(),
  };
}

async function askingServer(): Promise<{ server: Program; url: string }> {
  const server = new Program(COMMAND);
  const [url] = await server.until("URL", () => /http:\S+/.exec(server.stdout));
  return { server, url };
}

/** The call's answer may overtake the receipt of the person's. */
async function allAnswered(relay: TestRelay): Promise<void> {
  await until(() => relay.counts.answered === relay.counts.received, "everything is answered");
}

Deno.test("more calls than the agent has room for, each waiting for a person, all get their answers", async () => {
  const { server, url } = await askingServer();
  await using _server = server;
  await using relay = await TestRelay.start({ responseTimeoutMs: 60_000 });
  await using agent = await AgentProgram.serving(relay, {
    args: [`--mcp.server-url=${url}`, "--control-plane.max-inflight=2", "--mcp.max-concurrent-requests=2"],
  });
  const person = await personAt(relay.mcpUrl);
  const calls = Array.from({ length: 4 }, () => person.call());
  await until(() => person.answers.length === 2, "two calls ask");
  // All places are taken: two calls run, two wait in the agent, and its polls are for asides only.
  await until(() => relay.counts.delivered - relay.counts.answered >= 4, "the other two are at the agent");
  let answered = 0;
  while (answered < 4) {
    await until(() => person.answers.length > answered, "the next call asks");
    person.answers[answered++]!();
  }
  assert.deepEqual(await Promise.all(calls), ["Zoë", "Zoë", "Zoë", "Zoë"]);
  await allAnswered(relay);
  await person.close();
  assert.equal((await agent.stopped()).code, 0);
  assertNothingLost(relay.counts);
});

Deno.test("a person may take longer than the relay's response timeout, and the agent's", async () => {
  const { server, url } = await askingServer();
  await using _server = server;
  await using relay = await TestRelay.start({ responseTimeoutMs: 3_000 });
  await using agent = await AgentProgram.serving(relay, { args: [`--mcp.server-url=${url}`] });
  const person = await personAt(relay.mcpUrl);
  const began = performance.now();
  const call = person.call();
  await until(() => person.answers.length === 1, "the call asks");
  await until(() => performance.now() - began > 7_000, "more than twice the time is over");
  person.answers[0]!();
  assert.equal(await call, "Zoë");
  await allAnswered(relay);
  await person.close();
  assert.equal((await agent.stopped()).code, 0);
  assertNothingLost(relay.counts);
});

const INITIALIZE = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } },
});
const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"slow"}}';
const ANSWER = { jsonrpc: "2.0", id: 7, result: { content: [] } };

function initialized(id: unknown) {
  const result = { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: { name: "t", version: "1" } };
  return { jsonrpc: "2.0", id, result };
}

Deno.test("a target that closes the stream of its call lets the connector poll for the answer, and works once", async () => {
  let executed = 0;
  const answerNow = Promise.withResolvers<void>();
  const handler: TargetHandler = async (request, reply) => {
    if (request.method === "GET") {
      assert.deepEqual(request.values("last-event-id"), ["t-0"]);
      await reply.sse();
      await answerNow.promise;
      await reply.event(ANSWER, "id: t-1\n");
      return await reply.end();
    }
    if (request.method === "DELETE") return await reply.respond(204, []);
    const { method } = request.json();
    if (method === "initialize") {
      const result = {
        protocolVersion: "2025-11-25",
        capabilities: {},
        serverInfo: { name: "t", version: "1" },
      };
      return await reply.json(200, { jsonrpc: "2.0", id: 1, result }, [["Mcp-Session-Id", "s-1"]]);
    }
    if (method !== "tools/call") return await reply.respond(202, []);
    executed++;
    await reply.sse([["Mcp-Session-Id", "s-1"]]);
    await reply.chunk("id: t-0\nretry: 50\ndata: \n\n");
    await reply.end();
  };
  await using target = startTarget(handler);
  await using relay = await TestRelay.start();
  await using agent = await AgentProgram.serving(relay, { args: [`--mcp.server-url=${target.url}`] });
  const begun = await fetch(relay.mcpUrl, { method: "POST", headers: BOTH, body: INITIALIZE });
  await begun.text();
  const session = { ...BOTH, "Mcp-Session-Id": begun.headers.get("mcp-session-id") ?? "" };
  const cut = await fetch(relay.mcpUrl, { method: "POST", headers: session, body: CALL });
  const [, id = assert.fail("no priming event")] =
    /^id: (\S+)\nretry: \d+\ndata: \n\n$/.exec(await cut.text()) ?? [];
  const back = await fetch(relay.mcpUrl, { headers: { ...session, "Last-Event-ID": id } });
  answerNow.resolve();
  assert.deepEqual(JSON.parse((await back.text()).split("data: ")[1]!), ANSWER);
  assert.equal(executed, 1);
  assert.equal((await agent.stopped()).code, 0);
  assertNothingLost(relay.counts);
});

Deno.test("a connector of 2026-07-28 that hangs up frees the worker, and the target sees it", async () => {
  const left = Promise.withResolvers<void>();
  const handler: TargetHandler = async (request, reply) => {
    const { id, method, params } = request.json();
    if (method === "initialize") return await reply.json(200, initialized(id));
    if (id === undefined) return await reply.respond(202, []);
    if (params.name !== "endless") return await reply.json(200, { jsonrpc: "2.0", id, result: {} });
    await reply.sse();
    await reply.event({ jsonrpc: "2.0", method: "notifications/message", params: {} });
    await reply.closed;
    left.resolve();
  };
  await using target = startTarget(handler);
  await using relay = await TestRelay.start();
  await using agent = await AgentProgram.serving(relay, {
    args: [`--mcp.server-url=${target.url}`, "--mcp.max-concurrent-requests=1"],
  });
  const modern = { ...BOTH, "MCP-Protocol-Version": "2026-07-28" };
  const gone = new AbortController();
  const call = (id: number, name: string, signal: AbortSignal | null = null) =>
    fetch(relay.mcpUrl, {
      method: "POST",
      headers: modern,
      signal,
      body: JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: { name } }),
    });
  const endless = await call(1, "endless", gone.signal);
  const reader = endless.body!.getReader();
  await reader.read();
  gone.abort();
  await assert.rejects(reader.read());
  await left.promise;
  assert.deepEqual(await (await call(2, "quick")).json(), { jsonrpc: "2.0", id: 2, result: {} });
  const { abandoned, answered, inFlight, cancelled } = relay.counts;
  assert.deepEqual({ abandoned, answered, inFlight, cancelled }, {
    abandoned: 1,
    answered: 1,
    inFlight: 0,
    cancelled: 1,
  });
  const { code } = await agent.stopped();
  assert.equal(code, 0);
  const { received, expired, answered: delivered } = agent.events("agent stopped")[0]!;
  assert.deepEqual({ received, expired, delivered }, { received: 2, expired: 1, delivered: 1 });
});

Deno.test("over stdio, too: who hangs up ends its subscription at the server, and frees the slot of its call", async () => {
  const child = new URL("../support/stdio_child.ts", import.meta.url).pathname;
  await using relay = await TestRelay.start();
  await using agent = await AgentProgram.serving(relay, {
    args: [`--mcp.command=${Deno.execPath()} run -A --frozen --no-check --quiet ${child}`],
  });
  const version = "2026-07-28";
  const send = (id: number, method: string, signal: AbortSignal | null = null) =>
    fetch(relay.mcpUrl, {
      method: "POST",
      headers: { ...BOTH, "MCP-Protocol-Version": version, "Mcp-Method": method },
      signal,
      body: JSON.stringify({
        jsonrpc: "2.0",
        id,
        method,
        params: {
          _meta: {
            "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientInfo": { name: "t", version: "1" },
            "io.modelcontextprotocol/clientCapabilities": {},
          },
        },
      }),
    });
  const listener = new AbortController();
  const listening = (await send(1, "subscriptions/listen", listener.signal)).body!.getReader();
  await listening.read();
  assert.equal((await (await send(2, "change")).json()).result, 1);
  listener.abort();
  await until(() => relay.counts.cancelled === 1, "the agent is told");
  assert.equal((await (await send(3, "change")).json()).result, 0, "the server has been told, too");
  const holder = new AbortController();
  const held = send(4, "hold", holder.signal);
  held.catch(() => {});
  await until(() => relay.counts.inFlight === 1, "the only slot is taken");
  holder.abort();
  const { result } = await (await send(5, "seen")).json();
  const lines: { method?: string; id?: unknown; params?: { requestId?: unknown } }[] = result.map((
    line: string,
  ) => JSON.parse(line));
  const cancelled = lines.filter(({ method }) => method === "notifications/cancelled");
  const ended = ["subscriptions/listen", "hold"].map((name) =>
    lines.find(({ method }) => method === name)?.id
  );
  assert.deepEqual(cancelled.map(({ params }) => params?.requestId), ended);
  assert.equal(relay.counts.cancelled, 2);
  assert.equal((await agent.stopped()).code, 0);
});
