import type { CallObserver, ChannelCall, ChannelRequest } from "../channel.ts";
import type { Clock } from "./clock.ts";
import type { Conversation } from "./conversation.ts";
import { NOT_WRITTEN } from "./running_call.ts";

const REPLAY_TIMEOUT = new Error("the replayed handshake took too long");
/** Nobody waits for what happens during a replay. */
const IGNORE: CallObserver = { sent: () => undefined, notification: () => Promise.resolve() };

/** What is repeated: the request, and the notification if the child has had it. */
export interface HandshakeMessages {
  readonly call: ChannelCall;
  readonly notification: ChannelRequest | undefined;
}

/** A handshake as plain data, to be handed to another channel; may hold whatever a connector says of itself. */
export interface HandshakeTexts {
  readonly initialize: string;
  /** Absent until the child has had it. */
  readonly initialized?: string;
}

/**
 * Remembers the last handshake that a connector has made with the child, to repeat it with the child's replacement: the
 * connector need not know that there was one.
 */
export class Handshake {
  #initialize: string | undefined;
  #initialized: string | undefined;

  /** @param before one that was made with a child of another channel, whose connectors come here now */
  constructor(before?: HandshakeTexts) {
    this.#initialize = before?.initialize;
    this.#initialized = before?.initialized;
  }

  /** What a channel in the place of this one has to repeat; undefined when there has been no handshake. */
  get texts(): HandshakeTexts | undefined {
    if (this.#initialize === undefined) return undefined;
    const initialized = this.#initialized;
    return { initialize: this.#initialize, ...(initialized === undefined ? {} : { initialized }) };
  }

  /** The child has accepted an `initialize`; a notification of an earlier handshake still stands, as the child has had it. */
  accepted(text: string): void {
    this.#initialize = text;
  }

  /** The child has been handed `notifications/initialized`. */
  initialized(text: string): void {
    this.#initialized = text;
  }

  /** The messages to repeat, or undefined when there has been no handshake. */
  messages(): HandshakeMessages | undefined {
    if (this.#initialize === undefined) return undefined;
    const request = asRequest(this.#initialize);
    const id = request.message.id;
    if (typeof id !== "string" && typeof id !== "number") return undefined;
    return {
      call: { ...request, id },
      notification: this.#initialized === undefined ? undefined : asRequest(this.#initialized),
    };
  }
}

function asRequest(text: string): ChannelRequest {
  const message = JSON.parse(text) as Record<string, unknown>;
  return { text, message, method: String(message.method), headers: {} };
}

/**
 * Repeats a handshake with a new child.
 * @param stopping ends it early
 * @returns why the child cannot be used, after "it "; undefined when it can
 */
export async function replay(
  { call, notification }: HandshakeMessages,
  conversation: Conversation,
  timeoutMs: number,
  stopping: AbortSignal,
  clock: Clock,
): Promise<string | undefined> {
  const limit = new AbortController();
  const callOff = clock.after(timeoutMs, () => limit.abort(REPLAY_TIMEOUT));
  const signal = AbortSignal.any([limit.signal, stopping]);
  try {
    const result = await conversation.call(call, IGNORE, signal, "private");
    if (result === NOT_WRITTEN) return "ended before the replayed handshake";
    if (result.type === "failure") return `failed in the replayed handshake: ${result.detail}`;
    if (result.errorCode !== undefined) {
      return `refused the replayed initialize with error ${result.errorCode}`;
    }
    const notified = notification && await conversation.notify(notification, signal);
    return notified === NOT_WRITTEN ? "ended during the replayed handshake" : undefined;
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
    return error === REPLAY_TIMEOUT ? "did not answer the replayed initialize in time" : "was stopped";
  } finally {
    callOff();
  }
}
