/**
 * What a channel is to the agent: a place that takes one JSON-RPC message and gives back how it ended.
 * A channel never posts anything and knows nothing of the control plane.
 */
import type { HeaderPairs, NetErrorKind } from "../net/mod.ts";

/** Transport words of configuration, logs and the admin API (CH-6). */
export type TransportKind = "http-streamable" | "stdio" | "in-memory";

/** Header values by name as polled: all values, in order (P-65). Keys keep the spelling that was received. */
export type HeaderMap = Readonly<Record<string, readonly string[]>>;

/** A JSON-RPC id as a parsed value; compared by type and value, so `1` is not `"1"` (LC-8). */
export type JsonRpcId = string | number;

/**
 * Raw text of one JSON value, exactly as received. Bytes are valid UTF-8 that has been parsed once to look at it;
 * they are forwarded as they are, never decoded and encoded again.
 */
export type JsonText = string | Uint8Array;

/** One message for the target. */
export interface ChannelRequest {
  /** The JSON-RPC message as received (P-64). */
  readonly text: string;
  /** The same message, parsed, to look at; never serialised again. */
  readonly message: Readonly<Record<string, unknown>>;
  readonly method: string;
  /** Connector headers of the command; must not be mutated (P-111). */
  readonly headers: HeaderMap;
  /** True when the control plane vouches that an MCP header which is not among them was not sent either. */
  readonly headersComplete?: boolean;
}

/** A message that wants an answer. */
export interface ChannelCall extends ChannelRequest {
  readonly id: JsonRpcId;
}

/** Status and headers of the target's answer; status 200 and no headers where the transport has none (P-89). */
export interface ResponseHead {
  readonly status: number;
  readonly headers: HeaderPairs;
}

/** What a channel reports while a call runs. */
export interface CallObserver {
  /** The message has been written to the target; the connection window starts (P-96) unless `call` has ended. */
  sent(): void;
  /**
   * A notification of the target that belongs to this call, in order. The next message is not read before the
   * promise settles (P-99). Never rejects.
   */
  notification(text: JsonText, head: ResponseHead): Promise<void>;
  /**
   * A request of the target to its client, other than `ping`, made while this call runs. The connector's answer comes
   * back later, by {@link Channel.notify}. Absent where there is no connector to ask.
   * @returns false when it could not be handed over; the channel then refuses it itself. Never rejects.
   */
  serverRequest?(text: JsonText, head: ResponseHead): Promise<boolean>;
  /**
   * The target answers with an event stream that can be resumed, and has not said anything in it yet. Absent where
   * nobody wants to know. The next message is not handed over before the promise settles. Never rejects.
   */
  streamOpened?(head: ResponseHead): Promise<void>;
  /** The target has closed such a stream before its answer; the channel comes back for it by itself. Never rejects. */
  streamCut?(head: ResponseHead): Promise<void>;
}

/** Why a body of a non-2xx answer could not be handed on (P-118), or why the conversation itself was broken. */
export type BodyFailureKind =
  | "invalid_mcp_error"
  | "response_body_missing"
  | "response_body_unreadable"
  | "response_body_too_large"
  | "malformed_json"
  | "non_protocol_response";

/** Published failure words (P-122). `invalid_protocol_response`: the target broke JSON-RPC or MCP. */
export type FailureKind = NetErrorKind | BodyFailureKind | "http_status" | "invalid_protocol_response";

/** The exchange did not produce an answer that can be handed on; the agent synthesises one (section 17 of spec 01). */
export interface ChannelFailure {
  readonly type: "failure";
  readonly kind: FailureKind;
  /** Real HTTP status of the target, 0 when it gave none. */
  readonly upstreamStatus: number;
  /** Status to post: the target's own where it has one outside 200–299, else 502 (504 for a timeout of ours). */
  readonly statusCode: number;
  readonly headers: HeaderPairs;
  /** Short cause for the operator's log: no URL beyond its origin, no payload, no text of the target. */
  readonly detail: string;
}

/** How a call ended. */
export type CallResult =
  | {
    /** `response`: the final answer. `preserved`: a JSON-RPC error in a non-2xx answer, handed on unchanged (P-116). */
    readonly type: "response" | "preserved";
    readonly status: number;
    readonly headers: HeaderPairs;
    readonly text: JsonText;
    /** Numeric code when the answer is a JSON-RPC error; the only part of it that may be logged (P-120). */
    readonly errorCode: number | undefined;
    /** Write of the message to final answer, in ms, for `resp_timing`; undefined for in-memory targets. */
    readonly targetElapsedMs: number | undefined;
  }
  | ChannelFailure;

/** How a notification ended. */
export type NotifyResult =
  | { readonly type: "accepted"; readonly status: number; readonly headers: HeaderPairs }
  | ChannelFailure;

/** How a session termination ended; never a body (P-106). */
export type SessionResult =
  | { readonly type: "terminated"; readonly status: number; readonly headers: HeaderPairs }
  | ChannelFailure;

/** A channel's own word on its condition, for readiness and the page. */
export interface ChannelHealth {
  readonly state: "starting" | "ready" | "degraded" | "failed" | "stopped";
  /** Why, in words for an operator, already free of secrets; empty when ready. */
  readonly reason: string;
}

/** One bound channel. Created once and used for the life of the agent (CH-7). */
export interface Channel {
  /** Canonical name, e.g. `main`. */
  readonly name: string;
  readonly transport: TransportKind;
  /** True when state lives in this process and its children (P-21). */
  readonly procAffinity: boolean;
  /** How many calls may run at once; undefined means no limit of the channel's own (SE-1). */
  readonly maxConcurrentCalls: number | undefined;
  /** Brings the channel up (spawns the child). @throws when it can never work, e.g. command not found (ST-4) */
  start(): Promise<void>;
  /**
   * Runs one call to its end.
   * @throws the signal's `reason` when it was aborted; the channel has then cleaned up behind the call (P-74)
   */
  call(call: ChannelCall, observer: CallObserver, signal: AbortSignal): Promise<CallResult>;
  /** Hands over one notification. @throws the signal's `reason` when it was aborted */
  notify(notification: ChannelRequest, signal: AbortSignal): Promise<NotifyResult>;
  /** Ends a session (HT-28); absent where the transport has none, which is answered 405 (P-105). */
  terminateSession?(headers: HeaderMap, signal: AbortSignal): Promise<SessionResult>;
  health(): ChannelHealth;
  /**
   * Brings the channel down; afterwards no process, socket or timer of it is left. Idempotent.
   * @param graceMs how long a child may take to end by itself before it is killed
   */
  stop(graceMs: number): Promise<void>;
}
