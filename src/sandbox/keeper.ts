/** Main's side of the keeper thread; see `keeper_worker.ts` for why it exists. */
import { type PermissionSet, workerPermissions } from "./permissions.ts";
import type { SpawnedAgent } from "./spawn_agent.ts";

export type ToKeeper =
  | {
    readonly type: "spawn";
    /** What this agent thread is called from now on. */
    readonly id: number;
    readonly entry: string;
    readonly permissions: Deno.PermissionOptionsObject;
    readonly port: MessagePort;
  }
  | { readonly type: "terminate"; readonly id: number }
  | {
    readonly type: "kill_groups";
    readonly groups: readonly number[];
    readonly killProgram: string | undefined;
  };

export type FromKeeper =
  | { readonly type: "ready" }
  | { readonly type: "agent_error"; readonly id: number; readonly error: string }
  | { readonly type: "kill_failed"; readonly group: number; readonly error: string }
  | { readonly type: "groups_killed" };

export interface KeeperHooks {
  /** A process group could not be ended. */
  readonly onKillFailed: (group: number, error: string) => void;
}

export class Keeper {
  readonly #worker: Worker;
  readonly #ready = Promise.withResolvers<void>();
  readonly #crashes = new Map<number, (error: string) => void>();
  #nextId = 1;
  /** Those who wait for groups to be ended, in the order in which they asked. */
  readonly #killing: (() => void)[] = [];

  /**
   * Starts the keeper.
   * @param rights what it may pass on; see `keeperRights`
   * @param killProgram program that signals process groups, if the machine has one
   */
  constructor(
    rights: Deno.PermissionOptionsObject,
    private readonly killProgram: string | undefined,
    private readonly hooks: KeeperHooks,
  ) {
    this.#worker = new Worker(new URL("./keeper_worker.ts", import.meta.url), {
      type: "module",
      name: "keeper",
      deno: { permissions: rights },
    });
    this.#worker.addEventListener("message", (event: MessageEvent<FromKeeper>) => this.#hear(event.data));
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.#ready.reject(new Error(`keeper thread failed: ${event.message}`));
    });
  }

  /** Resolves when the keeper runs, so that main may give up its rights. @throws {Error} when it could not start */
  async ready(): Promise<void> {
    await this.#ready.promise;
  }

  /** Creates an agent thread, as `spawnAgent` does, with any of the keeper's rights. */
  spawn(entry: URL, permissions: PermissionSet): SpawnedAgent {
    const { port1: port, port2 } = new MessageChannel();
    const id = this.#nextId++;
    const crash = Promise.withResolvers<string>();
    this.#crashes.set(id, crash.resolve);
    const message: ToKeeper = {
      type: "spawn",
      id,
      entry: entry.href,
      permissions: workerPermissions(permissions),
      port: port2,
    };
    this.#worker.postMessage(message, [port2]);
    return {
      port,
      crashed: crash.promise,
      terminate: () => {
        this.#crashes.delete(id);
        this.#worker.postMessage({ type: "terminate", id } satisfies ToKeeper);
        port.close();
      },
    };
  }

  /** Ends whole process groups with SIGKILL; resolves when that has been tried for each. */
  async killGroups(groups: readonly number[]): Promise<void> {
    if (groups.length === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#killing.push(resolve);
    this.#worker.postMessage(
      { type: "kill_groups", groups, killProgram: this.killProgram } satisfies ToKeeper,
    );
    await promise;
  }

  close(): void {
    this.#worker.terminate();
  }

  #hear(message: FromKeeper): void {
    if (message.type === "ready") this.#ready.resolve();
    else if (message.type === "agent_error") this.#crashes.get(message.id)?.(message.error);
    else if (message.type === "kill_failed") this.hooks.onKillFailed(message.group, message.error);
    else this.#killing.shift()?.();
  }
}
