import type { HttpResponse } from "../../net/mod.ts";
import { NetError } from "../../net/mod.ts";
import type { ChannelCall, ChannelFailure } from "../channel.ts";
import type { Clock } from "./clock.ts";
import type { ExchangeContext, SideSender } from "./exchange_context.ts";
import { brokenAnswer, failureOf } from "./failures.ts";
import { describesMessage, mediaType } from "./headers.ts";
import type { SseReader } from "./sse_reader.ts";

const MAX_ATTEMPTS = 5;
const MAX_STREAMS_WITHOUT_PROGRESS = 5;
const FIRST_DELAY_MS = 1_000;
const DELAY_FACTOR = 1.5;
const MAX_DELAY_MS = 30_000;

/** Continues a cut event stream where it broke, with GET and `Last-Event-ID` (HT-21). */
export class Resumption {
  readonly #sender: SideSender;
  readonly #context: ExchangeContext;
  readonly #call: ChannelCall;
  readonly #sessionId: string | undefined;
  #lastEventId = "";
  #retryMs: number | undefined;
  #streamsWithoutProgress = 0;

  constructor(
    sender: SideSender,
    context: ExchangeContext,
    call: ChannelCall,
    sessionId: string | undefined,
  ) {
    this.#sender = sender;
    this.#context = context;
    this.#call = call;
    this.#sessionId = sessionId;
  }

  /**
   * Opens the stream that continues the one that was cut.
   * @param cut the stream that ended
   * @param cutFailure what is reported when it cannot be continued because the server gave no event id
   * @param first the answer to the POST, whose head every result carries
   * @throws the signal's `reason` when it was aborted
   */
  async next(
    cut: SseReader,
    cutFailure: ChannelFailure,
    first: HttpResponse,
    signal: AbortSignal,
  ): Promise<{ readonly type: "stream"; readonly response: HttpResponse } | ChannelFailure> {
    if (cut.lastEventId === "") return cutFailure;
    if (cut.lastEventId === this.#lastEventId) {
      if (++this.#streamsWithoutProgress > MAX_STREAMS_WITHOUT_PROGRESS) return cutFailure;
    } else {
      this.#streamsWithoutProgress = 0;
    }
    this.#lastEventId = cut.lastEventId;
    this.#retryMs = cut.retryMs ?? this.#retryMs;
    for (let attempt = 1;; attempt++) {
      await this.#context.clock.sleep(delayMs(attempt, this.#retryMs, this.#context.clock), signal);
      try {
        return this.#judge(await this.#open(signal), first);
      } catch (error) {
        const failure = failureOf(error, signal, first);
        if (!(error instanceof NetError) || attempt === MAX_ATTEMPTS) return failure;
      }
    }
  }

  #open(signal: AbortSignal): Promise<HttpResponse> {
    const base: [string, string][] = [["Accept", "text/event-stream"], ["Last-Event-ID", this.#lastEventId]];
    if (this.#sessionId !== undefined) base.push(["Mcp-Session-Id", this.#sessionId]);
    const forwarded = this.#call.headers;
    return this.#sender.sendBeside({ method: "GET", base, forwarded, drops: isNotForResumption, signal });
  }

  #judge(
    response: HttpResponse,
    first: HttpResponse,
  ): { readonly type: "stream"; readonly response: HttpResponse } | ChannelFailure {
    if (
      response.status >= 200 && response.status <= 299 && mediaType(response.headers) === "text/event-stream"
    ) {
      return { type: "stream", response };
    }
    response.body.cancel();
    const detail = `the stream could not be resumed: the target answered ${response.status}`;
    const failure = brokenAnswer("invalid_protocol_response", first, detail);
    if (response.status < 400) return failure;
    return { ...failure, kind: "http_status", upstreamStatus: response.status };
  }
}

/** The server's own wish counts once; then 1 s × 1.5^(n−1) up to 30 s, plus up to as much again. */
function delayMs(attempt: number, retryMs: number | undefined, clock: Clock): number {
  if (attempt === 1 && retryMs !== undefined) return retryMs;
  const backoffMs = Math.min(FIRST_DELAY_MS * DELAY_FACTOR ** (attempt - 1), MAX_DELAY_MS);
  return backoffMs * (1 + clock.random());
}

/** Our own position in the stream counts, not one of the connector; and there is no body to describe. */
function isNotForResumption(lowerName: string): boolean {
  return lowerName === "last-event-id" || lowerName === "content-type" || describesMessage(lowerName);
}
