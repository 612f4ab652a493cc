/**
 * A small MCP server on stdin and stdout. Arguments: `silent` never answers, `no-tools` has none, `pages` lists them in
 * two parts, `refuses-tools` answers the list with an error, `die` says why on stderr and ends, `chatter` is no MCP server.
 */
const flags = new Set(Deno.args);
if (flags.has("die")) {
  const given = Deno.args.find((word) => word.startsWith("token="))?.slice("token=".length);
  console.error(`cannot open the database, token ${given ?? Deno.env.get("CHILD_TOKEN") ?? "unset"}`);
  Deno.exit(7);
}
if (flags.has("chatter")) console.log("hello, I am a calculator");
const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
let rest = "";
for await (const text of lines) {
  const parts = (rest + text).split("\n");
  rest = parts.pop() ?? "";
  for (const line of parts) answer(line);
}

function answer(line: string): void {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined || flags.has("silent") || flags.has("chatter")) return;
  if (method === "tools/list" && flags.has("refuses-tools")) {
    return console.log(JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32000, message: "not today" } }));
  }
  console.log(JSON.stringify({ jsonrpc: "2.0", id, result: resultOf(method, params) }));
}

function resultOf(method: string, params: { cursor?: string } | undefined): unknown {
  if (method === "initialize") {
    return {
      protocolVersion: "2025-06-18",
      capabilities: { tools: {} },
      serverInfo: { name: "small", version: "1" },
    };
  }
  if (method !== "tools/list" || flags.has("no-tools")) return { tools: [] };
  const tool = (name: string) => ({ name, inputSchema: { type: "object" } });
  if (!flags.has("pages")) return { tools: [tool("one"), tool("two")] };
  return params?.cursor === undefined
    ? { tools: [tool("one"), tool("two")], nextCursor: "next" }
    : { tools: [tool("three")] };
}
