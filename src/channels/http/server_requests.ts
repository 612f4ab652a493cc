import { findMember } from "../../json/mod.ts";
import { NetError } from "../../net/mod.ts";
import type { ChannelCall } from "../channel.ts";
import type { ExchangeContext, SideSender } from "./exchange_context.ts";
import { ACCEPT_MESSAGES, describesMessage } from "./headers.ts";

/** Answers of one call that may be under way at once; more requests than that stay unanswered. */
const MAX_OPEN_REPLIES = 16;
/** How long one answer may take. */
const REPLY_TIMEOUT_MS = 10_000;

/** Why an answer was given up; never leaves this file. */
class ReplyGivenUp extends Error {
  override readonly name = "ReplyGivenUp";
}

/**
 * Answers requests that a server makes while it works on a call (P-104): `ping` with an empty result, all others
 * with method-not-found, because the connector cannot be asked. The stream is read on meanwhile.
 */
export class ServerRequests {
  readonly #sender: SideSender;
  readonly #context: ExchangeContext;
  readonly #call: ChannelCall;
  readonly #sessionId: string | undefined;
  #open = 0;

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
   * Starts answering one request and returns at once.
   * @param text the request as received; its id goes back letter by letter
   * @param callSignal ends the answer together with its call
   */
  answer(text: string, method: string, callSignal: AbortSignal): void {
    const { log } = this.#context;
    const isPing = method === "ping";
    if (this.#open >= MAX_OPEN_REPLIES) {
      log.warn("server request left unanswered", { openReplies: this.#open, ping: isPing });
      return;
    }
    this.#open++;
    log.debug("server request answered locally", { ping: isPing });
    this.#reply(replyText(text, isPing), callSignal).finally(() => this.#open--);
  }

  async #reply(body: string, callSignal: AbortSignal): Promise<void> {
    const { background, log } = this.#context;
    const givingUp = new AbortController();
    const giveUp = () => givingUp.abort(new ReplyGivenUp());
    const timer = setTimeout(giveUp, REPLY_TIMEOUT_MS);
    const forget = background.onStop(giveUp);
    callSignal.addEventListener("abort", giveUp, { once: true });
    if (callSignal.aborted) giveUp();
    try {
      const base: [string, string][] = [["Content-Type", "application/json"], ["Accept", ACCEPT_MESSAGES]];
      if (this.#sessionId !== undefined) base.push(["Mcp-Session-Id", this.#sessionId]);
      const response = await this.#sender.sendBeside({
        method: "POST",
        body,
        base,
        forwarded: this.#call.headers,
        drops: isNotForReply,
        signal: givingUp.signal,
      });
      response.body.cancel();
      if (response.status > 299) {
        log.warn("answer to server request refused", { statusCode: response.status });
      }
    } catch (error) {
      // Nobody waits for this task, so whatever goes wrong ends here, in the log.
      if (error instanceof ReplyGivenUp) log.debug("answer to server request given up");
      else {log.warn("answer to server request failed", {
          kind: error instanceof NetError ? error.kind : "unknown",
        });}
    } finally {
      clearTimeout(timer);
      forget();
      callSignal.removeEventListener("abort", giveUp);
    }
  }
}

function replyText(request: string, isPing: boolean): string {
  const span = findMember(request, "id");
  const id = span === undefined ? "null" : request.slice(span.start, span.end);
  const outcome = isPing ? `"result":{}` : `"error":{"code":-32601,"message":"Method not found"}`;
  return `{"jsonrpc":"2.0","id":${id},${outcome}}`;
}

function isNotForReply(lowerName: string): boolean {
  return lowerName === "last-event-id" || describesMessage(lowerName);
}
