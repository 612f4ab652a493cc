import { type PermissionSet, workerPermissions } from "./permissions.ts";

/** A thread that loads the agent's modules, and the port to it. */
export interface SpawnedAgent {
  readonly port: MessagePort;
  /** Settles when the thread has died by itself, with the reason. */
  readonly crashed: Promise<string>;
  /** Ends the thread, whatever it is doing, and closes the port. */
  terminate(): void;
}

/** Module that becomes the agent. */
export const AGENT_ENTRY = new URL("./agent_worker.ts", import.meta.url);

/**
 * Creates the agent thread. It does nothing before it is told to start, and loads its modules while the caller goes on.
 * @param sandbox `off` runs the agent in this thread, with this process's own rights
 * @param entry module that becomes the agent; a test puts one in its place that misbehaves
 */
export function spawnAgent(
  permissions: PermissionSet,
  sandbox: "strict" | "off",
  entry: URL = AGENT_ENTRY,
): SpawnedAgent {
  const { port1: port, port2 } = new MessageChannel();
  const crash = Promise.withResolvers<string>();
  if (sandbox === "off") {
    void hostHere(port2).catch((error) => crash.resolve(String(error)));
    return { port, crashed: crash.promise, terminate: () => port.close() };
  }
  const worker = new Worker(entry, {
    type: "module",
    name: "agent",
    deno: { permissions: workerPermissions(permissions) },
  });
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    crash.resolve(event.message);
  });
  worker.postMessage({ port: port2 }, [port2]);
  return {
    port,
    crashed: crash.promise,
    terminate() {
      worker.terminate();
      port.close();
    },
  };
}

/** The path is hidden from Deno, which would otherwise walk the agent's modules in this thread at every start. */
async function hostHere(port: MessagePort): Promise<void> {
  const path = new URL("./agent_host.ts", import.meta.url).href;
  const { hostAgent }: typeof import("./agent_host.ts") = await import(path);
  hostAgent(port);
}
