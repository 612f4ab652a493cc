/** Which clock ended a command before its answer (P-191). */
export type AbortClock =
  /** The command's own deadline passed: nothing may be posted (P-73). */
  | "deadline"
  /** `mcp.connection-max-ttl` elapsed: answered with a timeout (P-96). */
  | "connection_ttl"
  /** The stop's drain limit was reached: answered with a failure. */
  | "drain_limit"
  /** Nobody waits for the answer any more, says the relay: nothing is posted (feature `cancel`). */
  | "cancelled";

/** The reason of a command's abort signal. */
export class CommandAborted extends Error {
  override readonly name = "CommandAborted";
  constructor(readonly clock: AbortClock) {
    super(`command ended by ${clock}`);
  }
}

/** Waits, unless the signal ends the wait first. @throws the signal's reason */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
