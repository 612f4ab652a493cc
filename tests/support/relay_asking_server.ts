/**
 * An MCP server whose tools ask their caller: for its model's word, its user's word and its roots. Built with the
 * official v1 SDK. `http` prints its URL on standard output and has sessions, `stdio` speaks over it.
 */
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
import {
  CreateMessageResultSchema,
  ElicitResultSchema,
  isInitializeRequest,
  ListRootsResultSchema,
} from "@modelcontextprotocol/sdk/types.js";

/** Tools that ask, with what they ask. */
const QUESTIONS = [
  ["ask-model", {
    method: "sampling/createMessage",
    params: { messages: [{ role: "user", content: { type: "text", text: "what now? ä 🙂" } }], maxTokens: 9 },
  }, CreateMessageResultSchema],
  ["ask-user", {
    method: "elicitation/create",
    params: {
      message: "your name?",
      requestedSchema: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
    },
  }, ElicitResultSchema],
  ["ask-roots", { method: "roots/list" }, ListRootsResultSchema],
] as const;

function createServer(): McpServer {
  const server = new McpServer({ name: "asking", version: "1.0.0" });
  for (const [name, question, schema] of QUESTIONS) {
    server.registerTool(
      name,
      { description: name }, // deno-lint-ignore no-explicit-any -- three schemas, one call
      async ({ sendRequest }: any) => {
        const said = await sendRequest(question, schema);
        return { content: [{ type: "text", text: JSON.stringify(said) }] };
      },
    );
  }
  return server;
}

const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();

async function answer(request: Request): Promise<Response> {
  const known = sessions.get(request.headers.get("mcp-session-id") ?? "");
  if (known !== undefined) return await known.handleRequest(request);
  const parsedBody = request.method === "POST" ? JSON.parse(await request.text() || "null") : undefined;
  if (!isInitializeRequest(parsedBody)) return new Response("no such session\n", { status: 404 });
  const transport = new WebStandardStreamableHTTPServerTransport({
    sessionIdGenerator: () => crypto.randomUUID(),
    onsessioninitialized: (id: string) => void sessions.set(id, transport),
    onsessionclosed: (id: string) => void sessions.delete(id),
  });
  await createServer().connect(transport);
  return await transport.handleRequest(request, { parsedBody });
}

if (Deno.args[0] === "stdio") await createServer().connect(new StdioServerTransport());
else {
  Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => console.log(`http://127.0.0.1:${port}/mcp`),
  }, answer);
}
