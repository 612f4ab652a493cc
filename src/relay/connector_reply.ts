import type { AgentResponse } from "./agent_response.ts";
import { connectorHeaders, contentTypeOf } from "./connector_headers.ts";
import { type EventFate, EventStream, eventText } from "./event_stream.ts";
import type { HttpReply } from "./http1/http_reply.ts";
import type { CallFailure, CallReply } from "./pending_call.ts";
import type { RelayCore } from "./relay_core.ts";
import type { Counters } from "./relay_counts.ts";
import { RelayError } from "./relay_error.ts";
import { connectorStatus, forbidsBody } from "./reply_status.ts";
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
  /** Where protected-resource metadata of this tunnel is found (P-176). */
  readonly metadataUrl: () => string;
}

/** The reply to one connector request: a single answer, or a stream once a notification came first (P-173). */
export class ConnectorReply implements CallReply {
  readonly response: Promise<HttpReply>;
  readonly #parts: ConnectorReplyParts;
  readonly #settle: (reply: HttpReply) => void;
  #stream: EventStream | undefined;

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

  finish(response: AgentResponse): void {
    const json = BODILESS.has(response.type) ? undefined : response.json;
    if (this.#stream !== undefined) return this.#stream.finish(json);
    const headers = connectorHeaders(response, this.#parts.metadataUrl);
    if (this.#parts.acceptsEvents && json !== undefined && contentTypeOf(headers).startsWith(EVENT_STREAM)) {
      return this.#settle({ status: 200, headers: this.#streamHeaders(headers), body: eventText(json) });
    }
    const status = connectorStatus(response.code);
    const body = json === undefined || forbidsBody(status) ? null : json;
    const kept = body === null ? headers : withJsonType(headers);
    this.#settle({ status, headers: [...kept, ["x-request-id", this.#parts.requestId]], body });
  }

  fail(failure: CallFailure, delivered: boolean): void {
    if (this.#stream !== undefined) return this.#stream.cut();
    const { core, requestId } = this.#parts;
    this.#settle(core.replies.error(failureError(failure, delivered, core), requestId));
  }

  drop(): void {
    this.#stream?.cut();
    const { core, requestId } = this.#parts;
    // Nobody reads it, but the server's handler must come to its end.
    this.#settle(
      core.replies.error(new RelayError("pending_request_not_found", "The connector hung up."), requestId),
    );
  }

  #openStream(first: AgentResponse): EventStream {
    const { core, tunnel, metadataUrl } = this.#parts;
    const stream = new EventStream({
      bufferBytes: core.settings.streamBufferBytes,
      holdMs: core.settings.notificationHoldMs,
      onEvent: (fate) => countEvent(tunnel.counters, fate),
    });
    const headers = this.#streamHeaders(connectorHeaders(first, metadataUrl));
    this.#settle({ status: 200, headers, body: stream });
    return stream;
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
  const waited = `within ${core.settings.responseTimeoutMs} ms`;
  const message = delivered
    ? `The tunnel client took the request but did not answer ${waited}.`
    : `No tunnel client took the request ${waited}.`;
  return new RelayError("tunnel_response_timeout", message);
}
