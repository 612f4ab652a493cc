import { findMember, type StreamSign } from "../agent/wire.ts";
import type { AgentResponse } from "./agent_response.ts";
import { connectorHeaders, contentTypeOf } from "./connector_headers.ts";
import { type EventFate, EventStream, type EventStreamOptions, eventText } from "./event_stream.ts";
import type { HttpReply } from "./http1/http_reply.ts";
import type { CallFailure, CallReply } from "./pending_call.ts";
import type { RelayCore } from "./relay_core.ts";
import type { Counters } from "./relay_counts.ts";
import { RelayError } from "./relay_error.ts";
import { knowsPriming, ResumableStream, tokenOf } from "./resumable_stream.ts";
import { connectorStatus, forbidsBody } from "./reply_status.ts";
import type { SessionStep } from "./session_steps.ts";
import type { Session } from "./session_table.ts";
import type { Tunnel } from "./tunnel.ts";

const EVENT_STREAM = "text/event-stream";
/** Answers without payload, whatever the agent put there (P-175). */
const BODILESS = new Set(["notify_ack", "session_termination_response"]);

export interface ConnectorReplyParts {
  readonly core: RelayCore;
  readonly tunnel: Tunnel;
  readonly requestId: string;
  /** Whether the connector takes server-sent events (P-173). */
  readonly acceptsEvents: boolean;
  /** The session of the request, where the relay knows it. */
  readonly session: Session | undefined;
  /** `Authorization` of the request, where its answer can be resumed. Secret. */
  readonly authorization: string | undefined;
  /** What the answer means for sessions. */
  readonly sessionStep: SessionStep | undefined;
  /** The connector's message when it is a request, which waits for an answer. */
  readonly callText: string | undefined;
  /** Where protected-resource metadata of this tunnel is found (P-176). */
  readonly metadataUrl: () => string;
}

/** The reply to one connector request: a single answer, or a stream once a notification came first (P-173). */
export class ConnectorReply implements CallReply {
  readonly response: Promise<HttpReply>;
  readonly #parts: ConnectorReplyParts;
  readonly #settle: (reply: HttpReply) => void;
  #stream: EventStream | ResumableStream | undefined;
  #reader: EventStream | undefined;

  constructor(parts: ConnectorReplyParts) {
    const { promise, resolve } = Promise.withResolvers<HttpReply>();
    this.response = promise;
    this.#settle = resolve;
    this.#parts = parts;
  }

  notify(response: AgentResponse): boolean | Promise<boolean> {
    const { acceptsEvents, tunnel } = this.#parts;
    if (!acceptsEvents || response.json === undefined) {
      tunnel.counters.notificationsSkipped++;
      return false;
    }
    this.#stream ??= this.#openStream(response);
    return this.#stream.write(response.json);
  }

  follow(sign: StreamSign, response: AgentResponse): boolean {
    const { acceptsEvents, session, callText } = this.#parts;
    // Only clients of newer revisions know that a stream without an answer is to be asked for again (SEP-1699).
    const canFollow = acceptsEvents && callText !== undefined && session !== undefined &&
      knowsPriming(session);
    if (!canFollow) return false;
    this.#stream ??= this.#openStream(response);
    return sign === "stream_cut" && this.#stream instanceof ResumableStream && this.#stream.pause();
  }

  finish(response: AgentResponse): void {
    const json = BODILESS.has(response.type) ? undefined : response.json;
    if (this.#stream !== undefined) return this.#stream.finish(json);
    const status = this.#statusOf(response);
    const headers = this.#headersOf(response, status, json);
    if (this.#parts.acceptsEvents && json !== undefined && contentTypeOf(headers).startsWith(EVENT_STREAM)) {
      const body = this.#resumable()?.finishedText(json) ?? eventText(json);
      return this.#settle({ status: 200, headers: this.#streamHeaders(headers), body });
    }
    const body = json === undefined || forbidsBody(status) ? null : json;
    const kept = body === null ? headers : withJsonType(headers);
    this.#settle({ status, headers: [...kept, ["x-request-id", this.#parts.requestId]], body });
  }

  fail(failure: CallFailure, delivered: boolean): void {
    const { core, requestId, callText } = this.#parts;
    const error = failureError(failure, delivered, core);
    if (this.#stream instanceof ResumableStream && failure !== "stopped" && callText !== undefined) {
      // A connector that sees no answer would come back for it again and again.
      return this.#stream.finish(errorAnswer(callText, error));
    }
    if (this.#stream !== undefined) return this.#stream.cut();
    this.#settle(core.replies.error(error, requestId));
  }

  /** Whether somebody would read now what comes. */
  get isRead(): boolean {
    return !(this.#stream instanceof ResumableStream) || this.#stream.isRead;
  }

  /** The connection has broken. @returns true when the connector can come back for the answer */
  detach(): boolean {
    return this.#stream instanceof ResumableStream && this.#stream.detach(this.#reader);
  }

  drop(): void {
    this.#stream?.cut();
    const { core, requestId } = this.#parts;
    // Nobody reads it, but the server's handler must come to its end.
    this.#settle(
      core.replies.error(new RelayError("pending_request_not_found", "The connector hung up."), requestId),
    );
  }

  #openStream(first: AgentResponse): EventStream | ResumableStream {
    const stream = this.#resumable();
    this.#reader = stream?.open() ?? new EventStream(this.#connection());
    const headers = this.#streamHeaders(this.#headersOf(first, 200, undefined));
    this.#settle({ status: 200, headers, body: this.#reader });
    return stream ?? this.#reader;
  }

  #connection(): EventStreamOptions {
    const { core: { settings }, tunnel: { counters } } = this.#parts;
    const { streamBufferBytes: bufferBytes, notificationHoldMs: holdMs } = settings;
    return { bufferBytes, holdMs, onEvent: (fate) => countEvent(counters, fate) };
  }

  /** A stream that its connector can come back to; for requests of sessions that the relay knows. */
  #resumable(): ResumableStream | undefined {
    const { session, authorization, callText, tunnel, requestId } = this.#parts;
    if (session === undefined || callText === undefined) return undefined;
    return new ResumableStream({
      token: tokenOf(requestId),
      session,
      authorization,
      shelf: tunnel.resumable,
      connection: this.#connection(),
    });
  }

  /** MCP wants 202 for what is no request; a target without HTTP knows no statuses (2025-11-25, sending messages 4). */
  #statusOf({ type, code }: AgentResponse): number {
    const isAccepted = type === "notify_ack" && code === 200 && this.#parts.session?.issuer === "relay";
    return isAccepted ? 202 : connectorStatus(code);
  }

  #headersOf(response: AgentResponse, status: number, json: string | undefined): [string, string][] {
    const headers = connectorHeaders(response, this.#parts.metadataUrl);
    const added = this.#parts.sessionStep?.answered(status, headers, json);
    if (added !== undefined) { for (const [name, value] of added) headers.push([name, value]); }
    return headers;
  }

  /** Headers of the first event, with the relay's word on type and caching (P-174). */
  #streamHeaders(headers: readonly [string, string][]): [string, string][] {
    const kept = headers.filter(([name]) => !/^(?:content-type|cache-control)$/i.test(name));
    kept.push(
      ["content-type", EVENT_STREAM],
      ["cache-control", "no-cache"],
      ["x-request-id", this.#parts.requestId],
    );
    return kept;
  }
}

/** A payload that is not framed as events must not call itself a stream; one without type gets its own (P-175). */
function withJsonType(headers: readonly [string, string][]): readonly [string, string][] {
  const type = contentTypeOf(headers);
  if (type !== "" && !type.startsWith(EVENT_STREAM)) return headers;
  const others = headers.filter(([name]) => name.toLowerCase() !== "content-type");
  return [...others, ["content-type", "application/json"]];
}

/** A failure as the answer to a request. */
function errorAnswer(callText: string, { message }: RelayError): string {
  const span = findMember(callText, "id");
  const id = span === undefined ? "null" : callText.slice(span.start, span.end);
  return `{"jsonrpc":"2.0","id":${id},"error":{"code":-32000,"message":${JSON.stringify(message)}}}`;
}

function countEvent(counters: Counters, fate: EventFate): void {
  if (fate === "held") counters.notificationsHeld++;
  else if (fate === "written") counters.notificationsSent++;
  else if (fate === "dropped") counters.notificationsDropped++;
  else {
    counters.notificationsHeld--;
    if (fate === "written-late") counters.notificationsSent++;
    else if (fate === "dropped-late") counters.notificationsDropped++;
  }
}

/** What a caller reads whose call ended without an answer. */
export function failureError(failure: CallFailure, delivered: boolean, core: RelayCore): RelayError {
  if (failure === "stopped") return new RelayError("relay_stopping", "The relay is stopping.");
  if (failure === "deleted") return new RelayError("tunnel_not_found", "The tunnel was deleted.");
  const waited = `within ${core.settings.responseTimeoutMs} ms`;
  const message = delivered
    ? `The tunnel client took the request but did not answer ${waited}.`
    : `No tunnel client took the request ${waited}.`;
  return new RelayError("tunnel_response_timeout", message);
}
