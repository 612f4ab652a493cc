/**
 * The MCP server of a soak: answers calls at `/mcp` with JSON and at `/stream` with five events and the answer. Prints its base
 * URL as the first line.
 */
const JSON_TYPE = { "Content-Type": "application/json" };
const EVENTS = { "Content-Type": "text/event-stream" };
const TEXT = "x".repeat(256);
const HANDSHAKE = {
  protocolVersion: "2025-06-18",
  capabilities: {},
  serverInfo: { name: "soak", version: "1" },
};

await Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(`http://127.0.0.1:${port}`),
}, async (request) => {
  if (request.method !== "POST") return new Response(null, { status: 405 });
  const { id, method } = await request.json();
  if (id === undefined) return new Response(null, { status: 202 });
  const result = method === "initialize" ? HANDSHAKE : { content: [{ type: "text", text: TEXT }] };
  const answer = JSON.stringify({ jsonrpc: "2.0", id, result });
  if (!request.url.endsWith("/stream")) return new Response(answer, { headers: JSON_TYPE });
  const progress = [1, 2, 3, 4, 5].map((step) =>
    `data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":${step}}}\n\n`
  );
  return new Response(`${progress.join("")}data: ${answer}\n\n`, { headers: EVENTS });
}).finished;
