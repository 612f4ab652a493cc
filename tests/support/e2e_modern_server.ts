/**
 * An MCP server of the 2026-07-28 form, built with the official server package; clients of the 2025 era are served too.
 * `http` prints its URL on standard output, `stdio` speaks over it.
 */
import { createMcpHandler, McpServer, ResourceTemplate } from "@modelcontextprotocol/server";
import { serveStdio, StdioServerTransport } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";

const MAX_BYTES = 64 * 1024 * 1024;

function createServer(): McpServer {
  const server = new McpServer({ name: "modern", version: "1.2.3", title: "Modern server" }, {
    capabilities: { tools: {}, resources: {}, prompts: {}, completions: {} },
    instructions: "Ask for what you like.",
  });
  addTools(server);
  server.registerResource("note", "test://note", { mimeType: "text/plain" }, (uri) => ({
    contents: [{ uri: uri.href, mimeType: "text/plain", text: "a note: ä 🙂 \u2028 end" }],
  }));
  server.registerResource(
    "square",
    new ResourceTemplate("test://square/{n}", { list: undefined }),
    { mimeType: "application/octet-stream" },
    (uri, { n }) => ({ contents: [{ uri: uri.href, blob: btoa(String(Number(n) ** 2)) }] }),
  );
  server.registerPrompt("greet", { argsSchema: z.object({ name: z.string() }) }, ({ name }) => ({
    messages: [{ role: "user", content: { type: "text", text: `Greet ${name}.` } }],
  }));
  return server;
}

function addTools(server: McpServer): void {
  server.registerTool("add", {
    description: "Adds two numbers.",
    inputSchema: z.object({ a: z.number(), b: z.number() }),
    outputSchema: z.object({ sum: z.number() }),
  }, ({ a, b }) => ({
    content: [{ type: "text", text: `${a + b}` }],
    structuredContent: { sum: a + b },
  }));
  server.registerTool("fail", { description: "Fails.", inputSchema: z.object({}) }, () => {
    throw new Error("this tool always fails");
  });
  server.registerTool("large", {
    description: "Gives a long text.",
    inputSchema: z.object({ mebibytes: z.number() }),
  }, ({ mebibytes }) => ({
    content: [{ type: "text", text: "0123456789äbcdef".repeat(mebibytes * 65_536) }],
  }));
  server.registerTool("length", {
    description: "Tells how long a text is.",
    inputSchema: z.object({ text: z.string() }),
  }, ({ text }) => ({ content: [{ type: "text", text: `${text.length}` }] }));
  server.registerTool("steps", {
    description: "Reports progress before it answers.",
    inputSchema: z.object({ count: z.number() }),
  }, async ({ count }, { mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken;
    for (let step = 1; step <= count && progressToken !== undefined; step++) {
      await mcpReq.notify({
        method: "notifications/progress",
        params: { progressToken, progress: step, total: count, message: `step ${step}` },
      });
    }
    return { content: [{ type: "text", text: `${count} steps` }] };
  });
}

if (Deno.args[0] === "stdio") {
  serveStdio(createServer, {
    transport: new StdioServerTransport(undefined, undefined, { maxBufferSize: MAX_BYTES }),
  });
} else {
  const handler = createMcpHandler(createServer, { maxRequestBodySize: MAX_BYTES });
  Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => console.log(`http://127.0.0.1:${port}/mcp`),
  }, (request) => handler.fetch(request));
}
