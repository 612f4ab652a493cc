import type { CallResult, JsonText } from "../channel.ts";
import type { Frame } from "./frame_reader.ts";
import { stdioFailure } from "./result.ts";
import type { RunningCall } from "./running_call.ts";
import { applyEdits, type Edit, findPath, memberAt, SUBSCRIPTION_ID } from "./wire_text.ts";

/** The request as it is written: the caller's text, with private names where there are any. */
export function outgoingText(running: RunningCall): string {
  const { call, names } = running;
  const edits: Edit[] = [];
  if (names.id !== call.id) restore(call.text, ["id"], JSON.stringify(names.id), edits);
  if (names.originalToken !== undefined) {
    restore(call.text, ["params", "_meta", "progressToken"], JSON.stringify(names.token), edits);
  }
  return edits.length === 0 ? call.text : applyEdits(call.text, edits);
}

/** Judges an answer and puts it back into the caller's terms. */
export function resultOf(frame: Frame, running: RunningCall): CallResult {
  const { value } = frame;
  const error = value.error ?? undefined;
  const code = memberAt(error, ["code"]);
  const wellFormed = value.jsonrpc === "2.0" &&
    (error === undefined
      ? "result" in value
      : Number.isInteger(code) && typeof memberAt(error, ["message"]) === "string");
  if (!wellFormed) {
    return stdioFailure("invalid_protocol_response", "answered with something that is no JSON-RPC response");
  }
  const { id, originalId } = running.names;
  const edits: Edit[] = [];
  restore(frame.text, ["id"], originalId, edits);
  if (originalId !== undefined && memberAt(value, ["result", "_meta", SUBSCRIPTION_ID]) === id) {
    restore(frame.text, ["result", "_meta", SUBSCRIPTION_ID], originalId, edits);
  }
  return {
    type: "response",
    status: 200,
    headers: [],
    text: incomingText(frame, edits),
    errorCode: typeof code === "number" ? code : undefined,
    targetElapsedMs: running.elapsedMs(),
  };
}

/** The answer to a subscription that the child has ended with a cancellation, which HTTP does not know (2026-07-28). */
export function endOfSubscription(running: RunningCall): CallResult {
  const { call, names } = running;
  const id = names.originalId ?? JSON.stringify(call.id);
  return {
    type: "response",
    status: 200,
    headers: [],
    text:
      `{"jsonrpc":"2.0","id":${id},"result":{"resultType":"complete","_meta":{"${SUBSCRIPTION_ID}":${id}}}}`,
    errorCode: undefined,
    targetElapsedMs: running.elapsedMs(),
  };
}

/** The text, or bytes, to hand on. */
export function incomingText(frame: Frame, edits: readonly Edit[]): JsonText {
  return edits.length === 0 ? frame.bytes ?? frame.text : applyEdits(frame.text, edits);
}

/** Adds the edit that puts `replacement`, if there is one, in the place of the member. */
export function restore(
  text: string,
  path: readonly string[],
  replacement: string | undefined,
  edits: Edit[],
): void {
  const span = replacement === undefined ? undefined : findPath(text, path);
  if (span !== undefined && replacement !== undefined) edits.push({ span, replacement });
}
