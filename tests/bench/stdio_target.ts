/** A lean MCP server on stdio: one line in, one line out, 1 KiB of text in every answer. */
const text = "x".repeat(1024);
const decoder = new TextDecoder();
const encoder = new TextEncoder();
let rest = "";
for await (const bytes of Deno.stdin.readable) {
  const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
  rest = lines.pop() ?? "";
  let answers = "";
  for (const line of lines) {
    const id = /"id":\s*("[^"]*"|\d+)/.exec(line)?.[1];
    if (id !== undefined) {
      answers += `{"jsonrpc":"2.0","id":${id},"result":{"content":[{"type":"text","text":"${text}"}]}}\n`;
    }
  }
  if (answers !== "") await Deno.stdout.write(encoder.encode(answers));
}
