/** What is known of the connection to the control plane; plain data for readiness and the page. */
export interface PollState {
  /** Instant of the monotonic clock of the last successful poll (200 or 204). */
  lastSuccessAt: number | undefined;
  /** Unix time in seconds of the same, 0 before the first one. */
  lastSuccessUnixSeconds: number;
  consecutiveFailures: number;
  /** Status of the last failed poll, 0 when it failed without one or the last poll succeeded. */
  lastStatus: number;
  /** Safe text of the last failure, empty after a success. */
  lastError: string;
  /** Polling rests on purpose, because the local queue is full. */
  paused: boolean;
  /** Set while polls ask for less than configured, because something on the way cuts longer ones; see `poll_wait.ts`. */
  shortened: { readonly waitMs: number; readonly cutAfterMs: number } | undefined;
}

export function initialPollState(): PollState {
  return {
    lastSuccessAt: undefined,
    lastSuccessUnixSeconds: 0,
    consecutiveFailures: 0,
    lastStatus: 0,
    lastError: "",
    paused: false,
    shortened: undefined,
  };
}
