import type { HttpResponse } from "../../net/mod.ts";
import type { CallObserver, CallResult, ChannelCall, ChannelFailure, ResponseHead } from "../channel.ts";
import type { ExchangeContext, SideSender } from "./exchange_context.ts";
import { brokenAnswer, failureOf } from "./failures.ts";
import { headerValue } from "./headers.ts";
import { readMessage } from "./message.ts";
import { Resumption } from "./resumption.ts";
import { ServerRequests } from "./server_requests.ts";
import { SseReader } from "./sse_reader.ts";

/** A stream that was opened and stays silent for this long is told of, so that the connector's can be opened, too. */
const SILENT_MS = 100;

/** How reading one stream ended without the call's answer: the failure that stands if it cannot be resumed. */
interface Cut {
  readonly type: "cut";
  readonly failure: ChannelFailure;
  /** Whether the target has closed it itself, so that its client comes back later (SEP-1699). */
  readonly isClosed: boolean;
}

/** The event stream that answers one call, over as many connections as it takes (HT-18 … HT-21). */
export class AnswerStream {
  readonly #sender: SideSender;
  readonly #context: ExchangeContext;
  readonly #call: ChannelCall;
  /** The answer to the POST; its head stands for the whole call, its body is the first stream. */
  readonly #response: HttpResponse;
  readonly #head: ResponseHead;
  readonly #startedMs: number;
  readonly #serverRequests: ServerRequests;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #opening: Promise<void> | undefined;

  constructor(
    sender: SideSender,
    context: ExchangeContext,
    call: ChannelCall,
    response: HttpResponse,
    startedMs: number,
  ) {
    this.#sender = sender;
    this.#context = context;
    this.#call = call;
    this.#response = response;
    this.#head = { status: response.status, headers: response.headers };
    this.#startedMs = startedMs;
    this.#serverRequests = new ServerRequests(sender, context, call, this.#sessionId);
  }

  /** Reads until the call's answer or a failure. @throws the signal's `reason` when it was aborted */
  async read(observer: CallObserver, signal: AbortSignal): Promise<CallResult> {
    let reader = new SseReader(this.#response.body, () => this.#onIdle(observer));
    let end = await this.#readFirst(reader, observer, signal);
    if (end.type !== "cut") return end;
    const resumption = new Resumption(this.#sender, this.#context, this.#call, this.#sessionId);
    while (end.type === "cut") {
      const told = end.isClosed && reader.lastEventId !== "" ? observer.streamCut?.(this.#head) : undefined;
      const resumed = await resumption.next(reader, end.failure, this.#response, signal);
      await told;
      if (resumed.type === "failure") return resumed;
      reader = new SseReader(resumed.response.body);
      end = await this.#readStream(reader, resumed.response, observer, signal);
    }
    return end;
  }

  get #sessionId(): string | undefined {
    return headerValue(this.#response.headers, "mcp-session-id");
  }

  async #readFirst(
    reader: SseReader,
    observer: CallObserver,
    signal: AbortSignal,
  ): Promise<CallResult | Cut> {
    try {
      return await this.#readStream(reader, this.#response, observer, signal);
    } finally {
      clearTimeout(this.#silence);
    }
  }

  /** Most streams bring their answer at once; of those nobody is told before. */
  #onIdle(observer: CallObserver): void {
    if (observer.streamOpened === undefined) return;
    this.#silence ??= setTimeout(() => this.#opening = observer.streamOpened?.(this.#head), SILENT_MS);
  }

  async #readStream(
    reader: SseReader,
    response: HttpResponse,
    observer: CallObserver,
    signal: AbortSignal,
  ): Promise<CallResult | Cut> {
    for (;;) {
      let text: string | undefined;
      try {
        text = await reader.next();
      } catch (error) {
        const failure = failureOf(error, signal, this.#response);
        if (failure.kind !== "invalid_protocol_response") return { type: "cut", failure, isClosed: false };
        response.body.cancel();
        return failure;
      }
      clearTimeout(this.#silence);
      if (this.#opening !== undefined) await this.#opening;
      if (signal.aborted) throw signal.reason;
      if (text === undefined) {
        return {
          type: "cut",
          isClosed: true,
          failure: brokenAnswer("eof", this.#response, "the stream ended before the answer"),
        };
      }
      const message = readMessage(text);
      if (message.type === "notification") {
        await observer.notification(text, this.#head);
        continue;
      }
      if (message.type === "request") {
        if (message.method !== "ping" && await observer.serverRequest?.(text, this.#head)) continue;
        this.#serverRequests.answer(text, message.method, signal);
        continue;
      }
      if (message.type === "response" && message.id === this.#call.id) {
        response.body.cancel();
        const targetElapsedMs = this.#context.clock.now() - this.#startedMs;
        return { type: "response", ...this.#head, text, errorCode: message.errorCode, targetElapsedMs };
      }
      response.body.cancel();
      const detail = message.type === "invalid" ? message.reason : "the answer has the id of another call";
      return brokenAnswer("invalid_protocol_response", this.#response, detail);
    }
  }
}
