/**
 * Drives calls at a URL and prints one JSON line. Arguments: URL, calls at once, seconds, accept (`json` or `sse`).
 * Every answer is checked; a wrong one ends the run with exit code 1.
 */
import { createTargetClient } from "../../src/net/mod.ts";

const [url = "", outstanding = "1", seconds = "3", accept = "json"] = Deno.args;
const client = createTargetClient();
const headers = [
  ["Content-Type", "application/json"],
  ["Accept", accept === "sse" ? "application/json, text/event-stream" : "application/json"],
] as const;
const params = JSON.stringify({ name: "echo", arguments: { input: "y".repeat(1024) } });
let nextId = 1;

async function call(): Promise<void> {
  const id = nextId++;
  const response = await client.request({
    method: "POST",
    url,
    headers,
    body: `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${params}}`,
  });
  const text = await response.body.text();
  if (response.status !== 200 || !text.includes(`"id":${id},"result"`)) {
    console.error(`call ${id} failed with status ${response.status}: ${text.slice(0, 300)}`);
    Deno.exit(1);
  }
}

/** A server on pipes is not called before its handshake. */
async function handshake(): Promise<void> {
  const initialize = {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "bench", version: "1" },
  };
  for (
    const message of [
      { jsonrpc: "2.0", id: 0, method: "initialize", params: initialize },
      { jsonrpc: "2.0", method: "notifications/initialized" },
    ]
  ) {
    const response = await client.request({ method: "POST", url, headers, body: JSON.stringify(message) });
    await response.body.text();
  }
}

const latencies: number[] = [];
async function worker(endAt: number, record: boolean): Promise<void> {
  while (performance.now() < endAt) {
    const startedAt = performance.now();
    await call();
    if (record) latencies.push(performance.now() - startedAt);
  }
}

await handshake();
const workers = Array.from({ length: Number(outstanding) });
await Promise.all(workers.map(() => worker(performance.now() + 1000, false)));
console.log("warm");
const startedAt = performance.now();
await Promise.all(workers.map(() => worker(startedAt + Number(seconds) * 1000, true)));
const elapsedMs = performance.now() - startedAt;
latencies.sort((a, b) => a - b);
const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? 0;
console.log(JSON.stringify({
  calls: latencies.length,
  callsPerSecond: latencies.length / elapsedMs * 1000,
  p50Ms: at(0.5),
  p99Ms: at(0.99),
}));
client.close();
