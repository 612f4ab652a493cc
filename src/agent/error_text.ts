import { BodyTooLargeError, NetError, nextStepOf } from "../net/mod.ts";
import { ControlPlaneStatusError, ControlPlaneTimeoutError, MetadataError } from "./control_plane_error.ts";
import { PollBodyError } from "./decode.ts";

/**
 * Words for logs and readiness. The message of an error that this program did not word itself may quote payloads,
 * header values or URLs (`JSON.parse` and `new URL` do), so of such an error only its name and place are told (P-156).
 * @param peer origin of whom was to be reached, told with a failure to reach it
 */
export function describeError(error: unknown, peer = ""): string {
  if (error instanceof NetError) {
    const failed = error.peer === "" ? peer : error.peer; // a proxy may stand before whom was to be reached
    return (failed === "" ? "" : `${failed}: `) + netErrorText(error);
  }
  if (!(error instanceof Error)) return `unexpected ${typeof error}`;
  if (isWordedHere(error)) return error.message;
  return `unexpected ${error.name}${placeOf(error)}`;
}

/** The published word for the failure, the detail where that says more, and what to do about it. */
function netErrorText({ kind, detail, reason }: NetError): string {
  const words = kind.replaceAll("_", " ");
  const nextStep = nextStepOf(reason);
  return (detail.startsWith(words) ? detail : `${words}: ${detail}`) +
    (nextStep === "" ? "" : `; ${nextStep}`);
}

function isWordedHere(error: Error): boolean {
  return error instanceof ControlPlaneStatusError || error instanceof ControlPlaneTimeoutError ||
    error instanceof MetadataError || error instanceof PollBodyError || error instanceof BodyTooLargeError;
}

/** File, line and column of the topmost stack frame that has them, e.g. ` at decode.ts:12:3`. */
function placeOf(error: Error): string {
  const stack = error.stack ?? "";
  const frames = stack.slice(stack.indexOf(error.message) + error.message.length);
  const place = /^ +at .*?([\w.-]+:\d+:\d+)\)?$/m.exec(frames)?.[1];
  return place === undefined ? "" : ` at ${place}`;
}
