/** How an exchange that gave no answer is reported: short fixed words, never text of the target. */
import { type HttpResponse, NetError } from "../../net/mod.ts";
import type { BodyFailureKind, ChannelFailure, FailureKind } from "../channel.ts";
import type { RedirectRefusal } from "./redirects.ts";
import { NotTextError } from "./sse_reader.ts";

const BAD_GATEWAY = 502;

/** No response head arrived (HT-15): the real cause, status 502. */
export function failureWithoutResponse(kind: FailureKind, detail: string): ChannelFailure {
  return { type: "failure", kind, upstreamStatus: 0, statusCode: BAD_GATEWAY, headers: [], detail };
}

/** A 2xx response was no MCP answer, or broke off (HT-12, LC-8, LC-11): status 502. */
export function brokenAnswer(kind: FailureKind, response: HttpResponse, detail: string): ChannelFailure {
  const { status, headers } = response;
  return { type: "failure", kind, upstreamStatus: status, statusCode: BAD_GATEWAY, headers, detail };
}

/** The target answered outside 200–299 without an error that can be handed on (HT-13, HT-14, P-118). */
export function refusedByTarget(
  kind: BodyFailureKind,
  response: HttpResponse,
  refusal: RedirectRefusal | undefined,
): ChannelFailure {
  const { status, headers } = response;
  const detail = refusal === undefined
    ? `the target answered ${status} without a JSON-RPC error for this message`
    : `the target redirects with ${status}, ${REFUSAL_TEXT[refusal]}`;
  return { type: "failure", kind, upstreamStatus: status, statusCode: status, headers, detail };
}

const REFUSAL_TEXT: Readonly<Record<RedirectRefusal, string>> = {
  "cross-origin": "to another origin, which is never followed; configure the final URL",
  "limit": "too many times in a row",
  "method": "in a way that would change the request; configure the final URL",
  "invalid-location": "to something that is not a URL",
};

/**
 * Turns what an exchange threw into a failure, or throws it again when it is not about the exchange.
 * @param response the response whose body was being read, if any
 * @throws the signal's `reason` when it was aborted
 */
export function failureOf(error: unknown, signal: AbortSignal, response?: HttpResponse): ChannelFailure {
  if (signal.aborted) throw signal.reason;
  if (error instanceof NetError) {
    if (response === undefined) return failureWithoutResponse(error.kind, error.explanation);
    return brokenAnswer(error.kind, response, error.explanation);
  }
  if (error instanceof NotTextError && response !== undefined) {
    return brokenAnswer("invalid_protocol_response", response, error.message);
  }
  throw error;
}
