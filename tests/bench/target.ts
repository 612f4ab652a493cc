/**
 * A lean MCP target: answers every call as fast as it can. The path says how: `/json?bytes=N`, `/sse?events=N`.
 * Prints its base URL as the first line.
 */
const JSON_HEADERS = { "Content-Type": "application/json" };
const EVENT_HEADERS = { "Content-Type": "text/event-stream" };
const texts = new Map<number, string>();

const server = Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(`http://127.0.0.1:${port}`),
}, answer);
await server.finished;

async function answer(request: Request): Promise<Response> {
  const body = await request.text();
  if (request.method !== "POST") return new Response(null, { status: 405 });
  const id = /"id":\s*("[^"]*"|\d+)/.exec(body)?.[1];
  if (id === undefined) return new Response(null, { status: 202 });
  const query = request.url.split("?")[1] ?? "";
  const [kind, number] = query.split("=");
  if (kind !== "events") return new Response(result(id, Number(number) || 1024), { headers: JSON_HEADERS });
  let events = "";
  for (let event = 1; event <= Number(number); event++) {
    events +=
      `event: message\ndata: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":${event}}}\n\n`;
  }
  return new Response(`${events}event: message\ndata: ${result(id, 1024)}\n\n`, { headers: EVENT_HEADERS });
}

function result(id: string, bytes: number): string {
  let text = texts.get(bytes);
  if (text === undefined) texts.set(bytes, text = "x".repeat(bytes));
  return `{"jsonrpc":"2.0","id":${id},"result":{"content":[{"type":"text","text":"${text}"}]}}`;
}
