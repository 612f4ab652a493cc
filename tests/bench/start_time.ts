/** How fast an agent is there, and what it costs when nothing happens. */
import { cpuSeconds, residentMiB, startProcess } from "./processes.ts";
import { startAgent } from "./runner.ts";

const RUNS = 5;
const IDLE_MS = 10_000;

/** Starts the agent several times against a relay and a target; then leaves one idle. */
export async function measureStart() {
  const here = new URL("./", import.meta.url);
  const relay = await startProcess(["run", "-A", new URL("relay.ts", here).href]);
  const target = await startProcess(["run", "-A", new URL("target.ts", here).href]);
  const times: number[] = [];
  try {
    for (let run = 0; run < RUNS; run++) {
      const agent = await startAgent(relay.line, ["--mcp.server-url", `${target.line}/mcp`]);
      times.push(agent.readyMs);
      await agent.stop();
    }
    const idle = await startAgent(relay.line, ["--mcp.server-url", `${target.line}/mcp`]);
    const cpuBefore = cpuSeconds(idle.pid);
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    const idleCpuMsPerMinute = (cpuSeconds(idle.pid) - cpuBefore) * 1000 * (60_000 / IDLE_MS);
    const idleMiB = residentMiB(idle.pid);
    await idle.stop();
    return { readyMs: times.sort((a, b) => a - b)[Math.floor(RUNS / 2)] ?? 0, idleMiB, idleCpuMsPerMinute };
  } finally {
    await relay.stop();
    await target.stop();
  }
}
