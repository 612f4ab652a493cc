/**
 * Stands in for the agent thread: starts at once, says that it has received three commands and answered one, and then
 * misbehaves as the tunnel id of its configuration tells it to.
 */
import type { FromAgent, ToAgent } from "../../src/sandbox/messages.ts";
import { SharedCounts } from "../../src/sandbox/shared_counts.ts";

const outcomes = { answered: 1, acknowledged: 0, failed_answered: 0, expired: 0, undeliverable: 0 };
const summary = { received: 3, outcomes };
const metrics = { counters: [], gauges: [], histograms: [] };
const scope = globalThis as unknown as { onmessage: (event: MessageEvent<{ port: MessagePort }>) => void };

scope.onmessage = ({ data: { port } }) => {
  const tell = (message: FromAgent) => port.postMessage(message);
  port.onmessage = ({ data }: MessageEvent<ToAgent>) => {
    if (data.type === "start") {
      const counts = new SharedCounts(data.counts);
      for (let received = 0; received < 3; received++) counts.received();
      counts.ended("answered");
      start(data.start.config.controlPlane.tunnelId, data.start.executables.child, tell);
    } else if (data.type === "ask") {
      tell({ type: "snapshot", number: data.number, status: undefined, metrics, summary });
    } else if (data.type === "drain") {
      tell({ type: "stopped", summary: { received: 3, outcomes: { ...outcomes, answered: 3 } }, metrics });
    }
  };
};

function start(behaviour: string, child: string | undefined, tell: (message: FromAgent) => void): void {
  if (behaviour === "refuse") return tell({ type: "start_failed", error: "no such command" });
  if (child !== undefined && behaviour === "hang") {
    tell({ type: "process_groups", groups: [spawnGroup(child)] });
  }
  tell({ type: "snapshot", number: 0, status: undefined, metrics, summary });
  tell({ type: "started" });
  if (behaviour === "crash") setTimeout(() => Promise.reject(new Error("the agent broke")));
  // Late enough for the messages above to leave.
  if (behaviour === "hang") setTimeout(() => spin());
}

function spin(): never {
  for (;;);
}

function spawnGroup(program: string): number {
  return new Deno.Command(program, {
    args: ["600"],
    detached: true,
    clearEnv: true,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn().pid;
}
