/**
 * `deno task soak`: relay and agent as processes of their own between connectors of every kind, an HTTP server and a stdio
 * server that is killed every minute. Prints a line a minute; ends with code 1 when memory, open sockets, file descriptors or
 * threads of relay or agent grow, or when an answer is wrong.
 *
 * `--minutes N` (default 10) and `--calls N` (default 200,000): it ends when both are reached.
 */
import { parseArgs } from "node:util";
import { AgentProgram, API_KEY } from "../support/e2e_agent.ts";
import { processesWith } from "../support/e2e_processes.ts";
import { type Program, tunnelClient } from "../support/e2e_program.ts";
import { TUNNEL_ID } from "../support/e2e_relay.ts";
import { startProcess } from "../bench/processes.ts";
import { load, type LoadCounts } from "./load.ts";
import { growth, lookAt, type ProcessLook } from "./proc.ts";

const LOOK_EVERY_MS = 2_000;
const MINUTE_MS = 60_000;
const CONNECTORS = 24;
const BENCH = new URL("../bench/", import.meta.url).pathname;

const { values } = parseArgs({
  args: Deno.args,
  options: { minutes: { type: "string" }, calls: { type: "string" } },
});
const minutes = Number(values.minutes ?? 10);
const calls = Number(values.calls ?? 200_000);

const target = await startProcess(["run", "-A", new URL("target.ts", import.meta.url).href]);
await using relay = tunnelClient([
  "relay",
  `--tunnel-id=${TUNNEL_ID}`,
  "--api-key=env:AGENT_KEY",
  "--print-json",
], { env: { AGENT_KEY: API_KEY } });
const [printed] = await relay.untilPrinted(/\{[^]*\n\}\n/);
const { control_plane_base_url: controlPlaneUrl, tunnels: [{ mcp_url: mcpUrl }] } = JSON.parse(printed);
await using agent = await AgentProgram.listening({
  controlPlaneUrl,
  args: [
    `--mcp.server-url=${target.line}/mcp`,
    `--mcp.server-url=channel=stream,url=${target.line}/stream`,
    `--mcp.command=channel=stdio,command=${Deno.execPath()} run -A --quiet ${BENCH}stdio_target.ts`,
    "--mcp.stdio-concurrency=4",
    "--mcp.max-concurrent-requests=32",
    "--log.level=error",
  ],
});
await agent.untilReadyz(200, /^ready/);

const counts: LoadCounts = { calls: 0, hungUp: 0, takenAlong: 0 };
const looks = { agent: [] as ProcessLook[], relay: [] as ProcessLook[] };
const over = new AbortController();
let failure: unknown;
const loading = load(mcpUrl, CONNECTORS, counts, over.signal).catch((error) => failure = error);
const startedMs = performance.now();
let tellAtMs = MINUTE_MS;
console.log(`soak: ${minutes} min and ${calls} calls at least, ${CONNECTORS} connectors`);
while (failure === undefined && (elapsedMs() < minutes * MINUTE_MS || counts.calls < calls)) {
  await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  if (!agent.program.running || !relay.running) break;
  looks.agent.push(lookAt(agent.program.pid));
  looks.relay.push(lookAt(relay.pid));
  if (elapsedMs() < tellAtMs) continue;
  tellAtMs += MINUTE_MS;
  tell();
  killStdioServer(agent);
}
over.abort();
await loading;
tell();
const faults = await ending(agent, relay);
await target.stop();
if (failure !== undefined) faults.push(failure instanceof Error ? failure.message : String(failure));
faults.push(...growth("agent", looks.agent), ...growth("relay", looks.relay));
for (const fault of faults) console.error(`FAILED: ${fault}`);
if (faults.length > 0) Deno.exit(1);
console.log("everything stayed flat, and every answer was right");

function elapsedMs(): number {
  return performance.now() - startedMs;
}

function tell(): void {
  const words = ([["agent", looks.agent], ["relay", looks.relay]] as const).map(([name, all]) => {
    const look = all.at(-1);
    if (look === undefined) return name;
    const { residentMiB, descriptors, sockets, threads } = look;
    return `${name} ${
      residentMiB.toFixed(1)
    } MiB, ${descriptors} fds, ${sockets} sockets, ${threads} threads`;
  });
  const { calls, hungUp, takenAlong } = counts;
  const minute = (elapsedMs() / MINUTE_MS).toFixed(1);
  console.log(
    `${minute} min  ${calls} calls (${hungUp} hung up, ${takenAlong} lost with their server)  ${
      words.join("  ")
    }`,
  );
}

/** It is replaced, and nothing of it may stay behind. */
function killStdioServer({ mark, program }: AgentProgram): void {
  for (const { pid } of processesWith(mark)) if (pid !== program.pid) Deno.kill(pid, "SIGKILL");
}

/** Nothing is left running in the agent, and both end in order. */
async function ending(agent: AgentProgram, relay: Program): Promise<string[]> {
  const faults: string[] = [];
  if (agent.program.running) {
    const received = await agent.metric("commands_received_total");
    const ended = await agent.metric("commands_outcome_total");
    if (received !== ended) faults.push(`${received} commands received, ${ended} ended`);
  }
  for (const [name, program] of [["agent", agent.program], ["relay", relay]] as const) {
    if (!program.running) faults.push(`the ${name} has ended by itself: ${program.stderr.slice(-2_000)}`);
    else {
      const { code, stderr } = await program.stopped();
      if (code !== 0) faults.push(`the ${name} ended with code ${code}: ${stderr.slice(-2_000)}`);
    }
  }
  return faults;
}
