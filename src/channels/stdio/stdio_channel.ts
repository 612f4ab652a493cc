import type { Log, Metrics } from "../../ops/mod.ts";
import type {
  CallObserver,
  CallResult,
  Channel,
  ChannelCall,
  ChannelHealth,
  ChannelRequest,
  NotifyResult,
} from "../channel.ts";
import { type Clock, systemClock } from "./clock.ts";
import { Conversation } from "./conversation.ts";
import { refusedVariables, type StdioChannelOptions, withDefaults } from "./options.ts";
import { NOT_WRITTEN } from "./running_call.ts";
import { Slots } from "./slots.ts";
import { Supervisor } from "./supervisor.ts";

/** A channel whose target is a child process. */
export interface StdioChannel extends Channel {
  /** Ids of the process groups that may still have a process: what another thread must end if this one crashes. */
  processGroups(): number[];
  /** The child's process id, undefined while none runs, and the command as configured (ST-8). */
  processInfo(): { readonly pid: number | undefined; readonly command: string };
}

/**
 * Makes the channel that speaks MCP over the stdin and stdout of one child process, which it keeps running: ST-4 … ST-20,
 * SE-1 … SE-10, P-74, P-75, P-97 … P-104, A-80 … A-82. Nothing is started before `start()`.
 */
export function createStdioChannel(
  options: StdioChannelOptions,
  log: Log,
  metrics: Metrics,
  clock: Clock = systemClock,
): StdioChannel {
  const settings = withDefaults(options);
  const channelLog = log.with({ channel: options.name });
  const supervisor = new Supervisor(settings, channelLog, metrics, clock);
  const slots = new Slots(settings.concurrency);

  /** Gives work to the child, and to the next one if that ends before any of it has left. */
  async function hand<T>(
    arrivedMs: number,
    signal: AbortSignal,
    work: (conversation: Conversation) => Promise<T | typeof NOT_WRITTEN>,
  ) {
    for (;;) {
      const conversation = supervisor.ready() ?? await supervisor.whenReady(arrivedMs, signal);
      if (!(conversation instanceof Conversation)) return conversation;
      const outcome = await work(conversation);
      if (outcome !== NOT_WRITTEN) return outcome;
    }
  }

  return {
    name: options.name,
    transport: "stdio",
    procAffinity: true,
    maxConcurrentCalls: settings.concurrency,

    // Asynchronous by the interface; starting a process is not.
    // deno-lint-ignore require-await
    async start(): Promise<void> {
      const refused = refusedVariables(options.env);
      if (refused.length > 0) {
        channelLog.warn("stdio MCP environment variables left out", { variables: refused });
      }
      supervisor.start();
    },

    async call(call: ChannelCall, observer: CallObserver, signal: AbortSignal): Promise<CallResult> {
      const arrivedMs = clock.nowMs();
      const slot = slots.take(signal);
      if (slot !== undefined) await slot;
      try {
        return await hand(arrivedMs, signal, (conversation) => conversation.call(call, observer, signal));
      } finally {
        slots.release();
      }
    },

    notify(notification: ChannelRequest, signal: AbortSignal): Promise<NotifyResult> {
      return hand(clock.nowMs(), signal, (conversation) => conversation.notify(notification, signal));
    },

    health(): ChannelHealth {
      return supervisor.health();
    },

    stop(graceMs: number): Promise<void> {
      return supervisor.stop(graceMs);
    },

    processGroups(): number[] {
      return supervisor.processGroups();
    },

    processInfo() {
      return { pid: supervisor.pid(), command: options.command };
    },
  };
}
