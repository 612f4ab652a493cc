import type { ChannelCall, ChannelRequest } from "../channel.ts";

/** What is repeated: the request, and the notification if the child has had it. */
export interface HandshakeMessages {
  readonly call: ChannelCall;
  readonly notification: ChannelRequest | undefined;
}

/**
 * Remembers the last handshake that a connector has made with the child, to repeat it with the child's replacement: the
 * connector need not know that there was one.
 */
export class Handshake {
  #initialize: string | undefined;
  #initialized: string | undefined;

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
