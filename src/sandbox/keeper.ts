/** Main's side of the keeper thread; see `keeper_worker.ts` for why it exists. */

export type ToKeeper =
  | {
    readonly type: "spawn";
    readonly entry: string;
    readonly permissions: Deno.PermissionOptionsObject;
    readonly port: MessagePort;
  }
  | { readonly type: "terminate" }
  | { readonly type: "kill_groups"; readonly groups: readonly number[] };

export type FromKeeper =
  | { readonly type: "ready" }
  | { readonly type: "agent_error"; readonly error: string }
  | { readonly type: "kill_failed"; readonly group: number; readonly error: string }
  | { readonly type: "groups_killed" };

export interface KeeperHooks {
  /** The agent that the keeper started has crashed. */
  readonly onAgentError: (error: string) => void;
  /** A process group could not be ended. */
  readonly onKillFailed: (group: number, error: string) => void;
}

export class Keeper {
  readonly #worker: Worker;
  readonly #ready = Promise.withResolvers<void>();
  #killed: (() => void) | undefined;

  /** Starts the keeper with the rights that main has now. */
  constructor(private readonly hooks: KeeperHooks) {
    this.#worker = new Worker(new URL("./keeper_worker.ts", import.meta.url), {
      type: "module",
      name: "keeper",
      // Spelled out, because inherited rights would end when main gives its own up.
      deno: {
        permissions: {
          net: true,
          run: true,
          read: true,
          write: true,
          env: true,
          sys: true,
          ffi: false,
          import: false,
        },
      },
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

  /** Starts an agent thread that talks over the given port. */
  spawn(entry: URL, permissions: Deno.PermissionOptionsObject, port: MessagePort): void {
    const message: ToKeeper = { type: "spawn", entry: entry.href, permissions, port };
    this.#worker.postMessage(message, [port]);
  }

  /** Ends the agent thread that the keeper started, whatever it is doing. */
  terminateAgent(): void {
    this.#worker.postMessage({ type: "terminate" } satisfies ToKeeper);
  }

  /** Ends whole process groups with SIGKILL; resolves when that has been tried for each. */
  async killGroups(groups: readonly number[]): Promise<void> {
    if (groups.length === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#killed = resolve;
    this.#worker.postMessage({ type: "kill_groups", groups } satisfies ToKeeper);
    await promise;
  }

  close(): void {
    this.#worker.terminate();
  }

  #hear(message: FromKeeper): void {
    if (message.type === "ready") this.#ready.resolve();
    else if (message.type === "agent_error") this.hooks.onAgentError(message.error);
    else if (message.type === "kill_failed") this.hooks.onKillFailed(message.group, message.error);
    else this.#killed?.();
  }
}
