/**
 * The real agent in its thread, which does in the middle of its work what the control plane's route `/fault` tells it to:
 * `hang`, `stall MS` or `crash`.
 */
import { hostAgent } from "../../src/sandbox/agent_host.ts";
import type { ToAgent } from "../../src/sandbox/messages.ts";

const scope = globalThis as unknown as { onmessage: (event: MessageEvent<{ port: MessagePort }>) => void };

scope.onmessage = ({ data: { port: main } }) => {
  const { port1, port2 } = new MessageChannel();
  hostAgent(port2);
  port1.onmessage = (event) => main.postMessage(event.data);
  main.onmessage = (event: MessageEvent<ToAgent>) => {
    port1.postMessage(event.data);
    if (event.data.type === "start") void obey(event.data.start.config.controlPlane.baseUrl);
  };
};

async function obey(baseUrl: string): Promise<void> {
  const order = await (await fetch(`${baseUrl}/fault`)).text();
  const [what = "", ms = "Infinity"] = order.split(" ");
  if (what === "crash") throw new Error("the agent broke");
  const until = performance.now() + Number(ms);
  while (what !== "" && performance.now() < until);
}
