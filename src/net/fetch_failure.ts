/** What a failed `fetch` was, told from its texts because it gives no codes. */
import { type Failure, failureOfPermission, failureOfText } from "./failure.ts";
import { NetError } from "./net_error.ts";

/** Begins the part of the text that names the phase; before it stands the URL, which must be neither shown nor searched. */
const PHASE = /client error \((\w+)\)/;
const NO_CONNECTION: Failure = { kind: "dial", detail: "could not connect" };
const UNKNOWN: Failure = { kind: "unknown", detail: "request failed" };
const NOT_SENT: Failure = { kind: "unknown", detail: "request is not valid" };
const BROKEN_OFF: Failure = {
  kind: "unexpected_eof",
  detail: "connection closed before the end of the answer",
};

/**
 * Classifies what `fetch` threw.
 * @returns a {@link NetError} whose `requestWritten` is false only if the connection never stood (P-132)
 */
export function failureOfFetch(error: unknown): NetError {
  const refused = failureOfPermission(error);
  if (refused !== undefined) return netError(refused, false, error);
  const text = causeText(error);
  const phase = PHASE.exec(text);
  if (phase !== null) {
    const connecting = phase[1] === "Connect";
    const failure = failureOfText(text.slice(phase.index));
    return netError(failure ?? (connecting ? NO_CONNECTION : UNKNOWN), !connecting, error);
  }
  // Without a phase it is either a bare system error, or a request that `fetch` refused to begin.
  const failure = text.includes("://") ? undefined : failureOfText(text);
  if (failure !== undefined) return netError(failure, true, error);
  return error instanceof TypeError && error.cause === undefined
    ? netError(NOT_SENT, false, error)
    : netError(UNKNOWN, true, error);
}

/** Classifies what reading the body of a `fetch` response threw. */
export function failureOfFetchBody(error: unknown): NetError {
  return netError(failureOfText(causeText(error)) ?? BROKEN_OFF, true, error);
}

function netError({ kind, detail, reason }: Failure, requestWritten: boolean, cause: unknown): NetError {
  return new NetError(kind, detail, requestWritten, { cause, reason });
}

/** Text of the innermost cause: Deno 2.7 has no cause and all in the message, 2.9 has `fetch failed` and a cause. */
function causeText(error: unknown): string {
  let innermost = error;
  while (innermost instanceof Error && innermost.cause instanceof Error) innermost = innermost.cause;
  return innermost instanceof Error ? innermost.message : String(innermost);
}
