import type { CommandType } from "../agent/wire.ts";
import type { AgentResponse } from "./agent_response.ts";
import type { Queueable } from "./command_queue.ts";
import type { Counters } from "./relay_counts.ts";

/** Why a call ends without an answer of the agent. */
export type CallFailure = "timed_out" | "stopped";

/** Where a call's answer goes. */
export interface CallReply {
  /**
   * Takes a message that came before the answer: a notification, or a request of the target.
   * @returns whether the connector gets it; a promise when the agent's POST is to be held until there is room (P-169)
   */
  notify(response: AgentResponse): boolean | Promise<boolean>;
  /** Takes the terminal response; the reply is complete afterwards. */
  finish(response: AgentResponse): void;
  /** Ends the reply without an answer. @param delivered whether an agent had taken the command */
  fail(failure: CallFailure, delivered: boolean): void;
  /** The caller is gone; nothing more can be said. */
  drop(): void;
}

/** What a call needs of the tunnel it belongs to. */
export interface CallOwner {
  readonly id: string;
  readonly counters: Counters;
  /** Queues the call. */
  offer(call: PendingCall): void;
  /** Forgets the call. @returns whether an agent had it */
  close(call: PendingCall): boolean;
}

export interface CallParts {
  readonly order: number;
  readonly requestId: string;
  readonly tunnel: CallOwner;
  readonly commandType: CommandType;
  readonly channel: string;
  /** Forwarded headers as JSON text. */
  readonly headersJson: string;
  /** The connector's message as received; undefined for other commands than `jsonrpc`. */
  readonly jsonrpc: string | undefined;
  /** Instant of the monotonic clock at which the caller stops waiting, in ms. */
  readonly deadline: number;
  readonly reply: CallReply;
}

/** One connector request from its arrival to its answer. */
export class PendingCall implements Queueable<PendingCall> {
  readonly order: number;
  readonly requestId: string;
  readonly tunnel: CallOwner;
  readonly channel: string;
  readonly deadline: number;
  readonly reply: CallReply;
  readonly size: number;
  /** `queued`: waits for a poll. `delivered`: an agent has it. `done`: answered, failed or given up. */
  state: "queued" | "delivered" | "done" = "queued";
  previous: PendingCall | undefined;
  next: PendingCall | undefined;
  readonly #head: string;
  readonly #tail: string;

  constructor(parts: CallParts) {
    this.order = parts.order;
    this.requestId = parts.requestId;
    this.tunnel = parts.tunnel;
    this.channel = parts.channel;
    this.deadline = parts.deadline;
    this.reply = parts.reply;
    this.#head = `{"request_id":"${parts.requestId}","shard_token":"${shardTokenOf(parts.requestId)}",` +
      `"command_type":"${parts.commandType}","channel":"${parts.channel}",` +
      `"created_at":"${new Date().toISOString()}"`;
    this.#tail = parts.jsonrpc === undefined
      ? `,"headers":${parts.headersJson}}`
      : `,"headers":${parts.headersJson},"jsonrpc":${parts.jsonrpc}}`;
    this.size = this.#head.length + this.#tail.length;
  }

  /**
   * The command as it stands in a poll reply (P-166); the connector's message is in it as it was received.
   * @param remainingMs value of `response_timeout`, undefined to leave it out
   */
  commandText(remainingMs: number | undefined): string {
    if (remainingMs === undefined) return this.#head + this.#tail;
    return `${this.#head},"response_timeout":"${remainingMs}ms"${this.#tail}`;
  }
}

/**
 * The shard token of a command. It follows from the request id, so that it can be checked before the command is
 * looked up (order of P-167), and an answer to a command of an earlier run is still told apart as unknown (404).
 */
export function shardTokenOf(requestId: string): string {
  return `shard-${requestId}`;
}
