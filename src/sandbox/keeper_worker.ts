/**
 * Entry of the keeper thread. Main gives up its own right to use the network and to start programs; a Worker's rights
 * cannot exceed its creator's, so without the keeper an agent that hangs could not be replaced. The keeper hears only
 * main, does only these two things, and talks to nobody else.
 */
import type { FromKeeper, ToKeeper } from "./keeper.ts";
import { killGroups } from "./kill_groups.ts";
import { workerScope } from "./worker_scope.ts";

const agents = new Map<number, Worker>();

workerScope.onmessage = (event: MessageEvent<ToKeeper>) => {
  const message = event.data;
  if (message.type === "spawn") spawn(message);
  else if (message.type === "terminate") {
    agents.get(message.id)?.terminate();
    agents.delete(message.id);
  } else {
    const { groups, killProgram } = message;
    killGroups(groups, {
      killProgram,
      onFailed: (group, error) => tell({ type: "kill_failed", group, error }),
    });
    tell({ type: "groups_killed" });
  }
};
tell({ type: "ready" });

function spawn({ id, entry, permissions, port }: Extract<ToKeeper, { type: "spawn" }>): void {
  let agent: Worker;
  try {
    agent = new Worker(entry, { type: "module", name: "agent", deno: { permissions } });
  } catch (error) {
    // More rights than this program was started with cannot be given.
    if (!(error instanceof Deno.errors.NotCapable || error instanceof Deno.errors.PermissionDenied)) {
      throw error;
    }
    return tell({ type: "agent_error", id, error: error.message });
  }
  agent.addEventListener("error", (event) => {
    event.preventDefault();
    tell({ type: "agent_error", id, error: event.message });
  });
  agents.set(id, agent);
  agent.postMessage({ port }, [port]);
}

function tell(message: FromKeeper): void {
  workerScope.postMessage(message);
}
