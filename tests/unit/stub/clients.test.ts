import assert from "node:assert/strict";
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
} from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as TransportV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { startStubServer, type StubServer } from "../../../src/stub/mod.ts";

async function withServer(use: (server: StubServer) => Promise<void>): Promise<void> {
  const server = startStubServer({ listenAddr: "127.0.0.1:0", name: "demo", version: "9.9.9" });
  try {
    await use(server);
  } finally {
    await server.stop();
  }
}

const IDENTITY = { name: "tester", version: "1.0.0" };

/** The part of both clients that these tests use. */
interface AnyClient {
  listTools(): Promise<{ tools: { name: string; outputSchema?: unknown }[] }>;
  callTool(call: { name: string; arguments: Record<string, unknown> }): Promise<unknown>;
  getServerVersion(): { name: string; version: string } | undefined;
}

async function exerciseTools(client: AnyClient): Promise<void> {
  const { tools } = await client.listTools();
  assert.deepEqual(tools.map((tool) => tool.name), ["server_info", "echo", "uppercase"]);
  assert.ok(tools.every((tool) => tool.outputSchema !== undefined));
  const info = await call(client, "server_info", { anything: [1, 2] });
  assert.match(info.content[0]!.text, /demo.*9\.9\.9.*server_info.*echo.*uppercase/);
  assert.ok(!info.content[0]!.text.includes("\n"));
  assert.equal(info.structuredContent.name, "demo");
  assert.equal(info.structuredContent.version, "9.9.9");
  assert.deepEqual(info.structuredContent.available_tools, ["server_info", "echo", "uppercase"]);
  assert.equal((info.structuredContent.sample_prompts as string[]).length, 3);
  const echo = await call(client, "echo", { input: "häl\nlo 🙂" });
  assert.equal(echo.content[0]!.text, "häl\nlo 🙂");
  assert.deepEqual(echo.structuredContent, { echoed: "häl\nlo 🙂" });
  const upper = await call(client, "uppercase", { input: "openai tunnel" });
  assert.equal(upper.content[0]!.text, "OPENAI TUNNEL");
  assert.deepEqual(upper.structuredContent, { uppercase: "OPENAI TUNNEL" });
}

interface ToolResult {
  content: { type: string; text: string }[];
  structuredContent: Record<string, unknown>;
}

async function call(client: AnyClient, name: string, args: Record<string, unknown>): Promise<ToolResult> {
  return await client.callTool({ name, arguments: args }) as ToolResult;
}

Deno.test("the demo server serves the official v1 client in a session that DELETE ends [SB-6]", async () => {
  await withServer(async (server) => {
    const client = new ClientV1(IDENTITY);
    const transport = new TransportV1(new URL(server.mcpUrl));
    await client.connect(transport);
    const sessionId = transport.sessionId;
    assert.match(sessionId ?? "", /^[0-9a-f-]{36}$/);
    assert.deepEqual(client.getServerVersion(), { name: "demo", version: "9.9.9" });
    assert.deepEqual(client.getServerCapabilities(), { logging: {}, tools: { listChanged: true } });
    await exerciseTools(client as unknown as AnyClient);
    await transport.terminateSession();
    await client.close();
    const late = await fetch(server.mcpUrl, {
      method: "DELETE",
      headers: { "Mcp-Session-Id": sessionId! },
    });
    assert.equal(late.status, 404);
    assert.match(await late.text(), /session not found/);
  });
});

Deno.test("the demo server serves the official v2 client in the 2025 era [SB-6]", async () => {
  await withServer(async (server) => {
    const client = new ClientV2(IDENTITY);
    const transport = new TransportV2(new URL(server.mcpUrl));
    await client.connect(transport);
    assert.equal(client.getProtocolEra(), "legacy");
    await exerciseTools(client as unknown as AnyClient);
    await transport.terminateSession();
    await client.close();
  });
});

for (const mode of ["auto", { pin: "2026-07-28" }] as const) {
  Deno.test(`the demo server serves the official v2 client statelessly, ${JSON.stringify(mode)} [A-167]`, async () => {
    await withServer(async (server) => {
      const client = new ClientV2(IDENTITY, { versionNegotiation: { mode } });
      const transport = new TransportV2(new URL(server.mcpUrl));
      await client.connect(transport);
      assert.equal(client.getProtocolEra(), "modern");
      assert.equal(client.getNegotiatedProtocolVersion(), "2026-07-28");
      assert.equal(transport.sessionId, undefined);
      await exerciseTools(client as unknown as AnyClient);
      await client.close();
    });
  });
}

Deno.test("the demo server answers a call with wrong arguments as a failed call", async () => {
  await withServer(async (server) => {
    const client = new ClientV1(IDENTITY);
    await client.connect(new TransportV1(new URL(server.mcpUrl)));
    const result = await client.callTool({ name: "echo", arguments: { input: 5 } });
    assert.equal(result.isError, true);
    await client.close();
  });
});

Deno.test("the demo server echoes an argument of 8 MiB", async () => {
  await withServer(async (server) => {
    const client = new ClientV2(IDENTITY);
    await client.connect(new TransportV2(new URL(server.mcpUrl)));
    const input = "x".repeat(8 * 1024 * 1024);
    const result = await call(client as unknown as AnyClient, "echo", { input });
    assert.equal(result.content[0]!.text.length, input.length);
    await client.close();
  });
});

Deno.test("two sessions of the demo server live side by side, and one ends without the other [SB-6]", async () => {
  await withServer(async (server) => {
    const [first, second] = [new ClientV1(IDENTITY), new ClientV1(IDENTITY)];
    const firstTransport = new TransportV1(new URL(server.mcpUrl));
    await first.connect(firstTransport);
    await second.connect(new TransportV1(new URL(server.mcpUrl)));
    await firstTransport.terminateSession();
    await assert.rejects(first.callTool({ name: "echo", arguments: { input: "a" } }));
    const result = await call(second as unknown as AnyClient, "echo", { input: "b" });
    assert.equal(result.content[0]!.text, "b");
    await first.close();
    await second.close();
  });
});
