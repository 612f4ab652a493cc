import type { HandshakeTexts } from "./handshake.ts";

/** A process group of a stdio child has begun, or the last of its processes is gone. */
export interface ProcessGroupEvent {
  readonly type: "started" | "gone";
  readonly channel: string;
  /** Id of the group, which is also the child's process id. */
  readonly groupId: number;
}

/** How a stdio channel is to be set up. */
export interface StdioChannelOptions {
  /** Canonical channel name. */
  readonly name: string;
  /** The command's words; the first one already resolved to an absolute path (`resolveExecutable`, ST-5). */
  readonly argv: readonly string[];
  /** The command as configured, to show to an operator (ST-8); may hold secrets and is never logged. */
  readonly command: string;
  /** The child's whole environment. `LD_*` and `DYLD_*` are left out, Deno refuses them. */
  readonly env: Readonly<Record<string, string>>;
  /** How many calls may run at once; by default 1, the reference's serial behaviour (SE-1). */
  readonly concurrency?: number;
  /**
   * Refuse what comes before the handshake, as by default. Off for who makes the handshake by himself and wants to
   * hear the server's own word.
   */
  readonly requireHandshake?: boolean;
  /** Write `notifications/initialized` as soon as an `initialize` was answered, as the connector might not. */
  readonly sendInitialized?: boolean;
  /** Absolute path of `kill` (`taskkill` on Windows); without it only the child itself can be ended, not its group. */
  readonly killProgram: string | undefined;
  /** Bounds of the delay before a restart, in ms; by default 200 and 30,000. It doubles with every fruitless child. */
  readonly backoffMinMs?: number;
  readonly backoffMaxMs?: number;
  /** How long the replayed `initialize` may take, in ms; by default 10,000. */
  readonly replayTimeoutMs?: number;
  /** How long a call may wait for a child to come back, in ms; by default 5,000. */
  readonly restartWaitMs?: number;
  /** Is told of every process group, so that another thread can end it when this one cannot any more. */
  readonly onProcessGroup?: (event: ProcessGroupEvent) => void;
  /** Repeated with the first child: connectors of a channel that this one takes the place of go on as before. */
  readonly handshake?: HandshakeTexts;
}

/** The options with every default filled in. */
export type StdioSettings =
  & Required<Omit<StdioChannelOptions, "onProcessGroup" | "killProgram" | "handshake">>
  & {
    readonly killProgram: string | undefined;
    readonly handshake: HandshakeTexts | undefined;
    readonly onProcessGroup: (event: ProcessGroupEvent) => void;
  };

/** Fills in the defaults. */
export function withDefaults(options: StdioChannelOptions): StdioSettings {
  return {
    name: options.name,
    argv: options.argv,
    command: options.command,
    env: Object.fromEntries(Object.entries(options.env).filter(([name]) => !isRefused(name))),
    killProgram: options.killProgram,
    concurrency: options.concurrency ?? 1,
    requireHandshake: options.requireHandshake ?? true,
    sendInitialized: options.sendInitialized ?? false,
    backoffMinMs: options.backoffMinMs ?? 200,
    backoffMaxMs: options.backoffMaxMs ?? 30_000,
    replayTimeoutMs: options.replayTimeoutMs ?? 10_000,
    restartWaitMs: options.restartWaitMs ?? 5_000,
    handshake: options.handshake,
    onProcessGroup: options.onProcessGroup ?? (() => undefined),
  };
}

/** Names of the variables that the child will not get. */
export function refusedVariables(env: Readonly<Record<string, string>>): string[] {
  return Object.keys(env).filter(isRefused);
}

/** Deno refuses variables of the dynamic linker under a limited `run` permission. */
function isRefused(name: string): boolean {
  return /^(?:LD|DYLD)_/i.test(name);
}
