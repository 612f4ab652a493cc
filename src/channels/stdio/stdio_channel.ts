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
import type { HandshakeTexts } from "./handshake.ts";
import { HttpFace } from "./http_face.ts";
import { refusedVariables, type StdioChannelOptions, withDefaults } from "./options.ts";
import { NOT_WRITTEN } from "./running_call.ts";
import { Slots } from "./slots.ts";
import { Supervisor } from "./supervisor.ts";
import { LISTEN_METHOD } from "./wire_text.ts";

/** A channel whose target is a child process. */
export interface StdioChannel extends Channel {
  /** Ids of the process groups that may still have a process: what another thread must end if this one crashes. */
  processGroups(): number[];
  /** What a channel in the place of this one has to repeat; undefined when no connector has made a handshake. */
  handshake(): HandshakeTexts | undefined;
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
  const face = new HttpFace();

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

  async function callInTurn(
    call: ChannelCall,
    observer: CallObserver,
    signal: AbortSignal,
    guard: "on" | "off",
  ) {
    const arrivedMs = clock.nowMs();
    // A subscription lasts as long as its connector likes; no call may stand behind it.
    const isSlotless = call.method === LISTEN_METHOD;
    const slot = isSlotless ? undefined : slots.take(signal);
    if (slot !== undefined) await slot;
    try {
      const give = (conversation: Conversation) => conversation.call(call, observer, signal, "own", guard);
      return await hand(arrivedMs, signal, give);
    } finally {
      if (!isSlotless) slots.release();
    }
  }

  const guard = settings.requireHandshake ? "on" : "off";

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
      if (!face.speaks(call)) return await callInTurn(call, observer, signal, guard);
      return face.refusalOf(call) ?? face.dress(call, await callInTurn(call, observer, signal, "off"));
    },

    async notify(notification: ChannelRequest, signal: AbortSignal): Promise<NotifyResult> {
      const hasFace = notification.method !== "" && face.speaks(notification);
      const refusal = hasFace ? face.refusalOfNotification(notification) : undefined;
      if (refusal !== undefined) return refusal;
      const result = await hand(
        clock.nowMs(),
        signal,
        (conversation) => conversation.notify(notification, signal),
      );
      return hasFace && result.type === "accepted" ? { ...result, status: 202 } : result;
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

    handshake() {
      return supervisor.handshake();
    },

    processInfo() {
      return { pid: supervisor.pid(), command: options.command };
    },
  };
}
