import type { HeaderPairs, HttpResponse } from "../../net/mod.ts";
import { BodyTooLargeError, NetError } from "../../net/mod.ts";
import type {
  BodyFailureKind,
  CallObserver,
  CallResult,
  ChannelCall,
  ChannelFailure,
  ChannelRequest,
  HeaderMap,
  NotifyResult,
  SessionResult,
} from "../channel.ts";
import { AnswerStream } from "./answer_stream.ts";
import type { ExchangeContext, SideRequest, SideSender } from "./exchange_context.ts";
import { brokenAnswer, failureOf, refusedByTarget } from "./failures.ts";
import { ACCEPT_MESSAGES, layerForwarded, layerPairs, mediaType } from "./headers.ts";
import { decodeBody, readMessage, readPreservableError } from "./message.ts";
import { type FollowedResponse, requestFollowing } from "./redirects.ts";

/** Bytes of a non-2xx body that are looked at (HT-22). */
const ERROR_BODY_LIMIT_BYTES = 102_400;

const MESSAGE_HEADERS: HeaderPairs = [["Content-Type", "application/json"], ["Accept", ACCEPT_MESSAGES]];
const NO_HEADERS: HeaderPairs = [];

/** The Streamable HTTP conversation for single messages (HT-1): no state is kept between them. */
export class Exchange implements SideSender {
  readonly #context: ExchangeContext;

  constructor(context: ExchangeContext) {
    this.#context = context;
  }

  /** One call to its end (HT-9 … HT-25). @throws the signal's `reason` when it was aborted */
  async call(call: ChannelCall, observer: CallObserver, signal: AbortSignal): Promise<CallResult> {
    const startedMs = this.#context.clock.now();
    const sent = await this.#sendMessage(call, signal);
    if ("type" in sent) return sent;
    observer.sent();
    const { response } = sent;
    if (!isSuccess(response.status)) return await this.#errorAnswer(call, sent, startedMs, signal);
    const media = mediaType(response.headers);
    if (media === "application/json") return await this.#jsonAnswer(call, response, startedMs, signal);
    if (media === "text/event-stream") {
      const stream = new AnswerStream(this, this.#context, call, response, startedMs);
      return await stream.read(observer, signal);
    }
    response.body.cancel();
    const detail = `the target answered a call with ${response.status} and neither JSON nor an event stream`;
    return brokenAnswer("invalid_protocol_response", response, detail);
  }

  /** Hands over one notification (HT-9, HT-14). @throws the signal's `reason` when it was aborted */
  async notify(notification: ChannelRequest, signal: AbortSignal): Promise<NotifyResult> {
    const sent = await this.#sendMessage(notification, signal);
    if ("type" in sent) return sent;
    const { response, refusal } = sent;
    response.body.cancel();
    if (!isSuccess(response.status)) return refusedByTarget("invalid_mcp_error", response, refusal);
    return { type: "accepted", status: response.status, headers: response.headers };
  }

  /** Ends a session with one DELETE; any status is the answer (HT-28). @throws the signal's `reason` */
  async terminateSession(forwarded: HeaderMap, signal: AbortSignal): Promise<SessionResult> {
    try {
      const { response } = await this.#send(
        "DELETE",
        undefined,
        NO_HEADERS,
        forwarded,
        this.#context.drops,
        signal,
      );
      response.body.cancel();
      return { type: "terminated", status: response.status, headers: response.headers };
    } catch (error) {
      return failureOf(error, signal);
    }
  }

  async sendBeside(request: SideRequest): Promise<HttpResponse> {
    const drops = (name: string) => request.drops(name) || this.#context.drops?.(name) === true;
    const { method, body, base, forwarded, signal } = request;
    return (await this.#send(method, body, base, forwarded, drops, signal)).response;
  }

  async #sendMessage(
    message: ChannelRequest,
    signal: AbortSignal,
  ): Promise<FollowedResponse | ChannelFailure> {
    try {
      const { drops } = this.#context;
      return await this.#send("POST", message.text, MESSAGE_HEADERS, message.headers, drops, signal);
    } catch (error) {
      return failureOf(error, signal);
    }
  }

  #send(
    method: string,
    body: string | undefined,
    base: HeaderPairs,
    forwarded: HeaderMap,
    drops: ((lowerName: string) => boolean) | undefined,
    signal: AbortSignal,
  ): Promise<FollowedResponse> {
    const { target, scope } = this.#context;
    return requestFollowing(target.client, {
      method,
      url: target.url,
      headers: (url) => layerForwarded(layerPairs(base, target.staticHeaders(url, scope)), forwarded, drops),
      body,
      signal,
    });
  }

  /** A JSON body is exactly one message, the answer (HT-10); anything else breaks the conversation (HT-16). */
  async #jsonAnswer(
    call: ChannelCall,
    response: HttpResponse,
    startedMs: number,
    signal: AbortSignal,
  ): Promise<CallResult> {
    let received: Uint8Array;
    try {
      received = await response.body.bytes();
    } catch (error) {
      return failureOf(error, signal, response);
    }
    const targetElapsedMs = this.#context.clock.now() - startedMs;
    const body = decodeBody(received);
    if (body === undefined) {
      return brokenAnswer("invalid_protocol_response", response, "the answer is not UTF-8");
    }
    const message = readMessage(body.text);
    if (message.type !== "response") {
      const detail = message.type === "invalid" ? message.reason : `the answer is a ${message.type}`;
      return brokenAnswer("invalid_protocol_response", response, detail);
    }
    if (message.id !== call.id) {
      return brokenAnswer("invalid_protocol_response", response, "the answer has the id of another call");
    }
    const { status, headers } = response;
    return {
      type: "response",
      status,
      headers,
      text: body.bytes,
      errorCode: message.errorCode,
      targetElapsedMs,
    };
  }

  /** Non-2xx: an MCP error for this call is handed on as it is, everything else is a failure (HT-22 … HT-25). */
  async #errorAnswer(
    call: ChannelCall,
    { response, refusal }: FollowedResponse,
    startedMs: number,
    signal: AbortSignal,
  ): Promise<CallResult> {
    const { status, headers } = response;
    let received: Uint8Array;
    try {
      received = await response.body.bytes(ERROR_BODY_LIMIT_BYTES);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      return refusedByTarget(captureFailure(error), response, refusal);
    }
    const targetElapsedMs = this.#context.clock.now() - startedMs;
    if (received.length === 0) return refusedByTarget("response_body_missing", response, refusal);
    const body = decodeBody(received);
    const verdict = body === undefined ? "malformed_json" : readPreservableError(body.text, call.id);
    if (body === undefined || typeof verdict === "string") {
      return refusedByTarget(verdict as BodyFailureKind, response, refusal);
    }
    return {
      type: "preserved",
      status,
      headers,
      text: body.bytes,
      errorCode: verdict.errorCode,
      targetElapsedMs,
    };
  }
}

function captureFailure(error: unknown): BodyFailureKind {
  if (error instanceof BodyTooLargeError) return "response_body_too_large";
  if (error instanceof NetError) return "response_body_unreadable";
  throw error;
}

function isSuccess(status: number): boolean {
  return status >= 200 && status <= 299;
}
