import assert from "node:assert/strict";
import { Client as ClientV2, StreamableHTTPClientTransport as HttpV2 } from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as HttpV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  type CreateMessageRequest,
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { AgentProgram } from "../support/e2e_agent.ts";
import { Program } from "../support/e2e_program.ts";
import { assertNothingLost, TestRelay } from "../support/e2e_relay.ts";
import { call } from "../support/e2e_json_rpc.ts";

const SERVER = new URL("../support/relay_asking_server.ts", import.meta.url).pathname;
const COMMAND = [Deno.execPath(), "run", "-A", "--frozen", "--no-check", "--quiet", SERVER];
const IDENTITY = { name: "asked", version: "1.0.0" };
const CAPABILITIES = { capabilities: { sampling: {}, elicitation: {}, roots: {} } };

interface Asked {
  readonly prompts: string[];
  callTool(name: string): Promise<string>;
  close(): Promise<void>;
}

function said(prompts: string[], text: string) {
  prompts.push(text);
  return { model: "m", role: "assistant" as const, content: { type: "text" as const, text: "nothing, ß" } };
}

const USER_WORD = { action: "accept" as const, content: { name: "Zoë" } };
const ROOTS = { roots: [{ uri: "file:///home/zoe", name: "home" }] };

async function connectV1(url: string): Promise<Asked> {
  const prompts: string[] = [];
  const client = new ClientV1(IDENTITY, CAPABILITIES);
  client.setRequestHandler(CreateMessageRequestSchema, ({ params }: CreateMessageRequest) => {
    const { content } = params.messages[0]!;
    return said(prompts, (content as { text: string }).text);
  });
  client.setRequestHandler(ElicitRequestSchema, () => USER_WORD);
  client.setRequestHandler(ListRootsRequestSchema, () => ROOTS);
  await client.connect(new HttpV1(new URL(url)));
  return {
    prompts,
    callTool: async (name) => textOf(await client.callTool({ name })),
    close: () => client.close(),
  };
}

async function connectV2(url: string): Promise<Asked> {
  const prompts: string[] = [];
  const client = new ClientV2(IDENTITY, { ...CAPABILITIES, versionNegotiation: { mode: "legacy" } });
  client.setRequestHandler("sampling/createMessage", ({ params }) => {
    const { content } = params.messages[0]!;
    return said(prompts, (content as { text: string }).text);
  });
  client.setRequestHandler("elicitation/create", () => USER_WORD);
  client.setRequestHandler("roots/list", () => ROOTS);
  await client.connect(new HttpV2(new URL(url)));
  return {
    prompts,
    callTool: async (name) => textOf(await client.callTool({ name })),
    close: () => client.close(),
  };
}

function textOf(reply: unknown): string {
  return (reply as { content: { text: string }[] }).content[0]!.text;
}

for (const transport of ["HTTP", "stdio"] as const) {
  Deno.test(`requests of a server over ${transport} are answered by the connector's client, whatever its kind`, async (t) => {
    await using server = transport === "HTTP" ? new Program([...COMMAND, "http"]) : undefined;
    const [url] = await server?.until("URL", () => /http:\S+/.exec(server.stdout)) ?? [];
    await using relay = await TestRelay.start();
    await using agent = await AgentProgram.serving(relay, {
      args: url === undefined
        ? [`--mcp.command=${[...COMMAND, "stdio"].join(" ")}`, "--mcp.stdio-concurrency=2"]
        : [`--mcp.server-url=${url}`],
    });
    for (const [kind, connect] of [["v1", connectV1], ["v2", connectV2]] as const) {
      await t.step(`${kind} client`, async () => {
        const client = await connect(relay.mcpUrl);
        try {
          const model = JSON.parse(await client.callTool("ask-model"));
          assert.deepEqual(model.content, { type: "text", text: "nothing, ß" });
          assert.deepEqual(client.prompts, ["what now? ä 🙂"]);
          assert.deepEqual(JSON.parse(await client.callTool("ask-user")), USER_WORD);
          assert.deepEqual(JSON.parse(await client.callTool("ask-roots")), ROOTS);
          // Over a pipe nothing tells which of several running calls a request belongs to.
          if (transport === "stdio") return;
          const names = ["ask-model", "ask-user", "ask-roots", "ask-model", "ask-user", "ask-roots"];
          const answers = await Promise.all(names.map((name) => client.callTool(name)));
          assert.deepEqual(answers.slice(1, 3).map((text) => JSON.parse(text)), [USER_WORD, ROOTS]);
        } finally {
          await client.close();
        }
      });
    }
    await t.step("a connector that takes no event stream cannot be asked, and the call goes on", async () => {
      // The SDK's HTTP server refuses such a connector by itself.
      if (transport === "HTTP") return;
      const headers = await openSession(relay.mcpUrl);
      const { result } = await call(relay.mcpUrl, 9, "tools/call", { name: "ask-roots" }, { headers });
      assert.equal(result.isError, true);
      assert.match(result.content[0].text, /-32601/);
      assert.equal(relay.counts.requestsRefused, 1);
    });
    assert.equal((await agent.stopped()).code, 0);
    assertNothingLost(relay.counts);
  });
}

/** Begins a session as a client that could answer, but takes plain answers only. @returns headers of its calls */
async function openSession(url: string): Promise<Record<string, string>> {
  const both = { "content-type": "application/json", accept: "application/json, text/event-stream" };
  const begun = await fetch(url, {
    method: "POST",
    headers: both,
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: { protocolVersion: "2025-06-18", clientInfo: IDENTITY, ...CAPABILITIES },
    }),
  });
  await begun.text();
  const sessionId = begun.headers.get("mcp-session-id");
  const session: Record<string, string> = sessionId === null ? {} : { "mcp-session-id": sessionId };
  const known = await fetch(url, {
    method: "POST",
    headers: { ...both, ...session },
    body: '{"jsonrpc":"2.0","method":"notifications/initialized"}',
  });
  await known.text();
  return session;
}
