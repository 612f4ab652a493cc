/** The channel against real MCP servers that others wrote. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { randomUUID } from "node:crypto";
import type { AddressInfo } from "node:net";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import { McpServer as LegacyServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { z } from "zod";
import {
  type ChannelCall,
  createHttpChannel,
  createMemoryChannel,
  type HeaderMap,
} from "../../../../src/channels/mod.ts";
import { createTargetClient } from "../../../../src/net/mod.ts";
import { recordingLog } from "../../../support/channels_log.ts";
import { callFrom, Collector, textOf } from "../../../support/channels_run.ts";

/** The v1 SDK's types do not reach Deno; this is what a tool handler is given. */
interface LegacyExtra {
  readonly sendNotification: (notification: unknown) => Promise<void>;
  readonly _meta?: { readonly progressToken?: number };
}

/** A 2025-era server with sessions: v1 of the SDK. */
async function startLegacyServer(): Promise<{ url: string; stop: () => Promise<void> }> {
  const transports = new Map<string, StreamableHTTPServerTransport>();
  const http: Server = createServer(async (request, response) => {
    const known = transports.get(String(request.headers["mcp-session-id"]));
    if (known !== undefined) return await known.handleRequest(request, response);
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id: string) => void transports.set(id, transport),
      onsessionclosed: (id: string) => void transports.delete(id),
    });
    const server = new LegacyServer({ name: "legacy", version: "1" });
    server.registerTool(
      "count",
      { inputSchema: { to: z.number() } },
      async ({ to }: { to: number }, { sendNotification, _meta }: LegacyExtra) => {
        for (let n = 1; n <= to; n++) {
          await sendNotification({
            method: "notifications/progress",
            params: { progressToken: _meta?.progressToken ?? 0, progress: n, total: to },
          });
        }
        return { content: [{ type: "text", text: `counted to ${to}` }] };
      },
    );
    await server.connect(transport);
    await transport.handleRequest(request, response);
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`;
  return {
    url,
    stop: async () => {
      for (const transport of transports.values()) await transport.close();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

/** A server that speaks only the stateless form of 2026-07-28: v2 of the SDK. */
function statelessHandler(): (request: Request) => Promise<Response> {
  const handler = createMcpHandler(() => {
    const server = new McpServer({ name: "stateless", version: "2" });
    server.registerTool(
      "shout",
      { inputSchema: z.object({ text: z.string() }) },
      async ({ text }, context) => {
        await context.mcpReq.notify({
          method: "notifications/progress",
          params: { progressToken: 1, progress: 1 },
        });
        return { content: [{ type: "text", text: text.toUpperCase() }] };
      },
    );
    return server;
  }, { legacy: "reject" });
  return (request) => handler.fetch(request);
}

function statelessCall(id: number, method: string, params: Record<string, unknown> = {}): ChannelCall {
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": {},
    progressToken: 1,
  };
  const headers: Record<string, string[]> = {
    "MCP-Protocol-Version": ["2026-07-28"],
    "Mcp-Method": [method],
  };
  if (typeof params.name === "string") headers["Mcp-Name"] = [params.name];
  return callFrom(
    JSON.stringify({ jsonrpc: "2.0", id, method, params: { ...params, _meta: meta } }),
    headers,
  );
}

function legacyCall(id: number, method: string, params: unknown, headers: HeaderMap): ChannelCall {
  return callFrom(JSON.stringify({ jsonrpc: "2.0", id, method, params }), headers);
}

Deno.test("createHttpChannel() carries a 2025-era session of the v1 SDK from initialize to DELETE [HT-1, HT-26, HT-28, T-1]", async () => {
  const server = await startLegacyServer();
  const options = { name: "main", url: server.url, extraHeaders: [], discoveryExtraHeaders: [] };
  const channel = createHttpChannel(options, createTargetClient(), recordingLog());
  await channel.start();
  const { signal } = new AbortController();
  try {
    const clientInfo = { name: "test", version: "1" };
    const initialize = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo };
    const opened = await channel.call(legacyCall(0, "initialize", initialize, {}), new Collector(), signal);
    assert.ok(opened.type === "response");
    assert.equal(JSON.parse(textOf(opened.text)).result.serverInfo.name, "legacy");
    const [, sessionId] = opened.headers.find(([name]) => name.toLowerCase() === "mcp-session-id")!;
    const headers = { "Mcp-Session-Id": [sessionId], "MCP-Protocol-Version": ["2025-06-18"] };

    const initialized = `{"jsonrpc":"2.0","method":"notifications/initialized"}`;
    const acknowledged = await channel.notify({ ...callFrom(initialized), headers }, signal);
    assert.ok(acknowledged.type === "accepted");
    assert.equal(acknowledged.status, 202);

    const observer = new Collector();
    const params = { name: "count", arguments: { to: 5 }, _meta: { progressToken: 7 } };
    const counted = await channel.call(legacyCall(1, "tools/call", params, headers), observer, signal);
    assert.ok(counted.type === "response");
    assert.equal(JSON.parse(textOf(counted.text)).result.content[0].text, "counted to 5");
    assert.deepEqual(observer.events.slice(1).map((event) => JSON.parse(event).params.progress), [
      1,
      2,
      3,
      4,
      5,
    ]);

    const ended = await channel.terminateSession(headers, signal);
    assert.ok(ended.type === "terminated");
    assert.equal(ended.status, 200);
    const late = await channel.call(legacyCall(2, "tools/list", {}, headers), new Collector(), signal);
    assert.ok(late.type === "failure" || late.type === "preserved");
  } finally {
    await channel.stop(0);
    await server.stop();
  }
});

Deno.test("createHttpChannel() and createMemoryChannel() carry the stateless form of the v2 SDK untouched [HD-1, IM-2]", async () => {
  const handler = statelessHandler();
  const listening = Promise.withResolvers<number>();
  await using _server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => listening.resolve(port),
  }, handler);
  const url = `http://127.0.0.1:${await listening.promise}/mcp`;
  const options = { name: "main", url, extraHeaders: [], discoveryExtraHeaders: [] };
  const channels = [
    createHttpChannel(options, createTargetClient(), recordingLog()),
    createMemoryChannel({ name: "main", handler }, recordingLog()),
  ];
  const { signal } = new AbortController();
  for (const channel of channels) {
    await channel.start();
    try {
      const discovered = await channel.call(statelessCall(1, "server/discover"), new Collector(), signal);
      assert.ok(discovered.type === "response");
      assert.deepEqual(JSON.parse(textOf(discovered.text)).result.supportedVersions, ["2026-07-28"]);

      const observer = new Collector();
      const params = { name: "shout", arguments: { text: "hey" } };
      const shouted = await channel.call(statelessCall(2, "tools/call", params), observer, signal);
      assert.ok(shouted.type === "response");
      assert.equal(JSON.parse(textOf(shouted.text)).result.content[0].text, "HEY");
      assert.deepEqual(observer.events.slice(1).map((event) => JSON.parse(event).method), [
        "notifications/progress",
      ]);

      const initialize = {
        protocolVersion: "2025-06-18",
        capabilities: {},
        clientInfo: { name: "t", version: "1" },
      };
      const refused = await channel.call(
        legacyCall(3, "initialize", initialize, {}),
        new Collector(),
        signal,
      );
      assert.ok(refused.type !== "failure");
      assert.deepEqual(
        [refused.type, refused.status],
        channel.transport === "in-memory" ? ["response", 200] : ["preserved", 400],
      );
      assert.equal(refused.errorCode, -32022);
    } finally {
      await channel.stop(0);
    }
  }
});
