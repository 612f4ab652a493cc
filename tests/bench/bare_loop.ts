/**
 * The ceiling of this stack: poll, call the target, post the answer, with nothing of what the agent does besides.
 * Arguments: control-plane URL, tunnel id, key, target URL, calls at once.
 */
const [controlPlane = "", tunnelId = "", key = "", target = "", concurrency = "64"] = Deno.args;
const base = `${controlPlane}/v1/tunnels/${tunnelId}`;
const authorization = { Authorization: `Bearer ${key}` };
const limit = Math.min(25, Number(concurrency));

interface Command {
  readonly request_id: string;
  readonly shard_token: string;
  readonly jsonrpc: { readonly id?: unknown };
}

console.log("polling");
for (;;) {
  const polled = await fetch(`${base}/poll?limit=${limit}&timeout_ms=10000`, { headers: authorization });
  if (polled.status === 204) continue;
  const { commands } = await polled.json() as { commands: Command[] };
  for (const command of commands) void run(command);
}

async function run(command: Command): Promise<void> {
  const answer = await fetch(target, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json, text/event-stream" },
    body: JSON.stringify(command.jsonrpc),
  });
  const type = answer.headers.get("Content-Type") ?? "";
  const text = await answer.text();
  const parts = type.startsWith("text/event-stream")
    ? text.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6))
    : [text];
  for (const [index, part] of parts.entries()) {
    const isLast = index === parts.length - 1;
    const body = command.jsonrpc.id === undefined
      ? { resp_type: "notify_ack" }
      : { resp_json: JSON.parse(part), resp_type: isLast ? "jsonrpc_response" : "jsonrpc_notify" };
    const posted = await fetch(`${base}/response`, {
      method: "POST",
      headers: {
        ...authorization,
        "Content-Type": "application/json",
        "X-Tunnel-Shard-Token": command.shard_token,
      },
      body: JSON.stringify({
        request_id: command.request_id,
        channel: "main",
        resp_headers: { "Content-Type": [type] },
        resp_code: answer.status,
        ...body,
      }),
    });
    await posted.text();
  }
}
