/** The misbehaving stdio server as a binding, and what it has executed. */
import type { AgentProgram } from "./e2e_agent.ts";
import { Folder } from "./e2e_folder.ts";
import { processesWith } from "./e2e_processes.ts";

const SCRIPT = new URL("./fault_stdio_child.ts", import.meta.url).pathname;

/** One scripted stdio server, or several that write the same journal. */
export class FaultStdio implements AsyncDisposable {
  readonly #folder = new Folder();

  /** The flag that binds it to a channel. */
  flag(channel = "main"): string {
    const command = `${Deno.execPath()} run -A --no-check --quiet ${SCRIPT} ${this.#folder.file("journal")}`;
    return `--mcp.command=channel=${channel},command=${command}`;
  }

  /** How often each call was begun, by its id. */
  async executions(): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    for (const id of (await this.#folder.read("journal") ?? "").split("\n")) {
      if (id !== "") counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    return counts;
  }

  /** Calls that were begun more than once. */
  async executedTwice(): Promise<string[]> {
    return [...await this.executions()].filter(([, times]) => times > 1).map(([id]) => id);
  }

  /** Ends every server of this agent with SIGKILL. */
  kill({ mark, program }: AgentProgram): void {
    for (const { pid } of processesWith(mark)) {
      if (pid === program.pid) continue;
      try {
        Deno.kill(pid, "SIGKILL");
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder[Symbol.asyncDispose]();
  }
}
