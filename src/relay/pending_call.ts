import type { CommandType, StreamSign } from "../agent/wire.ts";
import type { AgentResponse } from "./agent_response.ts";
import type { Queueable } from "./command_queue.ts";
import type { Counters } from "./relay_counts.ts";

/** Why a call ends without an answer of the agent. */
export type CallFailure = "timed_out" | "stopped" | "deleted";

/** Where a call's answer goes. */
export interface CallReply {
  /**
   * Takes a message that came before the answer: a notification, or a request of the target.
   * @returns whether the connector gets it; a promise when the agent's POST is to be held until there is room (P-169)
   */
  notify(response: AgentResponse): boolean | Promise<boolean>;
  /**
   * Lets the connector's stream follow the target's, where it can (`stream-cut`).
   * @returns true when the connector's connection was ended and it is to come back
   */
  follow?(sign: StreamSign, response: AgentResponse): boolean;
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
  /** Has the agent of a call told that nobody waits for it any more. @param delayMs how long that has time */
  cancel(call: PendingCall, delayMs: number): void;
  /** Queues the call. */
  offer(call: PendingCall): void;
  /** Forgets the call. @returns whether an agent had it */
  close(call: PendingCall): boolean;
}

/** What of a request decides over how its call is treated. */
export interface CallTraits {
  /** A message that waits for nothing: a notification, or an answer to a request of the target. */
  readonly isAside: boolean;
  /** Its answer comes only when the connector has had enough: `subscriptions/listen`. */
  readonly staysOpen: boolean;
  /** To hang up is to cancel (MCP 2026-07-28); before, it meant nothing. */
  readonly endsWithConnector: boolean;
  /** `Mcp-Session-Id` of the request, empty without. */
  readonly sessionId: string;
}

const PLAIN: CallTraits = { isAside: false, staysOpen: false, endsWithConnector: false, sessionId: "" };

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
  readonly traits?: CallTraits;
  readonly reply: CallReply;
}

/** One connector request from its arrival to its answer. */
export class PendingCall implements Queueable<PendingCall> {
  readonly order: number;
  readonly requestId: string;
  readonly tunnel: CallOwner;
  readonly channel: string;
  readonly isAside: boolean;
  readonly staysOpen: boolean;
  readonly endsWithConnector: boolean;
  readonly sessionId: string;
  deadline: number;
  /** Until when a long wait may last; undefined when there is none. */
  longUntil: number | undefined;
  /** Instant of the monotonic clock at which its agent ends it by itself. */
  agentUntil = Infinity;
  /** Agent that has it, where known. */
  instanceId: string | undefined;
  /** The connector has lost its stream and may come back for it. */
  isAway = false;
  readonly reply: CallReply;
  readonly size: number;
  /** `queued`: waits for a poll. `delivered`: an agent has it. `done`: answered, failed or given up. */
  state: "queued" | "delivered" | "done" = "queued";
  previous: PendingCall | undefined;
  next: PendingCall | undefined;
  #questions: Set<string> | undefined;
  readonly #head: string;
  readonly #tail: string;

  constructor(parts: CallParts) {
    this.order = parts.order;
    this.requestId = parts.requestId;
    this.tunnel = parts.tunnel;
    this.channel = parts.channel;
    const { isAside, staysOpen, endsWithConnector, sessionId } = parts.traits ?? PLAIN;
    this.isAside = isAside;
    this.staysOpen = staysOpen;
    this.endsWithConnector = endsWithConnector;
    this.sessionId = sessionId;
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

  get hasQuestions(): boolean {
    return this.#questions !== undefined && this.#questions.size > 0;
  }

  /** Requests of the target that the connector has not answered, by their ids as JSON. */
  get questions(): Set<string> {
    return this.#questions ??= new Set();
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
