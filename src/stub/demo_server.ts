import { McpServer } from "@modelcontextprotocol/server";
import { z } from "zod";

/** Versions of the session-based protocol; the first one answers a client that asks for an unknown one (SB-6). */
const SESSION_PROTOCOL_VERSIONS = ["2025-06-18", "2025-11-25", "2025-03-26", "2024-11-05"];

const TOOL_NAMES = ["server_info", "echo", "uppercase"];

/** What a person can say to a model to try the three tools (R-7, V-2). */
export const SAMPLE_PROMPTS: readonly string[] = [
  "Call server_info and tell me what this server can do.",
  'Call echo with "hello from tunnel-client".',
  'Call uppercase with "openai tunnel".',
];

/** Who the server says it is. */
export interface StubIdentity {
  readonly name: string;
  readonly version: string;
}

/** One MCP server with the demo tools (section 12.3): per session, or per stateless request. */
export function createDemoServer({ name, version }: StubIdentity): McpServer {
  const server = new McpServer({ name, version }, {
    capabilities: { logging: {}, tools: { listChanged: true } },
    supportedProtocolVersions: SESSION_PROTOCOL_VERSIONS,
  });
  const input = z.object({ input: z.string() });
  server.registerTool("server_info", {
    description: "Tells the name and version of this server and what it can do.",
    inputSchema: z.looseObject({}),
    outputSchema: z.object({
      name: z.string(),
      version: z.string(),
      available_tools: z.array(z.string()),
      sample_prompts: z.array(z.string()),
    }),
  }, () => ({
    content: [{ type: "text", text: `${name} ${version} offers the tools ${TOOL_NAMES.join(", ")}` }],
    structuredContent: { name, version, available_tools: TOOL_NAMES, sample_prompts: [...SAMPLE_PROMPTS] },
  }));
  server.registerTool("echo", {
    description: "Gives back what it is given.",
    inputSchema: input,
    outputSchema: z.object({ echoed: z.string() }),
  }, ({ input }) => ({
    content: [{ type: "text", text: input }],
    structuredContent: { echoed: input },
  }));
  server.registerTool("uppercase", {
    description: "Gives back what it is given in capital letters.",
    inputSchema: input,
    outputSchema: z.object({ uppercase: z.string() }),
  }, ({ input }) => {
    const uppercase = input.toUpperCase();
    return { content: [{ type: "text", text: uppercase }], structuredContent: { uppercase } };
  });
  return server;
}
