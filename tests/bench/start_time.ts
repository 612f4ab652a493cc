/** How fast an agent is there, and what it costs when nothing happens. */
import { createRelay } from "../../src/relay/mod.ts";
import { cpuSeconds, residentMiB, startProcess } from "./processes.ts";
import { API_KEY, type Program, QUIET, startAgent, TUNNEL_ID } from "./runner.ts";

const RUNS = 5;
const IDLE_MS = 10_000;

export interface StartMeasurement {
  /** From the start of the process to its first poll, the middle one of several. */
  readonly readyMs: number;
  readonly idleMiB: number;
  readonly idleCpuMsPerMinute: number;
}

/** Starts the agent several times and waits for its first poll; then leaves one idle. */
export async function measureStart(program: Program): Promise<StartMeasurement> {
  const target = await startProcess(["run", "-A", new URL("target.ts", import.meta.url).href]);
  const binding = ["--mcp.server-url", `${target.line}/mcp`];
  const times: number[] = [];
  try {
    for (let run = 0; run < RUNS; run++) times.push(await timeToFirstPoll(program, binding));
    const relay = await startProcess(["run", "-A", new URL("relay.ts", import.meta.url).href]);
    const idle = await startAgent(program, relay.line, binding);
    const cpuBefore = cpuSeconds(idle.pid);
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    const idleCpuMsPerMinute = (cpuSeconds(idle.pid) - cpuBefore) * 1000 * (60_000 / IDLE_MS);
    const idleMiB = residentMiB(idle.pid);
    await idle.stop();
    await relay.stop();
    return { readyMs: times.sort((a, b) => a - b)[Math.floor(RUNS / 2)] ?? 0, idleMiB, idleCpuMsPerMinute };
  } finally {
    await target.stop();
  }
}

/** ms from the start of the process to its first poll, seen from the relay. */
async function timeToFirstPoll(program: Program, binding: readonly string[]): Promise<number> {
  const relay = createRelay({ tunnels: [{ id: TUNNEL_ID, apiKeys: [API_KEY] }] }, QUIET);
  const address = await relay.listen({ hostname: "127.0.0.1", port: 0 });
  if (address.transport !== "tcp") throw new Error("the relay listens on no TCP port");
  const startedAt = performance.now();
  const polled = relay.firstPollSeen(TUNNEL_ID).then(() => performance.now() - startedAt);
  const agent = await startAgent(program, address.url, binding);
  const elapsedMs = await polled;
  await agent.stop();
  await relay.stop();
  return elapsedMs;
}
