/**
 * The MCP server of a soak. `/mcp` answers with JSON and has sessions, `/stream` sends five events and the answer; the name of
 * the tool that is called can ask for a failure. Serves protected-resource metadata. Prints its base URL as the first line.
 */
const TEXT = "x".repeat(256);
const JSON_TYPE = { "Content-Type": "application/json" };
const EVENTS_TYPE = { "Content-Type": "text/event-stream" };
const HANDSHAKE = {
  protocolVersion: "2025-06-18",
  capabilities: {},
  serverInfo: { name: "soak", version: "1" },
};
const sessions = new Set<string>();

await Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(`http://127.0.0.1:${port}`),
}, serve).finished;

async function serve(request: Request): Promise<Response> {
  const { origin, pathname } = new URL(request.url);
  if (pathname === "/.well-known/oauth-protected-resource/mcp") {
    return Response.json({ resource: `${origin}/mcp`, authorization_servers: [] });
  }
  const session = request.headers.get("Mcp-Session-Id");
  if (session !== null && !sessions.has(session)) return new Response(null, { status: 404 });
  if (request.method === "DELETE") {
    return new Response(null, { status: sessions.delete(session ?? "") ? 204 : 400 });
  }
  if (request.method !== "POST") return new Response(null, { status: 405 });
  const body = await request.text();
  // Looking for metadata, the agent asks without a message.
  if (body === "") return new Response(null, { status: 400 });
  const { id, method, params } = JSON.parse(body);
  if (id === undefined) return new Response(null, { status: 202 });
  if (method === "initialize") return handshake(id);
  if (params?.name === "fail") return new Response("broken", { status: 500 });
  // An event stream that ends without the answer.
  if (params?.name === "break off") return new Response(progress(1) + progress(2), { headers: EVENTS_TYPE });
  const answer = JSON.stringify({ jsonrpc: "2.0", id, result: { content: [{ type: "text", text: TEXT }] } });
  if (pathname !== "/stream") return new Response(answer, { headers: JSON_TYPE });
  return new Response(`${[1, 2, 3, 4, 5].map(progress).join("")}data: ${answer}\n\n`, {
    headers: EVENTS_TYPE,
  });
}

function handshake(id: unknown): Response {
  const session = crypto.randomUUID();
  sessions.add(session);
  const headers = { ...JSON_TYPE, "Mcp-Session-Id": session };
  return new Response(JSON.stringify({ jsonrpc: "2.0", id, result: HANDSHAKE }), { headers });
}

function progress(step: number): string {
  return `data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":${step}}}\n\n`;
}
