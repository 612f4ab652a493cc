/**
 * A small MCP server of one's own, on stdio, to put behind a tunnel:
 *
 *     deno task cli dev proxy --mcp-command "deno run samples/mcp-server/weather.ts"
 */
import { McpServer } from "@modelcontextprotocol/server";
import { StdioServerTransport } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";

const CELSIUS: Readonly<Record<string, number>> = { Lisbon: 21, Oslo: 4, Nairobi: 24 };

const server = new McpServer({ name: "weather", version: "1.0.0" });
server.registerTool(
  "temperature",
  {
    description: "Temperature of a city in degrees Celsius",
    inputSchema: z.object({ city: z.string() }),
    outputSchema: z.object({ celsius: z.number() }),
  },
  ({ city }) => {
    const celsius = CELSIUS[city];
    if (celsius === undefined) {
      return { isError: true, content: [{ type: "text", text: `no station in ${city}` }] };
    }
    return { content: [{ type: "text", text: `${celsius} °C` }], structuredContent: { celsius } };
  },
);
await server.connect(new StdioServerTransport());
